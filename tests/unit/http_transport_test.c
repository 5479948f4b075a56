/* The transport against our own server: what goes out, what comes back, what ends a call early. */
#include "http_rig.h"

/* Answers "METHOD PATH HEADER=VALUE... BODY" for the headers of the request. */
static void echo(void *arg, ServerRequest *request)
{
    Err err;
    Buf text;
    (void)arg;
    buf_init(&text, 1 * MB);
    CHECK(buf_printf(&text, &err, "%.*s %.*s\n", STR_ARG(request->method),
                     STR_ARG(request->path)) == ST_OK);
    for (size_t i = 0; i < request->header_count; i++)
        CHECK(buf_printf(&text, &err, "%.*s=%.*s\n", STR_ARG(request->headers[i].name),
                         STR_ARG(request->headers[i].value)) == ST_OK);
    CHECK(buf_printf(&text, &err, "body=%.*s\n", STR_ARG(request->body)) == ST_OK);
    HttpHeader type = {STR("Content-Type"), STR("text/Plain")};
    CHECK(reply_head(request, 200, &type, 1, &err) == ST_OK);
    CHECK(reply_write(request, buf_str(&text), &err) == ST_OK);
    reply_end(request);
    buf_clear(&text);
}

TEST(a_request_goes_out_as_written_and_its_answer_comes_back)
{
    Rig rig;
    Got got;
    rig_open(&rig, echo, NULL);
    HttpHeader  headers[] = {{STR("X-Plain"), STR("a b")},
                             {STR("x-empty"), STR("")},
                             {STR("Content-Type"), STR("application/json")}};
    HttpRequest request = get(rig.url);
    request.method = STR("POST");
    request.body = STR("{\"n\":1}");
    request.headers = headers;
    request.header_count = 3;
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_INT(got.status, 200);
    CHECK(strstr(got.head.ptr, "content-type: text/Plain\n") != NULL);
    CHECK(strncmp(got.body.ptr, "POST /\n", 7) == 0);
    CHECK(strstr(got.body.ptr, "\nx-plain=a b\n") != NULL);
    CHECK(strstr(got.body.ptr, "\nx-empty=\n") != NULL);
    CHECK(strstr(got.body.ptr, "\ncontent-type=application/json\n") != NULL);
    CHECK(strstr(got.body.ptr, "\ncontent-length=7\n") != NULL);
    CHECK(strstr(got.body.ptr, "gzip") != NULL);
    CHECK(strstr(got.body.ptr, "expect=") == NULL);
    CHECK(strstr(got.body.ptr, "\nbody={\"n\":1}\n") != NULL);
    got_clear(&got);
    rig_close(&rig);
}

TEST(each_method_sends_its_own_name_and_only_the_body_it_was_given)
{
    static const char *const METHODS[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    Rig                      rig;
    rig_open(&rig, echo, NULL);
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        Got         got;
        HttpRequest request = get(rig.url);
        request.method = str_from(METHODS[i]);
        rig_fetch(&rig, &request, &got);
        CHECK_INT(got.outcome.status, ST_OK);
        CHECK(strncmp(got.body.ptr, METHODS[i], strlen(METHODS[i])) == 0);
        CHECK(strstr(got.body.ptr, "\nbody=\n") != NULL);
        CHECK(strstr(got.body.ptr, "urlencoded") == NULL);
        got_clear(&got);
    }
    rig_close(&rig);
}

TEST(a_HEAD_request_has_a_head_and_no_body)
{
    Rig rig;
    Got got;
    rig_open(&rig, echo, NULL);
    HttpRequest request = get(rig.url);
    request.method = STR("HEAD");
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_INT(got.heads, 1);
    CHECK_INT(got.body.len, 0);
    got_clear(&got);
    rig_close(&rig);
}

