/* The proxy of a sandboxed network: who comes in, where they get, and what goes out. */
#include "proxy_rig.h"

static const ProxyTimes CALM = {20000, 20000, 20000, 20000};

static void check_starts(const char *answer, const char *want)
{
    char head[200];
    snprintf(head, sizeof head, "%.*s", (int)strlen(want), answer);
    CHECK_TEXT(head, want);
}

static void check_has(const char *answer, const char *want)
{
    if (!strstr(answer, want)) CHECK_TEXT(answer, want);
}

/* -- who comes in ------------------------------------------------------------------------------ */

static void tokens(Rig *rig)
{
    static const char *const WRONG[] = {
        "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic cnVuOg==\r\n\r\n",
        "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic !!\r\n\r\n",
        "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Bearer abc\r\n\r\n",
        "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\nProxy-Authorization:\r\n\r\n",
        "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\n$A$A\r\n", /* twice */
        "GET http://inner.test:$P/ HTTP/1.1\r\nHost: inner.test:$P\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: inner.test:$P\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        const char *answer = rig_ask(rig, WRONG[i]);
        check_starts(answer, "HTTP/1.1 407 ");
        check_has(answer, "\r\nProxy-Authenticate: Basic realm=");
    }
    CHECK_INT(atomic_load(&rig->lookups), 0);
    CHECK_TEXT(rig->refused, "");
}

TEST(nobody_comes_in_without_the_token) { rig_play("inner.test:$P, 127.0.0.1:$P", CALM, tokens); }

TEST(tokens_are_random_and_of_one_form)
{
    char       a[PROXY_TOKEN_SIZE], b[PROXY_TOKEN_SIZE];
    Err        err;
    Loop      *loop;
    Proxy     *proxy;
    ProxyPass *pass = NULL, *other = NULL;
    HostRules  none = {NULL, 0};
    unsigned   port;
    CHECK(proxy_token(a, &err) == ST_OK && proxy_token(b, &err) == ST_OK);
    CHECK(strcmp(a, b) != 0);
    CHECK_INT(strlen(a), PROXY_TOKEN_SIZE - 1);
    CHECK(loop_new(&loop, false, &err) == ST_OK);
    ProxySpec spec = {rig_listen(&port, 1), CALM, NULL};
    CHECK(proxy_new(loop, &spec, &proxy, &err) == ST_OK);
    CHECK(proxy_admit(proxy, "short", &none, NULL, NULL, &pass, &err) == ST_INVALID);
    CHECK(proxy_admit(proxy, "twenty-letters:colon", &none, NULL, NULL, &pass, &err) == ST_INVALID);
    CHECK(proxy_admit(proxy, a, &none, NULL, NULL, &pass, &err) == ST_OK);
    CHECK(proxy_admit(proxy, a, &none, NULL, NULL, &other, &err) == ST_INVALID);
    CHECK(proxy_admit(proxy, b, &none, NULL, NULL, &other, &err) == ST_OK);
    proxy_dismiss(pass);
    proxy_free(proxy);
    loop_free(loop);
    ProxySpec broken = {-1, CALM, NULL};
    CHECK(loop_new(&loop, false, &err) == ST_OK);
    CHECK(proxy_new(loop, &broken, &proxy, &err) == ST_IO);
    loop_free(loop);
}

/* -- where they get ---------------------------------------------------------------------------- */

static void strangers(Rig *rig)
{
    static const char *const NAMES[] = {
        "outer.test:443",        "inner.test:22", "inner.test.evil:$P",
        "127.0.0.2:$P",          "[::1]:$P",      "127.0.0.1:1",
        "[::ffff:127.0.0.1]:$P", "localhost:$P",  "169.254.169.254:80",
    };
    char request[200];
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        snprintf(request, sizeof request, "CONNECT %s HTTP/1.1\r\nHost: x\r\n$A\r\n", NAMES[i]);
        const char *answer = rig_ask(rig, request);
        check_starts(answer, "HTTP/1.1 403 ");
        check_has(answer, "is not among the hosts that may be reached\n");
    }
    check_starts(rig_ask(rig, "GET http://outer.test/x HTTP/1.1\r\nHost: outer.test\r\n$A\r\n"),
                 "HTTP/1.1 403 ");
    CHECK_INT(atomic_load(&rig->lookups), 0); /* not even its name leaves */
    check_has(rig->refused,
              "outer.test:443 is not among the hosts that may be reached;inner.test:22 ");
    check_has(rig->refused, "outer.test:80 is not among");
}

