/* Stopping a call, in every phase and from every place; also while a name is being resolved. */
#include "http_rig.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>

/* libcurl resolves on a thread of its own through this function, which we put before the real one:
 * "stuck.test" waits until the test lets it go. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  changed = PTHREAD_COND_INITIALIZER;
static bool            let_go;
static int             waiting;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    if (node && strcmp(node, "stuck.test") == 0) {
        pthread_mutex_lock(&lock);
        waiting++;
        pthread_cond_broadcast(&changed);
        while (!let_go) pthread_cond_wait(&changed, &lock);
        waiting--;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        return EAI_AGAIN;
    }
    if (node && strcmp(node, "missing.test") == 0) return EAI_NONAME;
    typedef int (*Real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    Real real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, out);
}

static void release_resolver(int descriptors)
{
    pthread_mutex_lock(&lock);
    let_go = true;
    pthread_cond_broadcast(&changed);
    while (waiting) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    while (tap_descriptors() > descriptors) sched_yield(); /* the thread closes its own last */
}

static void wait_for_resolver(void)
{
    pthread_mutex_lock(&lock);
    let_go = false;
    while (!waiting) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void begin(Rig *rig, const HttpRequest *request, Got *got)
{
    got_init(got, rig);
    CHECK(http_begin(rig->transport, request, &GOT_EVENTS, got, &got->call, &got->outcome) ==
          ST_OK);
}

TEST(cancelling_never_waits_for_name_resolution)
{
    int before = tap_descriptors();
    Rig rig;
    Got got;
    let_go = false;
    rig_open(&rig, NULL, NULL);
    HttpRequest request = get("http://stuck.test/");
    begin(&rig, &request, &got);
    rig_run_due(&rig);
    wait_for_resolver();
    http_cancel(got.call); /* would wait here for ever */
    CHECK_INT(got.ends, 0);
    rig_close(&rig);
    got_clear(&got);
    release_resolver(before);
}

TEST(a_resolver_that_hangs_is_a_connect_stall)
{
    int before = tap_descriptors();
    Rig rig;
    Got got;
    let_go = false;
    rig_open(&rig, NULL, NULL);
    HttpRequest request = get("http://stuck.test/");
    request.connect_ms = SHORT_MS;
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_TIMEOUT);
    CHECK(strstr(got.outcome.text, ": connect: ") != NULL);
    rig_close(&rig);
    got_clear(&got);
    release_resolver(before);
}

TEST(freeing_the_transport_never_waits_for_name_resolution)
{
    int before = tap_descriptors();
    Rig rig;
    Got got;
    let_go = false;
    rig_open(&rig, NULL, NULL);
    HttpRequest request = get("http://stuck.test/");
    begin(&rig, &request, &got);
    rig_run_due(&rig);
    wait_for_resolver();
    rig_close(&rig);
    CHECK_INT(got.ends, 0);
    got_clear(&got);
    release_resolver(before);
}

TEST(a_name_that_does_not_exist_is_unavailable_and_says_so)
{
    Rig rig;
    Got got;
    rig_open(&rig, NULL, NULL);
    HttpRequest request = get("http://missing.test/path?key=value");
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_UNAVAILABLE);
    CHECK(strstr(got.outcome.text, "GET http://missing.test/path: could not resolve") != NULL);
    CHECK(strstr(got.outcome.text, "value") == NULL);
    got_clear(&got);
    rig_close(&rig);
}

/* -- phases ------------------------------------------------------------------------------------ */