TEST(a_large_body_arrives_whole_without_asking_for_leave_first)
{
    Rig rig;
    Got got;
    Buf body;
    Err err;
    rig_open(&rig, echo, NULL);
    buf_init(&body, 3 * MB);
    for (int i = 0; i < 200000; i++) CHECK(buf_printf(&body, &err, "%09d\n", i) == ST_OK);
    HttpRequest request = get(rig.url);
    request.method = STR("POST");
    request.body = buf_str(&body);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK(strstr(got.body.ptr, "\ncontent-length=2000000\n") != NULL);
    CHECK(strstr(got.body.ptr, "expect=") == NULL);
    buf_clear(&body);
    got_clear(&got);
    rig_close(&rig);
}

static void answer_with_status(void *arg, ServerRequest *request)
{
    Err        err;
    HttpHeader header = {STR("location"), STR("http://127.0.0.1:1/elsewhere")};
    CHECK(reply_head(request, *(int *)arg, &header, 1, &err) == ST_OK);
    CHECK(reply_write(request, STR("why"), &err) == ST_OK);
    reply_end(request);
}

TEST(refusals_and_redirects_are_answers_not_failures)
{
    static const int STATUSES[] = {201, 301, 307, 400, 401, 403, 404, 408, 413, 429, 500, 503, 529};
    Rig              rig;
    int              status = 0;
    rig_open(&rig, answer_with_status, &status);
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        Got got;
        status = STATUSES[i];
        HttpRequest request = get(rig.url);
        rig_fetch(&rig, &request, &got);
        CHECK_INT(got.outcome.status, ST_OK);
        CHECK_INT(got.status, status);
        CHECK_TEXT(got.body.ptr, "why");
        got_clear(&got);
    }
    rig_close(&rig);
}

/* -- streaming --------------------------------------------------------------------------------- */

static ServerRequest *kept;

static void say_one_and_keep(void *arg, ServerRequest *request)
{
    Err err;
    (void)arg;
    kept = request;
    CHECK(reply_head(request, 200, NULL, 0, &err) == ST_OK);
    CHECK(reply_write(request, STR("1"), &err) == ST_OK);
}

/* Each piece that arrived lets the server send the next: what was sent is not held back. */
static void ask_for_more(Got *got)
{
    Err err;
    if (got->body.len == 5)
        reply_end(kept);
    else
        CHECK(reply_write(kept, STR("+"), &err) == ST_OK);
}

TEST(each_piece_of_a_stream_arrives_before_the_next_is_sent)
{
    Rig rig;
    Got got;
    rig_open(&rig, say_one_and_keep, NULL);
    got_init(&got, &rig);
    got.on_piece = ask_for_more;
    HttpRequest request = get(rig.url);
    CHECK(http_begin(rig.transport, &request, &GOT_EVENTS, &got, &got.call, &got.outcome) == ST_OK);
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(got.body.ptr, "1++++");
    CHECK_INT(got.pieces, 5);
    got_clear(&got);
    rig_close(&rig);
}

static void cut_it(Got *got)
{
    (void)got;
    reply_abort(kept);
}

TEST(a_stream_that_is_cut_is_unavailable_and_keeps_what_came)
{
    Rig rig;
    Got got;
    rig_open(&rig, say_one_and_keep, NULL);
    got_init(&got, &rig);
    got.on_piece = cut_it;
    HttpRequest request = get(rig.url);
    CHECK(http_begin(rig.transport, &request, &GOT_EVENTS, &got, &got.call, &got.outcome) == ST_OK);
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.outcome.status, ST_UNAVAILABLE);
    CHECK_TEXT(got.body.ptr, "1");
    CHECK_INT(got.ends, 1);
    got_clear(&got);
    rig_close(&rig);
}

/* Writes until the client does not take it, and again whenever it did. */
static size_t poured;

static void pour(void *arg, ServerRequest *request)
{
    static char block[8192];
    Err         err;
    (void)arg;
    memset(block, 'x', sizeof block);
    while (!reply_gone(request) && reply_unsent(request) == 0) {
        if (reply_write(request, (Str){block, sizeof block}, &err) != ST_OK) break;
        poured += sizeof block;
    }
    if (reply_gone(request)) reply_end(request);
}