TEST(a_host_that_is_not_listed_is_not_even_looked_up)
{
    rig_play("inner.test:$P, 127.0.0.1:$P", CALM, strangers);
}

static void odd_names(Rig *rig)
{
    static const char *const NAMES[] = {
        "0x7f.1:$P",
        "2130706433:$P",
        "017700000001:$P",
        "127.1:$P",
        "::1:$P",
        "[fe80::1%1]:$P",
        "user@inner.test:$P",
        "inner.test.:$P",
        "in_ner.test:$P",
        "*.test:$P",
        "inner.test",
        "inner.test:",
        "inner.test:99999",
        ":$P",
        "inner.test:$P:$P",
        "http://inner.test:$P",
    };
    char request[200];
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        snprintf(request, sizeof request, "CONNECT %s HTTP/1.1\r\nHost: x\r\n$A\r\n", NAMES[i]);
        const char *answer = rig_ask(rig, request);
        check_starts(answer, "HTTP/1.1 403 ");
        check_has(answer, "is no host: ");
    }
    CHECK_INT(atomic_load(&rig->lookups), 0);
    check_has(rig->refused, "user@inner.test:");
    check_starts(rig_ask(rig, "CONNECT \xc3\xbc\xc3\xbc:80 HTTP/1.1\r\nHost: x\r\n$A\r\n"),
                 "HTTP/1.1 403 ");
    check_has(rig->refused, "????:80:0 is no host");
}

TEST(a_name_that_can_be_read_in_two_ways_is_no_host)
{
    rig_play("inner.test:$P, 127.0.0.1:$P, *.inner.test", CALM, odd_names);
}

static void inside(Rig *rig)
{
    static const char *const NAMES[] = {"inner", "other", "meta", "mapped"};
    char                     request[200];
    for (size_t i = 0; i < 4; i++) {
        snprintf(request, sizeof request, "CONNECT %s.test:80 HTTP/1.1\r\nHost: x\r\n$A\r\n",
                 NAMES[i]);
        const char *answer = rig_ask(rig, request);
        check_starts(answer, "HTTP/1.1 403 ");
        check_has(answer, "no public address");
    }
    check_has(rig->refused, "meta.test:80 leads to 169.254.169.254, which is no public address");
    CHECK_INT(atomic_load(&rig->lookups), 4);
}

TEST(a_listed_name_that_leads_inside_is_refused)
{
    rig_play("inner.test, other.test, meta.test, mapped.test, 127.0.0.1:$P", CALM, inside);
}

/* -- tunnels ----------------------------------------------------------------------------------- */

static void tunnel(Rig *rig, const char *request)
{
    int client = rig_connect(rig->proxy_port);
    rig_say(rig, client, request);
    int far = rig_accept(rig);
    CHECK(far >= 0);
    CHECK_TEXT(rig_take(client, "\r\n\r\n"), "HTTP/1.1 200 Connection Established\r\n\r\n");
    rig_put(client, "ping");
    CHECK_TEXT(rig_take(far, "ping"), "ping");
    rig_put(far, "pong");
    CHECK_TEXT(rig_take(client, "pong"), "pong");
    /* one side has said all; the other still speaks */
    shutdown(client, SHUT_WR);
    CHECK_TEXT(rig_rest(far), "");
    rig_put(far, "last words");
    close(far);
    CHECK_TEXT(rig_rest(client), "last words");
    close(client);
}

