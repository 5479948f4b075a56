/* Requests of tools: to listed hosts only, at every hop, and no secret in what comes back. */
#include "../../host/http/fetch.h"
#include "http_rig.h"

static const char KEY[] = "sk-very-secret-0123456789";

/* Two servers that answer by path, and what they were asked. */
typedef struct Site {
    Rig       rig;
    Server   *other; /* another origin: the same machine, another port */
    char      other_url[64];
    char      seen[4000]; /* "METHOD path|name=value;...|body\n" a request */
    FetchSpec spec;
    HostRules rules;
    Fetch    *fetch;
    int       ends;
    Err       outcome;
    int       status;
    char      url[200], head[2000], body[4000], location[200];
} Site;

static void note_request(Site *site, const ServerRequest *request, bool other)
{
    static const char *const SHOWN[] = {"authorization", "cookie", "content-type", "x-key",
                                        "x-mine"};
    size_t                   at = strlen(site->seen);
    char                    *out = site->seen;
    at += (size_t)snprintf(out + at, sizeof site->seen - at, "%s%.*s %.*s|", other ? "other " : "",
                           STR_ARG(request->method), STR_ARG(request->path));
    for (size_t i = 0; i < sizeof SHOWN / sizeof SHOWN[0]; i++) {
        Str value = request_header(request, SHOWN[i]);
        if (value.ptr)
            at += (size_t)snprintf(out + at, sizeof site->seen - at, "%s=%.*s;", SHOWN[i],
                                   STR_ARG(value));
    }
    snprintf(out + at, sizeof site->seen - at, "|%.*s\n", STR_ARG(request->body));
}

static void send_redirect(Site *site, ServerRequest *request, int status, const char *to)
{
    Err        err;
    char       where[300];
    HttpHeader location = {STR("Location"), {where, 0}};
    if (strncmp(to, "other", 5) == 0)
        snprintf(where, sizeof where, "%s%s", site->other_url, to + 5);
    else
        snprintf(where, sizeof where, "%s", to);
    location.value.len = strlen(where);
    CHECK(reply_head(request, status, &location, 1, &err) == ST_OK);
    CHECK(reply_write(request, STR("moved"), &err) == ST_OK);
    reply_end(request);
}

/* Sends back what it was given, in pieces that cut the key. */
static void send_echo(ServerRequest *request)
{
    Err        err;
    Str        value = request_header(request, "authorization");
    HttpHeader echo = {STR("X-Echo"), value};
    CHECK(reply_head(request, 401, &echo, 1, &err) == ST_OK);
    CHECK(reply_write(request, STR("you said "), &err) == ST_OK);
    CHECK(reply_write(request, str_cut(value, 0, 15), &err) == ST_OK);
    CHECK(reply_write(request, str_cut(value, 15, value.len), &err) == ST_OK);
    CHECK(reply_write(request, STR(" and "), &err) == ST_OK);
    CHECK(reply_write(request, str_cut(value, 7, value.len - 1), &err) == ST_OK);
    reply_end(request);
}

static void answer(Site *site, ServerRequest *request, bool other)
{
    Err err;
    Str path = request->path;
    note_request(site, request, other);
    if (str_starts(path, STR("/to/"))) { /* /to/307/PLACE */
        int64_t status = 0;
        char    place[200];
        CHECK(str_to_int64(str_cut(path, 4, 7), &status));
        snprintf(place, sizeof place, "%.*s", STR_ARG(str_cut(path, 8, path.len)));
        send_redirect(site, request, (int)status, place);
    } else if (str_is(path, "/key")) {
        char place[100];
        snprintf(place, sizeof place, "/at/%s", KEY);
        send_redirect(site, request, 302, place);
    } else if (str_is(path, "/echo")) {
        send_echo(request);
    } else if (!str_is(path, "/never")) {
        HttpHeader kind = {STR("Content-Type"), STR("text/plain")};
        CHECK(reply_head(request, 200, &kind, 1, &err) == ST_OK);
        CHECK(reply_write(request, STR("hello"), &err) == ST_OK);
        reply_end(request);
    }
}

static void asked(void *arg, ServerRequest *request) { answer(arg, request, false); }
static void asked_other(void *arg, ServerRequest *request) { answer(arg, request, true); }