static void gone(void *arg, ServerRequest *request)
{
    (void)arg;
    reply_end(request);
}

static void pour_without_end(void *arg, ServerRequest *request)
{
    Err         err;
    ReplyEvents events = {gone, pour};
    CHECK(reply_head(request, 200, NULL, 0, &err) == ST_OK);
    reply_watch(request, &events, NULL);
    poured = 0;
    pour(arg, request);
}

TEST(an_endless_body_ends_at_the_limit_and_never_beyond_it)
{
    Rig rig;
    Got got;
    rig_open(&rig, pour_without_end, NULL);
    HttpRequest request = get(rig.url);
    request.body_limit = 100000;
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_LIMIT);
    CHECK(strstr(got.outcome.text, "longer than its limit") != NULL);
    CHECK(got.body.len <= 100000 && got.body.len > 0);
    got_clear(&got);
    rig_close(&rig);
}

static void pause_at_once(Got *got)
{
    http_pause(got->call, true);
    loop_stop(got->loop);
}

static void go_on_and_cancel_later(Got *got)
{
    if (got->body.len < *(size_t *)got->user) return;
    http_cancel(got->call);
    loop_stop(got->loop);
}

TEST(a_paused_stream_stops_the_sender_and_goes_on_where_it_was)
{
    Rig rig;
    Got got;
    rig_open(&rig, pour_without_end, NULL);
    got_init(&got, &rig);
    got.on_piece = pause_at_once;
    HttpRequest request = get(rig.url);
    request.body_limit = 64 * MB;
    request.idle_ms = SHORT_MS; /* a pause is no stall */
    CHECK(http_begin(rig.transport, &request, &GOT_EVENTS, &got, &got.call, &got.outcome) == ST_OK);
    CHECK(loop_run(rig.loop));
    size_t before = got.body.len;
    Timer *timer = timer_new(rig.loop, rig_stop, rig.loop);
    timer_set(timer, loop_now(rig.loop) + 3 * SHORT_MS);
    CHECK(loop_run(rig.loop));
    CHECK_INT(got.ends, 0);
    CHECK_INT(got.body.len, before);
    CHECK(poured < 32 * MB); /* what lies in the kernel's buffers, and one more block */
    size_t wanted = poured + 1 * MB;
    got.on_piece = go_on_and_cancel_later;
    got.user = &wanted;
    http_pause(got.call, false);
    CHECK_INT(got.body.len, before); /* nothing comes from inside http_pause */
    CHECK(loop_run(rig.loop));
    CHECK(got.body.len >= wanted);
    CHECK_INT(got.ends, 0);
    timer_free(timer);
    got_clear(&got);
    rig_close(&rig);
}

/* -- refused before it begins ------------------------------------------------------------------ */

static Status begin_only(Rig *rig, const HttpRequest *request, Err *err)
{
    Got got;
    got_init(&got, rig);
    Status status = http_begin(rig->transport, request, &GOT_EVENTS, &got, &got.call, err);
    if (status == ST_OK) http_cancel(got.call);
    CHECK_INT(got.ends, 0);
    got_clear(&got);
    return status;
}

TEST(only_http_and_https_URLs_without_a_user_are_taken)
{
    static const char *const URLS[] = {"",
                                       "127.0.0.1/",
                                       "file:///etc/passwd",
                                       "ftp://127.0.0.1/",
                                       "gopher://127.0.0.1/",
                                       "http://",
                                       "http://user:word@127.0.0.1/",
                                       "http://user@127.0.0.1/",
                                       "http://127.0.0.1/a b",
                                       "http://127.0.0.1:99999/",
                                       "http://127.0.0.1/\r\nHost: x"};
    Rig                      rig;
    Err                      err;
    rig_open(&rig, NULL, NULL);
    for (size_t i = 0; i < sizeof URLS / sizeof URLS[0]; i++) {
        HttpRequest request = get(URLS[i]);
        if (begin_only(&rig, &request, &err) != ST_INVALID) printf("# %s\n", URLS[i]);
        CHECK_INT(err.status, ST_INVALID);
        CHECK(strstr(err.text, "word") == NULL);
    }
    rig_close(&rig);
}