static void tunnels(Rig *rig)
{
    tunnel(rig, "CONNECT inner.test:$P HTTP/1.1\r\nHost: inner.test:$P\r\n$A\r\n");
    CHECK_INT(atomic_load(&rig->lookups),
              1); /* once, and the address that was checked is dialled */
    tunnel(rig, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: whatever\r\n$A\r\n");
    tunnel(rig, "CONNECT 127.0.0.1:$P HTTP/1.0\r\n$A\r\n");
    tunnel(rig, "CONNECT MIXED.test:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");  /* never the private one */
    tunnel(rig, "CONNECT second.test:$P HTTP/1.1\r\nHost: x\r\n$A\r\n"); /* the first refuses */
    CHECK_TEXT(rig->refused, "");
}

TEST(a_tunnel_carries_bytes_both_ways_and_each_half_closes_by_itself)
{
    rig_play("inner.test:$P, mixed.test:$P, second.test:$P, 127.0.0.1:$P, 127.0.0.2:$P", CALM,
             tunnels);
}

static void hasty(Rig *rig)
{
    int client = rig_connect(rig->proxy_port);
    rig_say(rig, client, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\nhello before");
    int far = rig_accept(rig);
    CHECK_TEXT(rig_take(far, "before"), "hello before");
    close(far);
    CHECK_TEXT(rig_rest(client), "HTTP/1.1 200 Connection Established\r\n\r\n");
    close(client);
}

TEST(what_a_client_sends_ahead_is_not_lost) { rig_play("127.0.0.1:$P", CALM, hasty); }

static void flood(Rig *rig)
{
    enum { BLOCK = 65536, TOTAL = 32 * 1024 * 1024 };
    static char block[BLOCK];
    int         client = rig_connect(rig->proxy_port);
    rig_say(rig, client, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    int far = rig_accept(rig);
    rig_take(client, "\r\n\r\n");
    /* nobody reads at the far side: what the proxy takes has an end, far below TOTAL */
    size_t  sent = 0, got = 0;
    ssize_t put;
    do {
        struct pollfd ready = {client, POLLOUT, 0};
        if (poll(&ready, 1, 300) != 1) break;
        put = send(client, block, BLOCK, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) sent += (size_t)put;
    } while (put > 0 && sent < TOTAL);
    CHECK(sent < TOTAL);
    shutdown(client, SHUT_WR);
    for (ssize_t n; (n = recv(far, block, BLOCK, 0)) > 0;) got += (size_t)n;
    CHECK_INT(got, sent);
    close(far);
    close(client);
}

TEST(a_side_that_does_not_read_holds_up_the_other_and_nothing_is_lost)
{
    rig_play("127.0.0.1:$P", CALM, flood);
}

static void dismissed(Rig *rig)
{
    int client = rig_connect(rig->proxy_port);
    rig_say(rig, client, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    int far = rig_accept(rig);
    rig_take(client, "\r\n\r\n");
    rig->cut = true;
    waker_wake(rig->waker);
    CHECK_TEXT(rig_rest(client), "");
    CHECK_TEXT(rig_rest(far), "");
    close(client);
    close(far);
    check_starts(rig_ask(rig, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n"),
                 "HTTP/1.1 407 ");
}

TEST(a_command_that_was_dismissed_is_cut_and_its_token_is_worth_nothing)
{
    rig_play("127.0.0.1:$P", CALM, dismissed);
}

/* -- what fails -------------------------------------------------------------------------------- */

static void unreachable(Rig *rig)
{
    close(rig->origin);
    rig->origin = dup(1);
    const char *answer = rig_ask(rig, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    check_starts(answer, "HTTP/1.1 502 ");
    check_has(answer, "Connection refused\n");
    answer = rig_ask(rig, "CONNECT none.test:80 HTTP/1.1\r\nHost: x\r\n$A\r\n");
    check_starts(answer, "HTTP/1.1 502 ");
    check_has(answer, "no such name\n");
    CHECK_TEXT(rig->refused, "");
}

TEST(what_cannot_be_reached_is_said) { rig_play("none.test, 127.0.0.1:$P", CALM, unreachable); }

static void slow_name(Rig *rig)
{
    atomic_store(&rig->hold, 1);
    const char *answer = rig_ask(rig, "CONNECT slow.test:80 HTTP/1.1\r\nHost: x\r\n$A\r\n");
    check_starts(answer, "HTTP/1.1 504 ");
    check_has(answer, "look up slow.test: no answer in time\n");
    atomic_store(&rig->hold, 0);
}

TEST(a_name_that_is_never_answered_ends_by_its_deadline)
{
    rig_play("slow.test", (ProxyTimes){20000, 30, 20000, 20000}, slow_name);
}

static void many_names(Rig *rig)
{
    int clients[40], far;
    atomic_store(&rig->hold, 1);
    for (int i = 0; i < 40; i++) {
        clients[i] = rig_connect(rig->proxy_port);
        rig_say(rig, clients[i],
                i < 39 ? "CONNECT slow.test:80 HTTP/1.1\r\nHost: x\r\n$A\r\n"
                       : "CONNECT inner.test:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    }
    while (atomic_load(&rig->lookups) < RESOLVE_AT_ONCE) sched_yield();
    CHECK_INT(atomic_load(&rig->lookups), RESOLVE_AT_ONCE);
    atomic_store(&rig->hold, 0);
    far = rig_accept(rig);
    check_starts(rig_take(clients[39], "\r\n\r\n"), "HTTP/1.1 200 ");
    for (int i = 0; i < 39; i++) check_starts(rig_rest(clients[i]), "HTTP/1.1 502 ");
    for (int i = 0; i < 40; i++) close(clients[i]);
    close(far);
}

TEST(more_names_at_once_than_there_are_threads_wait_for_their_turn)
{
    rig_play("slow.test, inner.test:$P, 127.0.0.1:$P", CALM, many_names);
}

static void gone_while_waiting(Rig *rig)
{
    atomic_store(&rig->hold, 1);
    int client = rig_connect(rig->proxy_port);
    rig_say(rig, client, "CONNECT slow.test:80 HTTP/1.1\r\nHost: x\r\n$A\r\n");
    while (atomic_load(&rig->lookups) == 0) sched_yield();
    rig->cut = true;
    waker_wake(rig->waker);
    CHECK_TEXT(rig_rest(client), "");
    close(client);
    atomic_store(&rig->hold, 0);
}

TEST(a_look_up_that_hangs_holds_up_no_end) { rig_play("slow.test", CALM, gone_while_waiting); }

static void silent_server(Rig *rig)
{
    int fill[3];
    for (int i = 0; i < 3; i++) { /* whoever comes now is not even acknowledged */
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)rig->origin_port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int rc = connect(fill[i], (struct sockaddr *)&at, sizeof at);
        CHECK(rc == 0 || errno == EINPROGRESS);
    }
    const char *answer = rig_ask(rig, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    check_starts(answer, "HTTP/1.1 504 ");
    for (int i = 0; i < 3; i++) close(fill[i]);
}

static void narrow_backlog(Rig *rig)
{
    CHECK(listen(rig->origin, 0) == 0);
    silent_server(rig);
}

TEST(a_server_that_never_accepts_ends_by_the_deadline_of_the_dial)
{
    rig_play("127.0.0.1:$P", (ProxyTimes){20000, 20000, 60, 20000}, narrow_backlog);
}

static void late_heads(Rig *rig)
{
    int nothing = rig_connect(rig->proxy_port), half = rig_connect(rig->proxy_port);
    rig_put(half, "CONNECT 127.0.0.1:80 HT");
    CHECK_TEXT(rig_rest(nothing), "");
    check_starts(rig_rest(half), "HTTP/1.1 408 ");
    close(nothing);
    close(half);
}

TEST(a_head_that_does_not_come_is_not_waited_for)
{
    rig_play("127.0.0.1:$P", (ProxyTimes){40, 20000, 20000, 20000}, late_heads);
}

static void idle_tunnel(Rig *rig)
{
    int client = rig_connect(rig->proxy_port);
    rig_say(rig, client, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    int far = rig_accept(rig);
    CHECK_TEXT(rig_rest(client), "HTTP/1.1 200 Connection Established\r\n\r\n");
    CHECK_TEXT(rig_rest(far), "");
    close(client);
    close(far);
}

TEST(a_tunnel_in_which_nothing_happens_is_closed)
{
    rig_play("127.0.0.1:$P", (ProxyTimes){20000, 20000, 20000, 40}, idle_tunnel);
}

static void too_many(Rig *rig)
{
    int clients[64], far[64];
    for (int i = 0; i < 64; i++) {
        clients[i] = rig_connect(rig->proxy_port);
        rig_say(rig, clients[i], "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
        far[i] = rig_accept(rig);
        rig_take(clients[i], "\r\n\r\n");
    }
    check_starts(rig_ask(rig, "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n"),
                 "HTTP/1.1 503 ");
    close(clients[0]); /* one that ends makes room for the next */
    CHECK_TEXT(rig_rest(far[0]), "");
    close(far[0]);
    clients[0] = rig_connect(rig->proxy_port);
    rig_say(rig, clients[0], "CONNECT 127.0.0.1:$P HTTP/1.1\r\nHost: x\r\n$A\r\n");
    far[0] = rig_accept(rig);
    check_starts(rig_take(clients[0], "\r\n\r\n"), "HTTP/1.1 200 ");
    for (int i = 0; i < 64; i++) {
        close(clients[i]);
        close(far[i]);
    }
}

TEST(one_token_has_so_many_connections_and_no_more) { rig_play("127.0.0.1:$P", CALM, too_many); }

static void loiterers(Rig *rig)
{
    int idle[140];
    for (int i = 0; i < 140; i++) idle[i] = rig_connect(rig->proxy_port);
    check_starts(rig_ask(rig, "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n$A\r\n"),
                 "HTTP/1.1 403 ");
    for (int i = 0; i < 140; i++) close(idle[i]);
}

TEST(connections_that_never_show_a_token_keep_nobody_out)
{
    rig_play("127.0.0.1:$P", CALM, loiterers);
}

/* -- plain HTTP -------------------------------------------------------------------------------- */

/* What the server gets of one request; it answers and closes. */
static void exchange(Rig *rig, const char *request, const char *arrives, const char *answer,
                     const char *comes_back)
{
    char port[20], want[3000] = "";
    int  client = rig_connect(rig->proxy_port);
    rig_say(rig, client, request);
    int far = rig_accept(rig);
    CHECK(far >= 0);
    snprintf(port, sizeof port, "%u", rig->origin_port);
    for (const char *c = arrives; *c; c++) {
        if (strncmp(c, "$P", 2) == 0)
            strcat(want, port), c++;
        else
            strncat(want, c, 1);
    }
    CHECK_TEXT(rig_take(far, want), want);
    rig_put(far, answer);
    shutdown(far, SHUT_WR);
    CHECK_TEXT(rig_rest(client), comes_back);
    CHECK_TEXT(rig_rest(far), ""); /* nothing more than that went out */
    close(far);
    close(client);
}

#define END "Via: 1.1 perigee\r\nConnection: close\r\n\r\n"

static void plain(Rig *rig)
{
    exchange(rig,
             "GET http://INNER.test:$P/a?b=c HTTP/1.1\r\nHost: inner.test:$P\r\n$AAccept: */*\r\n"
             "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
             "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nProxy-Other: 1\r\nAuthorization: "
             "mine\r\n\r\n",
             "GET /a?b=c HTTP/1.1\r\nHost: inner.test:$P\r\naccept: */*\r\nauthorization: "
             "mine\r\n" END,
             "HTTP/1.1 200 OK\r\nX: y\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n"
             "Proxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nhi",
             "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    exchange(rig, "GET http://127.0.0.1:$P?x HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$A\r\n",
             "GET /?x HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n" END, "HTTP/1.1 204 N\r\n\r\n",
             "HTTP/1.1 204 N\r\nConnection: close\r\n\r\n");
    exchange(rig, "OPTIONS http://127.0.0.1:$P HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$A\r\n",
             "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n" END, "HTTP/1.1 204\r\n\r\n",
             "HTTP/1.1 204\r\nConnection: close\r\n\r\n");
    exchange(rig, "GET http://127.0.0.1:$P/ HTTP/1.0\r\n$A\r\n",
             "GET / HTTP/1.0\r\nHost: 127.0.0.1:$P\r\n" END, "HTTP/1.0 200 OK\r\n\r\nall",
             "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nall");
    CHECK_INT(atomic_load(&rig->lookups), 1);
}

TEST(a_plain_request_goes_out_in_origin_form_and_alone)
{
    rig_play("inner.test:$P, 127.0.0.1:$P", CALM, plain);
}

static void bodies(Rig *rig)
{
    exchange(
        rig,
        "POST http://127.0.0.1:$P/ HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$AContent-Length: 005\r\n"
        "Connection: content-length\r\nExpect: 100-continue\r\n\r\nhelloGET http://outer.test/ "
        "HTTP/1.1\r\nHost: outer.test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:$P\r\nContent-Length: 5\r\nExpect: 100-continue\r\n" END
        "hello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nfine",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfine");
    exchange(rig,
             "POST http://127.0.0.1:$P/ HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$ATransfer-Encoding: "
             "chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\nGET / ",
             "POST / HTTP/1.1\r\nHost: 127.0.0.1:$P\r\nTransfer-Encoding: chunked\r\n" END
             "d\r\nabc0123456789\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(a_body_is_framed_anew_and_what_stands_behind_it_goes_nowhere)
{
    rig_play("127.0.0.1:$P", CALM, bodies);
}

static void half_a_body(Rig *rig)
{
    static const char *const CUT[] = {
        "POST http://127.0.0.1:$P/ HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$AContent-Length: "
        "9\r\n\r\nhalf",
        "POST http://127.0.0.1:$P/ HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$ATransfer-Encoding: "
        "chunked\r\n\r\n4\r\nhalf\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        int client = rig_connect(rig->proxy_port);
        rig_say(rig, client, CUT[i]);
        int far = rig_accept(rig);
        rig_take(far, "half");
        if (i == 0)
            shutdown(client, SHUT_WR);
        else
            rig_put(client, "xyz\r\n"); /* no size of a chunk */
        const char *more = rig_rest(far);
        CHECK(!strstr(more, "0\r\n\r\n"));
        close(far);
        CHECK_TEXT(rig_rest(client), "");
        close(client);
    }
}

TEST(half_a_body_is_never_ended_as_if_it_were_whole)
{
    rig_play("127.0.0.1:$P", CALM, half_a_body);
}

static void not_http(Rig *rig)
{
    static const char *const ANSWERS[] = {"SSH-2.0-x\r\n", "HTTP/1.1 101 Switch\r\n\r\n",
                                          "HTTP/1.1 2000 X\r\n\r\n", ""};
    for (size_t i = 0; i < 4; i++) {
        int client = rig_connect(rig->proxy_port);
        rig_say(rig, client, "GET http://127.0.0.1:$P/ HTTP/1.1\r\nHost: 127.0.0.1:$P\r\n$A\r\n");
        int far = rig_accept(rig);
        rig_take(far, "\r\n\r\n");
        rig_put(far, ANSWERS[i]);
        close(far);
        check_starts(rig_rest(client), "HTTP/1.1 502 ");
        close(client);
    }
}

TEST(an_answer_that_is_no_http_is_said_to_be_none) { rig_play("127.0.0.1:$P", CALM, not_http); }

typedef struct Shape {
    const char *request;
    int         status;
} Shape;

#define TO   "http://127.0.0.1:$P/ HTTP/1.1\r\n"
#define HOST "Host: 127.0.0.1:$P\r\n$A"
static const Shape SHAPES[] = {
    {"POST " TO HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST " TO HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
    {"POST " TO HOST "Content-Length: 3, 3\r\n\r\nabc", 400},
    {"POST " TO HOST "Content-Length: +3\r\n\r\nabc", 400},
    {"POST " TO HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
    {"POST " TO HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"POST " TO HOST "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
    {"POST " TO HOST "Transfer-Encoding : chunked\r\n\r\n", 400},
    {"POST " TO HOST "Transfer-Encoding\t: chunked\r\n\r\n", 400},
    {"POST " TO HOST "X: a\r\n Transfer-Encoding: chunked\r\n\r\n", 400}, /* a folded line */
    {"POST " TO HOST "X: a\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET " TO HOST "X: a\rY: b\r\n\r\n", 400},
    {"GET " TO HOST "\nX: a", 400}, /* no end would ever come */
    {"GET " TO "Host: 127.0.0.1:$P\r\nHost: other.test\r\n$A\r\n", 400},
    {"GET " TO "$A\r\n", 400},
    {"GET " TO "Host: other.test\r\n$A\r\n", 400},
    {"GET " TO "Host: 127.0.0.1\r\n$A\r\n", 400}, /* another port */
    {"GET " TO "Host: 127.0.0.1:$P, other.test\r\n$A\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET https://127.0.0.1:$P/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET ftp://127.0.0.1:$P/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://127.0.0.1:$P/#x HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://127.0.0.1:$P/\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://other.test\\@127.0.0.1:$P/ HTTP/1.1\r\n" HOST "\r\n", 403},
    {"GET http://x@127.0.0.1:$P/ HTTP/1.1\r\n" HOST "\r\n", 403},
    {"GET http:///x HTTP/1.1\r\n" HOST "\r\n", 403},
    {"GET " TO HOST "Expect: wonders\r\n\r\n", 417},
    {"CONNECT 127.0.0.1:$P HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 400},
    {"CONNECT 127.0.0.1:$P HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"connect 127.0.0.1:$P HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://127.0.0.1:$P/ HTTP/2.0\r\n" HOST "\r\n", 505},
    {"GET http://127.0.0.1:$P/\r\n\r\n", 400},
    {"\x16\x03\x01\x02\x01\xfc\r\n\r\n", 400}, /* somebody begins TLS */
};

static void shapes(Rig *rig)
{
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        char want[20];
        snprintf(want, sizeof want, "HTTP/1.1 %d ", SHAPES[i].status);
        const char *answer = rig_ask(rig, SHAPES[i].request);
        if (strncmp(answer, want, strlen(want)) != 0) printf("# %s\n", SHAPES[i].request);
        check_starts(answer, want);
    }
    struct pollfd came = {rig->origin, POLLIN, 0};
    CHECK(poll(&came, 1, 0) == 0); /* the server has seen none of it */
}

TEST(shapes_with_which_requests_are_smuggled_go_nowhere) { rig_play("127.0.0.1:$P", CALM, shapes); }

static void long_head(Rig *rig)
{
    int  client = rig_connect(rig->proxy_port);
    char line[1001];
    memset(line, 'a', 1000);
    line[1000] = '\0';
    rig_put(client, "GET http://127.0.0.1/ HTTP/1.1\r\nX: ");
    for (int i = 0; i < 66; i++) rig_put(client, line);
    check_starts(rig_rest(client), "HTTP/1.1 431 ");
    close(client);
}

TEST(a_head_has_a_largest_size) { rig_play("127.0.0.1:$P", CALM, long_head); }

int main(void)
{
    Loop *loop;
    Err   err; /* what libuv opens once a process is open before the first test counts */
    if (loop_new(&loop, false, &err) == ST_OK) loop_free(loop);
    return tap_run();
}