/* Rules: "$A" and "$B" are the two servers' ports. */
static void site_open(Site *site, const char *entries)
{
    Err err;
    memset(site, 0, sizeof *site);
    setenv("MODEL_API_KEY", KEY, 1);
    setenv("SHORT_SECRET", "abc", 1);
    secrets_open();
    rig_open(&site->rig, asked, site);
    CHECK(server_new(site->rig.loop, "127.0.0.1", 0, asked_other, site, &site->other, &err) ==
          ST_OK);
    snprintf(site->other_url, sizeof site->other_url, "http://127.0.0.1:%u",
             server_port(site->other));
    for (Str rest = str_from(entries), part; str_next(&rest, ' ', &part);) {
        char entry[100];
        snprintf(entry, sizeof entry, "%.*s", STR_ARG(part));
        char *port = strchr(entry, '$');
        if (port)
            snprintf(port, 10, "%u", server_port(port[1] == 'A' ? site->rig.server : site->other));
        if (part.len) CHECK(host_rules_add(&site->rules, str_from(entry), &err) == ST_OK);
    }
    site->spec.redirects = 5;
}

static void site_close(Site *site)
{
    server_free(site->other);
    rig_close(&site->rig);
    host_rules_clear(&site->rules);
    secrets_close();
}

static void on_done(void *arg, const Err *outcome, FetchAnswer *got)
{
    Site *site = arg;
    site->ends++;
    site->outcome = *outcome;
    loop_stop(site->rig.loop);
    if (outcome->status != ST_OK) return;
    site->status = got->status;
    snprintf(site->url, sizeof site->url, "%.*s", STR_ARG(got->url));
    snprintf(site->body, sizeof site->body, "%.*s", STR_ARG(buf_str(&got->body)));
    snprintf(site->location, sizeof site->location, "%s", got->location.ptr);
    for (size_t i = 0; i < got->header_count; i++) {
        size_t at = strlen(site->head);
        snprintf(site->head + at, sizeof site->head - at, "%.*s: %.*s\n",
                 STR_ARG(got->headers[i].name), STR_ARG(got->headers[i].value));
    }
}

/* Asks for `path` of the first server, or for a whole URL, with what stands in site->spec. */
static Status ask(Site *site, const char *path)
{
    char url[300];
    snprintf(url, sizeof url, "%s%s", path[0] == '/' ? site->rig.url : "",
             path[0] == '/' ? path + 1 : path);
    HttpRequest request = get(url), given = site->spec.request;
    if (given.method.ptr) request.method = given.method;
    if (given.body_limit) request.body_limit = given.body_limit;
    request.body = given.body;
    request.headers = given.headers;
    request.header_count = given.header_count;
    request.secret = given.secret;
    request.secret_header = STR("authorization");
    request.secret_prefix = STR("Bearer ");
    request.hosts = &site->rules;
    FetchSpec spec = {request, site->spec.redirects};
    site->seen[0] = site->head[0] = site->body[0] = site->url[0] = '\0';
    site->ends = 0;
    err_clear(&site->outcome);
    if (fetch_begin(site->rig.transport, &spec, on_done, site, &site->fetch, &site->outcome) !=
        ST_OK)
        return site->outcome.status;
    CHECK_INT(site->ends, 0);
    CHECK(loop_run(site->rig.loop));
    CHECK_INT(site->ends, 1);
    CHECK(!strstr(site->outcome.text, KEY) && !strstr(site->body, KEY));
    CHECK(!strstr(site->head, KEY) && !strstr(site->url, KEY));
    return site->outcome.status;
}

static void check_has(const char *text, const char *want)
{
    if (!strstr(text, want)) CHECK_TEXT(text, want);
}

TEST(an_answer_comes_whole)
{
    Site site;
    site_open(&site, "127.0.0.1:$A");
    HttpHeader mine = {STR("X-Mine"), STR("1")};
    site.spec.request = (HttpRequest){
        .method = STR("POST"), .body = STR("text"), .headers = &mine, .header_count = 1};
    CHECK(ask(&site, "/a?b") == ST_OK);
    CHECK_INT(site.status, 200);
    CHECK_TEXT(site.body, "hello");
    CHECK_TEXT(site.seen, "POST /a?b|x-mine=1;|text\n");
    check_has(site.head, "content-type: text/plain\n");
    check_has(site.url, "/a?b");
    site_close(&site);
}