TEST(a_header_cannot_carry_a_second_one)
{
    static const HttpHeader BAD[] = {{{"x", 1}, {"a\r\nevil: 1", 10}},
                                     {{"x", 1}, {"a\nb", 3}},
                                     {{"x", 1}, {"a\0b", 3}},
                                     {{"x\r\ny", 4}, {"a", 1}},
                                     {{"x:y", 3}, {"a", 1}},
                                     {{"", 0}, {"a", 1}},
                                     {{"x y", 3}, {"a", 1}},
                                     {{"Host", 4}, {"a", 1}},
                                     {{"content-length", 14}, {"1", 1}},
                                     {{"Transfer-Encoding", 17}, {"chunked", 7}}};
    Rig                     rig;
    Err                     err;
    rig_open(&rig, NULL, NULL);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        HttpRequest request = get("http://127.0.0.1:9/");
        request.headers = &BAD[i];
        request.header_count = 1;
        CHECK_INT(begin_only(&rig, &request, &err), ST_INVALID);
    }
    HttpRequest request = get("http://127.0.0.1:9/");
    request.method = STR("GET / HTTP/1.1\r\nx: y\r\n\r\n");
    CHECK_INT(begin_only(&rig, &request, &err), ST_INVALID);
    request.method = STR("GET");
    request.idle_ms = 0;
    CHECK_INT(begin_only(&rig, &request, &err), ST_INVALID);
    rig_close(&rig);
}

/* -- many calls -------------------------------------------------------------------------------- */

static int count_sockets(void)
{
    int  count = 0;
    char path[64], target[64];
    for (int fd = 3; fd < 256; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (len > 7 && strncmp(target, "socket:", 7) == 0) count++;
    }
    return count;
}

TEST(a_hundred_requests_in_a_row_share_one_connection_and_leave_nothing)
{
    Rig    rig;
    size_t objects = 0;
    int    sockets = 0;
    rig_open(&rig, echo, NULL);
    for (int i = 0; i < 100; i++) {
        Got         got;
        HttpRequest request = get(rig.url);
        rig_fetch(&rig, &request, &got);
        CHECK_INT(got.outcome.status, ST_OK);
        got_clear(&got);
        if (i == 0) {
            objects = loop_objects(rig.loop);
            sockets = count_sockets();
        }
    }
    CHECK_INT(server_connections(rig.server), 1);
    CHECK_INT(loop_objects(rig.loop), objects);
    CHECK_INT(count_sockets(), sockets);
    rig_close(&rig);
}

static int ends_left;

static void end_of_many(void *arg, const Err *outcome)
{
    Got *got = arg;
    got->outcome = *outcome;
    if (--ends_left == 0) loop_stop(got->loop);
}

TEST(many_requests_side_by_side_each_get_their_own_answer)
{
    enum { MANY = 40 };
    static const HttpEvents EVENTS = {got_head, got_data, end_of_many};
    Rig                     rig;
    Got                     gots[MANY];
    rig_open(&rig, echo, NULL);
    ends_left = MANY;
    for (int i = 0; i < MANY; i++) {
        char url[100];
        got_init(&gots[i], &rig);
        snprintf(url, sizeof url, "%s%d", rig.url, i);
        HttpRequest request = get(url);
        CHECK(http_begin(rig.transport, &request, &EVENTS, &gots[i], &gots[i].call,
                         &gots[i].outcome) == ST_OK);
    }
    CHECK(loop_run(rig.loop));
    for (int i = 0; i < MANY; i++) {
        char want[40];
        snprintf(want, sizeof want, "GET /%d\n", i);
        CHECK_INT(gots[i].outcome.status, ST_OK);
        CHECK(strncmp(gots[i].body.ptr, want, strlen(want)) == 0);
        got_clear(&gots[i]);
    }
    rig_close(&rig);
}

int main(void) { return rig_run(); }
