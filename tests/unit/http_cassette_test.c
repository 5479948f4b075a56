/* A recording in memory and on disk: what is kept, what is played when, and what is no recording.
 */
#include "../../host/http/cassette.h"
#include "http_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char KEY[] = "sk-very-secret-0123456789";

static char folder[] = "/tmp/cassette-test-XXXXXX";
static int  files;

static const char *new_path(void)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%d.rec", folder, files++);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static char *read_text(const char *path)
{
    char *text = mem_new(1 * MB);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    if (!file) return text;
    CHECK(fread(text, 1, 1 * MB - 1, file) > 0);
    CHECK(fclose(file) == 0);
    return text;
}

/* -- a play, and calls in it ------------------------------------------------------------------- */

typedef struct Play {
    Loop      *loop;
    Transport *transport;
    char       log[2000]; /* what calls were told: "a:head a:hello a:end " */
    int        told;      /* differences */
    Err        difference;
} Play;

typedef struct Call {
    Play       *play;
    const char *name;
    HttpCall   *call;
    bool        stops; /* cancels itself at its first piece */
    const char *then;  /* may be NULL: asked for when it ends, as "then" */
    Err         outcome;
} Call;

static void note(Play *play, const char *name, Str what)
{
    size_t at = strlen(play->log);
    snprintf(play->log + at, sizeof play->log - at, "%s:%.*s ", name, STR_ARG(what));
}

static void differs(void *arg, const Err *how)
{
    Play *play = arg;
    play->told++;
    play->difference = *how;
}

static void play_open(Play *play, const char *text)
{
    Err         err;
    Buf         about;
    const char *path = new_path();
    memset(play, 0, sizeof *play);
    write_text(path, text);
    buf_init(&about, 1 * KB);
    CHECK(loop_new(&play->loop, false, &err) == ST_OK);
    CHECK(cassette_play(play->loop, path, differs, play, &play->transport, &about, &err) == ST_OK);
    CHECK_TEXT(about.ptr, "{}");
    buf_clear(&about);
}

static void play_close(Play *play)
{
    transport_free(play->transport);
    CHECK_INT(loop_objects(play->loop), 0);
    loop_free(play->loop);
}

static void on_head(void *arg, const HttpHead *head)
{
    Call *call = arg;
    CHECK_INT(head->status, 200);
    note(call->play, call->name, STR("head"));
}

static void on_data(void *arg, Str bytes)
{
    Call *call = arg;
    note(call->play, call->name, bytes);
    if (call->stops) http_cancel(call->call);
}

static void             on_end(void *arg, const Err *outcome);
static const HttpEvents EVENTS = {on_head, on_data, on_end};

static void ask(Play *play, Call *call, const char *name, const char *url)
{
    Err         err;
    HttpRequest request = get(url);
    call->play = play;
    call->name = name;
    CHECK(http_begin(play->transport, &request, &EVENTS, call, &call->call, &err) == ST_OK);
}

static void on_end(void *arg, const Err *outcome)
{
    Call *call = arg;
    note(call->play, call->name, STR("end"));
    call->outcome = *outcome;
    if (call->then) {
        const char *url = call->then;
        call->then = NULL;
        ask(call->play, call, "then", url);
    }
}

static void stop_loop(void *arg) { loop_stop(arg); }

/* Runs the loop for long enough that whatever can be played was. */
static void play_all(Play *play)
{
    for (int i = 0; i < 50; i++) {
        Timer *timer = timer_new(play->loop, stop_loop, play->loop);
        timer_set(timer, loop_now(play->loop));
        CHECK(loop_run(play->loop));
        timer_free(timer);
    }
}

#define REQUEST(n, path)                                                                           \
    "{\"request\":" n ",\"head\":\"GET http://a.test/" path "\\n\",\"body\":\"\"}\n"
#define HEAD(n)       "{\"head\":" n ",\"status\":200,\"headers\":[]}\n"
#define DATA(n, text) "{\"data\":" n ",\"bytes\":\"" text "\"}\n"
#define END(n)        "{\"end\":" n ",\"code\":\"ok\",\"message\":\"\"}\n"
#define FIRST         "{\"cassette\":1,\"about\":{}}\n"