TEST(a_host_or_port_that_is_not_listed_is_not_asked)
{
    Site site;
    site_open(&site, "127.0.0.1:$A example.test");
    CHECK(ask(&site, site.other_url) == ST_DENIED);
    check_has(site.outcome.text, "is not among the hosts that may be reached");
    CHECK(ask(&site, "https://example.test:8443/") == ST_DENIED);
    CHECK(ask(&site, "https://sub.example.test/") == ST_DENIED);
    CHECK(ask(&site, "https://[::ffff:127.0.0.1]/") == ST_DENIED);
    CHECK(ask(&site, "https://example.test./") == ST_DENIED);
    CHECK(ask(&site, "https://169.254.169.254/latest") == ST_DENIED);
    CHECK(ask(&site, "file:///etc/passwd") == ST_INVALID);
    CHECK(ask(&site, "http://user@127.0.0.1/") == ST_INVALID);
    CHECK(ask(&site, "no url at all") == ST_INVALID);
    site_close(&site);
}

TEST(a_listed_name_that_leads_to_this_machine_is_refused_as_it_is_dialled)
{
    Site site;
    char url[80];
    site_open(&site, "localhost:$A localhost:$B 127.0.0.1:$B");
    snprintf(url, sizeof url, "http://localhost:%u/x", server_port(site.rig.server));
    CHECK(ask(&site, url) == ST_DENIED);
    check_has(site.outcome.text, "which is no public address and not listed itself");
    CHECK_TEXT(site.seen, "");
    snprintf(url, sizeof url, "http://localhost:%u/x", server_port(site.other));
    CHECK(ask(&site, url) == ST_OK); /* where the address is listed, too, it may */
    CHECK_TEXT(site.seen, "other GET /x||\n");
    site_close(&site);
}

TEST(a_connection_that_was_opened_without_a_list_is_not_used)
{
    Site site;
    char url[80];
    Got  got;
    site_open(&site, "localhost:$A");
    snprintf(url, sizeof url, "http://localhost:%u/x", server_port(site.rig.server));
    HttpRequest request = get(url); /* leaves an idle connection in the pool */
    rig_fetch(&site.rig, &request, &got);
    CHECK(got.outcome.status == ST_OK);
    got_clear(&got);
    CHECK(ask(&site, url) == ST_DENIED);
    CHECK_TEXT(site.seen, "");
    site_close(&site);
}

TEST(redirects_are_followed_within_the_list)
{
    Site site;
    site_open(&site, "127.0.0.1:$A 127.0.0.1:$B");
    CHECK(ask(&site, "/to/302//b/c") == ST_OK);
    CHECK_TEXT(site.seen, "GET /to/302//b/c||\nGET /b/c||\n");
    check_has(site.url, "/b/c");
    CHECK_INT(site.status, 200);
    CHECK(ask(&site, "/to/301/other/x?y") == ST_OK);
    CHECK_TEXT(site.seen, "GET /to/301/other/x?y||\nother GET /x?y||\n");
    site_close(&site);
}

TEST(a_redirect_out_of_the_list_is_refused)
{
    static const char *const PLACES[] = {"other/x", "http://169.254.169.254/", "//example.test/",
                                         "file:///etc/passwd", "http://u@127.0.0.1/"};
    Site                     site;
    site_open(&site, "127.0.0.1:$A");
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "/to/302/%s", PLACES[i]);
        Status status = ask(&site, path);
        CHECK(status == (i < 3 ? ST_DENIED : ST_INVALID));
        CHECK(!strstr(site.seen, "other GET"));
    }
    site_close(&site);
}

TEST(redirects_have_an_end)
{
    Site site;
    site_open(&site, "127.0.0.1:$A");
    CHECK(ask(&site, "/to/302//to/302//to/302//x") == ST_OK);
    site.spec.redirects = 2;
    CHECK(ask(&site, "/to/302//to/302//to/302//x") == ST_LIMIT);
    site.spec.redirects = 0;
    CHECK(ask(&site, "/to/302//x") == ST_OK);
    CHECK_INT(site.status, 302);
    CHECK_TEXT(site.body, "moved");
    check_has(site.head, "location: /x\n");
    check_has(site.location, site.rig.url); /* absolute, whatever was said */
    check_has(site.location, "/x");
    CHECK(ask(&site, "/to/302/other/y") == ST_OK);
    check_has(site.location, site.other_url);
    CHECK(ask(&site, "/to/302/file:///etc/passwd") == ST_OK);
    CHECK_TEXT(site.location, ""); /* that leads nowhere */
    CHECK(ask(&site, "/a") == ST_OK);
    CHECK_TEXT(site.location, "");
    site_close(&site);
}