TEST(a_call_cancelled_right_after_it_began_leaves_nothing)
{
    Rig rig;
    Got got;
    Raw raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", STR(""), false);
    HttpRequest request = get(raw.url);
    begin(&rig, &request, &got);
    http_cancel(got.call);
    rig_run_due(&rig);
    CHECK_INT(got.heads + got.ends, 0);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

static void cancel_call(void *arg)
{
    Got *got = arg;
    http_cancel(got->call);
    loop_stop(got->loop);
}

TEST(a_call_cancelled_while_it_waits_for_its_answer_gets_no_event)
{
    Rig rig;
    Got got;
    Raw raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", STR(""), false);
    raw.on_seen = cancel_call;
    raw.arg = &got;
    HttpRequest request = get(raw.url);
    begin(&rig, &request, &got);
    CHECK(loop_run(rig.loop));
    rig_run_due(&rig);
    CHECK_INT(got.heads + got.ends, 0);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

static const Str ANSWER = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 42};

static void head_that_cancels(void *arg, const HttpHead *head)
{
    got_head(arg, head);
    cancel_call(arg);
}

TEST(a_call_cancelled_inside_on_head_gets_no_data_and_no_end)
{
    static const HttpEvents EVENTS = {head_that_cancels, got_data, got_end};
    Rig                     rig;
    Got                     got;
    Raw                     raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", ANSWER, true);
    HttpRequest request = get(raw.url);
    got_init(&got, &rig);
    CHECK(http_begin(rig.transport, &request, &EVENTS, &got, &got.call, &got.outcome) == ST_OK);
    CHECK(loop_run(rig.loop));
    rig_run_due(&rig);
    CHECK_INT(got.heads, 1);
    CHECK_INT(got.pieces + got.ends, 0);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

static void cancel_inside(Got *got) { cancel_call(got); }

TEST(a_call_cancelled_inside_on_data_gets_no_further_data_and_no_end)
{
    Rig rig;
    Got got;
    Raw raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", ANSWER, true);
    HttpRequest request = get(raw.url);
    begin(&rig, &request, &got);
    got.on_piece = cancel_inside;
    CHECK(loop_run(rig.loop));
    rig_run_due(&rig);
    CHECK_INT(got.pieces, 1);
    CHECK_INT(got.ends, 0);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

static void end_that_cancels(void *arg, const Err *outcome)
{
    got_end(arg, outcome);
    http_cancel(((Got *)arg)->call);
}

TEST(cancelling_inside_on_end_changes_nothing)
{
    static const HttpEvents EVENTS = {got_head, got_data, end_that_cancels};
    Rig                     rig;
    Got                     got;
    Raw                     raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", ANSWER, true);
    HttpRequest request = get(raw.url);
    got_init(&got, &rig);
    CHECK(http_begin(rig.transport, &request, &EVENTS, &got, &got.call, &got.outcome) == ST_OK);
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.ends, 1);
    CHECK_INT(got.outcome.status, ST_UNAVAILABLE);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

static void hold_back(Got *got) { http_pause(got->call, true); }

TEST(a_paused_call_can_be_cancelled)
{
    Rig rig;
    Got got;
    Raw raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", ANSWER, false);
    raw.on_seen = NULL;
    HttpRequest request = get(raw.url);
    begin(&rig, &request, &got);
    got.on_piece = hold_back;
    while (got.pieces == 0) rig_run_due(&rig);
    http_pause(got.call, false);
    http_cancel(got.call);
    rig_run_due(&rig);
    CHECK_INT(got.ends, 0);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

/* -- one call's event touches another call ----------------------------------------------------- */

static void answer_pieces(void *arg, ServerRequest *request)
{
    Err err;
    (void)arg;
    CHECK(reply_head(request, 200, NULL, 0, &err) == ST_OK);
    CHECK(reply_write(request, STR("abc"), &err) == ST_OK);
    reply_end(request);
}

static Rig        *shared;
static Got         second;
static HttpRequest second_request;

static void begin_another_inside(Got *got)
{
    got->on_piece = NULL;
    begin(shared, &second_request, &second);
    CHECK_INT(second.ends, 0);
}

TEST(a_call_may_begin_inside_the_on_data_of_another)
{
    Rig rig;
    Got got;
    rig_open(&rig, answer_pieces, NULL);
    shared = &rig;
    HttpRequest request = second_request = get(rig.url);
    begin(&rig, &request, &got);
    got.on_piece = begin_another_inside;
    while (got.ends == 0 || second.ends == 0) CHECK(loop_run(rig.loop));
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_INT(second.outcome.status, ST_OK);
    CHECK_TEXT(second.body.ptr, "abc");
    got_clear(&got);
    got_clear(&second);
    rig_close(&rig);
}

static void cancel_the_second(Got *got)
{
    (void)got;
    http_cancel(second.call);
}

TEST(a_call_may_cancel_another_inside_its_own_on_data)
{
    Rig rig;
    Got got;
    Raw raw;
    rig_open(&rig, answer_pieces, NULL);
    raw_open(&raw, rig.loop, "http", STR(""), false);
    HttpRequest request = get(rig.url), silent = get(raw.url);
    begin(&rig, &silent, &second);
    begin(&rig, &request, &got);
    got.on_piece = cancel_the_second;
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_INT(second.ends, 0);
    got_clear(&got);
    got_clear(&second);
    raw_close(&raw);
    rig_close(&rig);
}

static void end_that_begins(void *arg, const Err *outcome)
{
    CHECK_INT(outcome->status, ST_OK);
    ((Got *)arg)->ends++;
    begin(shared, &second_request, &second);
}

TEST(a_call_may_begin_inside_the_on_end_of_another)
{
    static const HttpEvents EVENTS = {got_head, got_data, end_that_begins};
    Rig                     rig;
    Got                     got;
    rig_open(&rig, answer_pieces, NULL);
    shared = &rig;
    HttpRequest request = second_request = get(rig.url);
    got_init(&got, &rig);
    CHECK(http_begin(rig.transport, &request, &EVENTS, &got, &got.call, &got.outcome) == ST_OK);
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.ends, 1);
    CHECK_INT(second.ends, 1);
    CHECK_INT(server_connections(rig.server), 1); /* the first had given its connection back */
    got_clear(&got);
    got_clear(&second);
    rig_close(&rig);
}

static void pause_and_go_on(Got *got)
{
    http_pause(got->call, true);
    http_pause(got->call, false);
}

TEST(pausing_and_going_on_inside_on_data_loses_nothing)
{
    Rig rig;
    Got got;
    rig_open(&rig, answer_pieces, NULL);
    HttpRequest request = get(rig.url);
    begin(&rig, &request, &got);
    got.on_piece = pause_and_go_on;
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(got.body.ptr, "abc");
    got_clear(&got);
    rig_close(&rig);
}

int main(void) { return rig_run(); }