TEST(equal_requests_are_answered_in_their_recorded_order)
{
    Play play;
    Err  err;
    Call a = {.then = "http://a.test/x"};
    play_open(&play, FIRST REQUEST("1", "x") HEAD("1") DATA("1", "one") END("1") REQUEST("2", "x")
                         HEAD("2") DATA("2", "two") END("2") "{\"closed\":2}\n");
    ask(&play, &a, "a", "http://a.test/x");
    CHECK_TEXT(play.log, ""); /* nothing from inside http_begin */
    play_all(&play);
    CHECK_TEXT(play.log, "a:head a:one a:end then:head then:two then:end ");
    CHECK(transport_finish(play.transport, &err) == ST_OK);
    play_close(&play);
}

TEST(a_reply_waits_for_the_request_that_was_made_before_it)
{
    Play play;
    Call a = {0}, b = {0};
    play_open(&play, FIRST REQUEST("1", "a") REQUEST("2", "b") HEAD("2") DATA("2", "B") HEAD("1")
                         END("2") DATA("1", "A") END("1") "{\"closed\":2}\n");
    ask(&play, &a, "a", "http://a.test/a");
    play_all(&play);
    CHECK_TEXT(play.log, "");
    ask(&play, &b, "b", "http://a.test/b");
    play_all(&play);
    CHECK_TEXT(play.log, "b:head b:B a:head b:end a:A a:end ");
    play_close(&play);
}

TEST(a_call_may_be_cancelled_in_its_own_callback_and_others_go_on)
{
    Play play;
    Call a = {.stops = true}, b = {0};
    play_open(&play, FIRST REQUEST("1", "a") REQUEST("2", "b") HEAD("1") DATA("1", "A")
                         DATA("1", "more") HEAD("2") END("1") END("2") "{\"closed\":2}\n");
    ask(&play, &a, "a", "http://a.test/a");
    ask(&play, &b, "b", "http://a.test/b");
    play_all(&play);
    CHECK_TEXT(play.log, "a:head a:A b:head b:end ");
    play_close(&play);
}

TEST(a_paused_call_is_told_no_more_until_it_goes_on)
{
    Play play;
    Call a = {0};
    play_open(&play, FIRST REQUEST("1", "a") HEAD("1") DATA("1", "A") END("1") "{\"closed\":1}\n");
    ask(&play, &a, "a", "http://a.test/a");
    http_pause(a.call, true);
    play_all(&play);
    CHECK_TEXT(play.log, "a:head ");
    http_pause(a.call, false);
    play_all(&play);
    CHECK_TEXT(play.log, "a:head a:A a:end ");
    play_close(&play);
}

TEST(a_request_that_is_not_there_ends_the_play_and_is_told_once)
{
    Play play;
    Call a = {0}, b = {0}, c = {0};
    play_open(&play, FIRST REQUEST("1", "a") HEAD("1") REQUEST("2", "b?x=1") "{\"closed\":2}\n");
    ask(&play, &a, "a", "http://a.test/a");
    ask(&play, &b, "b", "http://a.test/b?x=2");
    play_all(&play);
    ask(&play, &c, "c", "http://a.test/b?x=1");
    play_all(&play);
    CHECK_INT(play.told, 1);
    CHECK(strstr(play.difference.text, "differs from request 2 of the recording at byte 23 of its "
                                       "head: recorded \"GET http://a.test/b?x=1  \"") != NULL);
    CHECK(strstr(play.difference.text, "now \"GET http://a.test/b?x=2  \"") != NULL);
    CHECK_INT(a.outcome.status, ST_INVALID);
    CHECK_INT(b.outcome.status, ST_INVALID);
    CHECK_INT(c.outcome.status, ST_INVALID);
    play_close(&play);
}

TEST(a_recording_that_stopped_says_so_where_it_stops)
{
    Play play;
    Call a = {0};
    play_open(&play, FIRST REQUEST("1", "a") HEAD("1") "{\"stopped\":\"full\"}\n");
    ask(&play, &a, "a", "http://a.test/a");
    play_all(&play);
    CHECK_TEXT(play.log, "a:head a:end ");
    CHECK(strstr(a.outcome.text, "it was stopped at its limit") != NULL);
    play_close(&play);
}

TEST(calls_that_are_left_when_a_play_ends_are_let_go_without_a_word)
{
    Play play;
    Err  err;
    Call a = {0};
    play_open(&play, FIRST REQUEST("1", "a") REQUEST("2", "b") HEAD("1") "{\"closed\":2}\n");
    ask(&play, &a, "a", "http://a.test/a");
    play_all(&play);
    CHECK_INT(transport_finish(play.transport, &err), ST_INVALID);
    CHECK(strstr(err.text, "request 2 of the recording was not made: GET http://a.test/b") != NULL);
    play_close(&play);
    CHECK_TEXT(play.log, "");
}