TEST(a_redirect_says_whether_the_body_goes_along)
{
    Site       site;
    HttpHeader kind = {STR("Content-Type"), STR("a/b")};
    site_open(&site, "127.0.0.1:$A");
    site.spec.request = (HttpRequest){
        .method = STR("POST"), .body = STR("text"), .headers = &kind, .header_count = 1};
    CHECK(ask(&site, "/to/307//x") == ST_OK);
    check_has(site.seen, "\nPOST /x|content-type=a/b;|text\n");
    CHECK(ask(&site, "/to/308//x") == ST_OK);
    check_has(site.seen, "\nPOST /x|content-type=a/b;|text\n");
    for (int status = 301; status <= 303; status++) {
        char path[40];
        snprintf(path, sizeof path, "/to/%d//x", status);
        CHECK(ask(&site, path) == ST_OK);
        check_has(site.seen, "\nGET /x||\n");
    }
    site.spec.request.method = STR("PUT");
    CHECK(ask(&site, "/to/302//x") == ST_OK);
    check_has(site.seen, "\nPUT /x|content-type=a/b;|text\n");
    site_close(&site);
}

#define SENT "authorization=Bearer sk-very-secret-0123456789;"

TEST(a_secret_goes_to_its_own_origin_and_no_further)
{
    Site       site;
    HttpHeader cookie = {STR("Cookie"), STR("c=1")};
    site_open(&site, "127.0.0.1:$A 127.0.0.1:$B");
    site.spec.request =
        (HttpRequest){.secret = STR("MODEL_API_KEY"), .headers = &cookie, .header_count = 1};
    CHECK(ask(&site, "/to/302//x") == ST_OK);
    CHECK_TEXT(site.seen, "GET /to/302//x|" SENT "cookie=c=1;|\nGET /x|" SENT "cookie=c=1;|\n");
    CHECK(ask(&site, "/to/302/other/x") == ST_OK);
    CHECK_TEXT(site.seen, "GET /to/302/other/x|" SENT "cookie=c=1;|\nother GET /x||\n");
    /* and not again when it comes back */
    char path[200];
    snprintf(path, sizeof path, "/to/302/other/to/302/%sback", site.rig.url);
    CHECK(ask(&site, path) == ST_OK);
    check_has(site.seen, "\nGET /back||\n");
    HttpHeader own = {STR("Authorization"), STR("mine")};
    site.spec.request = (HttpRequest){.headers = &own, .header_count = 1};
    CHECK(ask(&site, "/to/307/other/x") == ST_OK);
    check_has(site.seen, "\nother GET /x||\n");
    site_close(&site);
}

TEST(a_secret_that_comes_back_is_overwritten)
{
    Site site;
    site_open(&site, "127.0.0.1:$A");
    site.spec.request.secret = STR("MODEL_API_KEY");
    CHECK(ask(&site, "/echo") == ST_OK);
    check_has(site.seen, SENT);
    check_has(site.head, "x-echo: Bearer *************************\n");
    CHECK_TEXT(site.body, "you said Bearer ************************* and ************************");
    CHECK(ask(&site, "/key") == ST_OK);
    check_has(site.seen, "GET /at/sk-very-secret-0123456789|");
    check_has(site.url, "/at/*************************");
    site.spec.redirects = 0;
    CHECK(ask(&site, "/key") == ST_OK);
    check_has(site.head, "location: /at/*************************\n");
    check_has(site.location, "/at/*************************");
    site_close(&site);
}

TEST(a_secret_does_not_travel_in_the_clear)
{
    Site site;
    site_open(&site, "example.test 10.0.0.1 127.0.0.1:$A localhost:$A");
    site.spec.request.secret = STR("MODEL_API_KEY");
    CHECK(ask(&site, "http://example.test/") == ST_DENIED);
    check_has(site.outcome.text, "does not travel over http");
    CHECK(ask(&site, "http://10.0.0.1/") == ST_DENIED);
    CHECK(ask(&site, "http://localhost/") == ST_DENIED);
    CHECK(ask(&site, "https://elsewhere.test/") == ST_DENIED);
    check_has(site.outcome.text, "not among the hosts");
    site.spec.request.secret = STR("SHORT_SECRET");
    CHECK(ask(&site, "/x") == ST_INVALID);
    site.spec.request.secret = STR("NO_SUCH_KEY");
    CHECK(ask(&site, "/x") == ST_NOT_FOUND);
    site.spec.request.secret = STR("HOME");
    CHECK(ask(&site, "/x") == ST_NOT_FOUND);
    check_has(site.outcome.text, "end in _KEY");
    CHECK_TEXT(site.seen, "");
    site_close(&site);
}

TEST(an_answer_has_a_largest_size)
{
    Site site;
    site_open(&site, "127.0.0.1:$A");
    site.spec.request.body_limit = 5;
    CHECK(ask(&site, "/x") == ST_OK);
    CHECK_TEXT(site.body, "hello");
    site.spec.request.body_limit = 4;
    CHECK(ask(&site, "/x") == ST_LIMIT);
    site_close(&site);
}

TEST(there_is_an_end_to_requests_under_way)
{
    Site   site;
    Err    err;
    char   url[80];
    Fetch *many[64], *more;
    site_open(&site, "127.0.0.1:$A");
    snprintf(url, sizeof url, "%snever", site.rig.url);
    FetchSpec spec = {get(url), 0};
    spec.request.hosts = &site.rules;
    for (size_t i = 0; i < 64; i++)
        CHECK(fetch_begin(site.rig.transport, &spec, on_done, &site, &many[i], &err) == ST_OK);
    CHECK(fetch_begin(site.rig.transport, &spec, on_done, &site, &more, &err) == ST_LIMIT);
    for (size_t i = 0; i < 64; i++) fetch_cancel(many[i]);
    CHECK(ask(&site, "/x") == ST_OK);
    site_close(&site);
}

static void stop_loop(void *arg, ServerRequest *request)
{
    Site *site = arg;
    (void)request;
    loop_stop(site->rig.loop);
}

TEST(a_request_can_be_given_up)
{
    Site      site;
    Err       err;
    Server   *silent;
    char      url[80];
    HostRules rules = {NULL, 0};
    site_open(&site, "127.0.0.1:$A");
    CHECK(server_new(site.rig.loop, "127.0.0.1", 0, stop_loop, &site, &silent, &err) == ST_OK);
    snprintf(url, sizeof url, "127.0.0.1:%u", server_port(silent));
    CHECK(host_rules_add(&rules, str_from(url), &err) == ST_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server_port(silent));
    FetchSpec spec = {get(url), 3};
    spec.request.hosts = &rules;
    CHECK(fetch_begin(site.rig.transport, &spec, on_done, &site, &site.fetch, &err) == ST_OK);
    host_rules_clear(&rules); /* everything was copied */
    CHECK(loop_run(site.rig.loop));
    fetch_cancel(site.fetch);
    fetch_cancel(NULL);
    rig_run_due(&site.rig);
    CHECK_INT(site.ends, 0);
    server_free(silent);
    site_close(&site);
}

TEST(a_proxy_stands_neither_before_a_listed_host_nor_before_this_machine)
{
    Site site;
    char url[80];
    Got  got;
    site_open(&site, "127.0.0.1:$A");
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    CHECK(ask(&site, "/x") == ST_OK);
    const char *const HOSTS[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(url, sizeof url, "http://%s:%u/x", HOSTS[i], server_port(site.rig.server));
        HttpRequest request = get(url);
        rig_fetch(&site.rig, &request, &got);
        CHECK_INT(got.status, 200);
        got_clear(&got);
    }
    HttpRequest far = get("http://192.0.2.1/x"); /* this one goes to the proxy, where nobody is */
    rig_fetch(&site.rig, &far, &got);
    CHECK(got.outcome.status == ST_UNAVAILABLE);
    got_clear(&got);
    unsetenv("http_proxy");
    site_close(&site);
}

TEST(a_location_is_read_from_where_it_was_said)
{
    static const char *const CASES[][3] = {
        {"https://a.test/b/c?d", "e", "https://a.test/b/e"},
        {"https://a.test/b/c?d", "/e#f", "https://a.test/e"},
        {"https://a.test/b/c?d", "?e", "https://a.test/b/c?e"},
        {"https://a.test/b", "//b.test/x", "https://b.test/x"},
        {"https://a.test/b", "http://b.test", "http://b.test/"},
        {"https://a.test/b", "javascript:alert(1)", NULL},
        {"https://a.test/b", "ftp://b.test/", NULL},
        {"https://a.test/b", "https://u:p@b.test/", NULL},
        {"https://a.test/b", "https://b.test:99999/", NULL},
    };
    Err err;
    Buf out;
    buf_init(&out, 1 * KB);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        buf_reset(&out);
        Status status = http_join_url(str_from(CASES[i][0]), str_from(CASES[i][1]), &out, &err);
        CHECK((status == ST_OK) == (CASES[i][2] != NULL));
        if (CASES[i][2]) CHECK_TEXT(out.ptr, CASES[i][2]);
    }
    CHECK(http_join_url(STR("https://a.test/"), (Str){"x\0y", 3}, &out, &err) == ST_PROTOCOL);
    buf_clear(&out);
}

int main(void) { return rig_run(); }