/* -- what is kept ------------------------------------------------------------------------------ */

static void answer(void *arg, ServerRequest *request)
{
    Err        err;
    Str        value = request_header(request, "x-key");
    HttpHeader headers[] = {{STR("X-Echo"), value}, {STR("Set-Cookie"), STR("a=its-own-secret")}};
    (void)arg;
    CHECK(reply_head(request, 200, headers, 2, &err) == ST_OK);
    CHECK(reply_write(request, STR("it is \xff"), &err) == ST_OK);
    CHECK(reply_write(request, str_cut(value, 0, 9), &err) == ST_OK);
    CHECK(reply_write(request, str_cut(value, 9, value.len), &err) == ST_OK);
    reply_end(request);
}

TEST(no_secret_is_kept_and_what_is_kept_plays_again)
{
    Rig         rig;
    Got         got;
    Err         err;
    struct stat info;
    const char *path = new_path();
    char        url[200];
    setenv("TEST_API_KEY", KEY, 1);
    secrets_open();
    rig_open(&rig, answer, NULL);
    CHECK(cassette_record(path, STR("{}"), rig.transport, &rig.transport, &err) == ST_OK);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);

    snprintf(url, sizeof url, "%sgiven?key=%s", rig.url, KEY);
    HttpHeader  cookie = {STR("Cookie"), STR("my-own-secret")};
    HttpRequest request = get(url);
    request.headers = &cookie;
    request.header_count = 1;
    request.body = (Str){KEY, sizeof KEY - 1};
    request.secret = STR("TEST_API_KEY");
    request.secret_header = STR("x-key");
    Buf host;
    buf_init(&host, 100);
    CHECK(http_host_key(request.url, &host, &err) == ST_OK);
    CHECK(secrets_allow(request.secret, buf_str(&host), &err) == ST_OK);
    buf_clear(&host);
    rig_fetch(&rig, &request, &got);
    CHECK(got.outcome.status == ST_OK && strstr(got.body.ptr, KEY) != NULL); /* the run has it */
    got_clear(&got);
    CHECK(transport_finish(rig.transport, &err) == ST_OK);
    transport_free(rig.transport);
    CHECK(cassette_record(path, STR("{}"), NULL, &rig.transport, &err) == ST_INVALID);

    char *text = read_text(path);
    CHECK(strstr(text, "sk-very") == NULL && strstr(text, "own-secret") == NULL);
    CHECK(strstr(text, "\\nx-key: [TEST_API_KEY]\\n") != NULL);
    CHECK(strstr(text, "{\"hex\":\"") != NULL);
    free(text);

    Buf about;
    buf_init(&about, 100);
    CHECK(cassette_play(rig.loop, path, differs, NULL, &rig.transport, &about, &err) == ST_OK);
    buf_clear(&about);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(got.body.ptr, "it is \xff*************************");
    got_clear(&got);
    CHECK(transport_finish(rig.transport, &err) == ST_OK);
    rig_close(&rig);
    secrets_close();
}

/* RLIMIT_FSIZE is a full disk that a test can have: with SIGXFSZ ignored, write answers EFBIG. */
TEST(a_file_that_cannot_grow_ends_the_recording_and_not_the_request)
{
    Rig           rig;
    Got           got;
    Err           err;
    const char   *path = new_path();
    struct rlimit before, small;
    rig_open(&rig, answer, NULL);
    CHECK(cassette_record(path, STR("{}"), rig.transport, &rig.transport, &err) == ST_OK);
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = before;
    small.rlim_cur = 200;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    HttpRequest request = get(rig.url);
    rig_fetch(&rig, &request, &got);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_INT(got.outcome.status, ST_OK);
    got_clear(&got);
    CHECK_INT(transport_finish(rig.transport, &err), ST_IO);
    CHECK(strstr(err.text, "what stands there plays up to here") != NULL);
    rig_close(&rig);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    int  failed = rig_run();
    char path[200];
    while (files-- > 0) {
        snprintf(path, sizeof path, "%s/%d.rec", folder, files);
        unlink(path);
    }
    rmdir(folder);
    return failed;
}
