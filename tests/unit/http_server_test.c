/* The loopback server: the requests it takes and refuses, and clients that come and go. */
#include "../../host/http/request_parser.h"
#include "http_rig.h"

/* -- the parser alone, cut everywhere ---------------------------------------------------------- */

typedef struct Case {
    const char *bytes;
    int         status;
    const char *want; /* "METHOD target|body|name=value;..." when the status is 200 */
} Case;

static const Case CASES[] = {
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /||host=x;"},
    {"\r\nGET /a?b=c HTTP/1.1\r\nHOST:x\r\nX-A:  1 \r\n\r\n", 200, "GET /a?b=c||host=x;x-a=1;"},
    {"GET http://far.test/ HTTP/1.1\r\nHost: far.test\r\n\r\n", 200,
     "GET http://far.test/||host=far.test;"},
    {"GET / HTTP/1.0\r\n\r\n", 200, "GET /||"},
    {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200,
     "POST /x|hello|host=x;content-length=5;"},
    {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 200,
     "POST /x||host=x;content-length=0;"},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
     "3\r\nabc\r\n00A;ext=1\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n",
     200, "POST /|abc0123456789|host=x;transfer-encoding=Chunked;"},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL},                       /* no host */
    {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, NULL}, /* two hosts */
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, NULL},
    {"GET /\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400, NULL},
    {"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400, NULL}, /* a bare line feed */
    {"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", 413, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413, NULL},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 400, NULL},
};

static void describe(const RequestParser *parser, Buf *out)
{
    Err err;
    CHECK(buf_printf(out, &err, "%.*s %.*s|%s|", STR_ARG(parser->method), STR_ARG(parser->target),
                     parser->body.ptr) == ST_OK);
    for (size_t i = 0; i < parser->header_count; i++)
        CHECK(buf_printf(out, &err, "%.*s=%.*s;", STR_ARG(parser->headers[i].name),
                         STR_ARG(parser->headers[i].value)) == ST_OK);
}

static void check_case(const Case *example, size_t first, size_t step)
{
    RequestParser parser;
    Err           err;
    Buf           out;
    size_t        len = strlen(example->bytes);
    int           status = 0;
    parser_init(&parser, 100);
    buf_init(&out, 4 * KB);
    for (size_t at = 0, size = first; at < len && status == 0; at += size, size = step) {
        if (size > len - at) size = len - at;
        CHECK(buf_append(&parser.in, (Str){example->bytes + at, size}, &err) == ST_OK);
        status = parser_step(&parser);
    }
    if (status == 200) describe(&parser, &out);
    if (status != example->status) printf("# cut at %zu: %s\n", first, example->bytes);
    CHECK_INT(status, example->status);
    if (example->want) CHECK_TEXT(out.ptr, example->want);
    buf_clear(&out);
    parser_clear(&parser);
}

TEST(every_request_is_read_or_refused_alike_however_it_is_cut)
{
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        size_t len = strlen(CASES[i].bytes);
        for (size_t at = 1; at <= len; at++) check_case(&CASES[i], at, len);
        check_case(&CASES[i], 1, 1);
    }
}

TEST(heads_lines_and_trailers_without_end_are_bounded)
{
    static const char *const STARTS[] = {
        "GET / HTTP/1.1\r\nHost: x\r\nX: ",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x="};
    for (size_t i = 0; i < 3; i++) {
        RequestParser parser;
        Err           err;
        size_t        fed = 0;
        int           status = 0;
        parser_init(&parser, 1 * MB);
        CHECK(buf_append(&parser.in, str_from(STARTS[i]), &err) == ST_OK);
        while (status == 0 && fed < 1 * MB) {
            CHECK(buf_append(&parser.in, STR("0123456789"), &err) == ST_OK);
            fed += 10;
            status = parser_step(&parser);
        }
        CHECK_INT(status, i == 2 ? 400 : 431);
        CHECK(fed < 2 * LIMIT_HTTP_HEAD);
        parser_clear(&parser);
    }
}

/* -- a client that sends bytes and reads until the end ----------------------------------------- */

typedef struct Client {
    Loop       *loop;
    int         fd;
    Watch      *watch;
    Buf         in;
    bool        over;
    const char *until; /* also over once this has come */
} Client;

static void client_read(void *arg, int fd, int events)
{
    Client *client = arg;
    Err     err;
    char    bytes[4096];
    (void)events;
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got > 0) CHECK(buf_append(&client->in, (Str){bytes, (size_t)got}, &err) == ST_OK);
    if (got > 0 && !(client->until && strstr(client->in.ptr, client->until))) return;
    if (got <= 0) client->over = true;
    loop_stop(client->loop);
}

static void client_open(Client *client, Rig *rig)
{
    Err                err;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port(rig->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *client = (Client){.loop = rig->loop};
    buf_init(&client->in, 1 * MB);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(client->fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(watch_new(rig->loop, client->fd, client_read, client, &client->watch, &err) == ST_OK);
    watch_set(client->watch, WATCH_READ);
}

static void client_say(Client *client, const char *text)
{
    CHECK(send(client->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void client_close(Client *client)
{
    watch_free(client->watch);
    if (client->fd >= 0) close(client->fd);
    buf_clear(&client->in);
}

static void answer(void *arg, ServerRequest *request)
{
    Err        err;
    HttpHeader header = {STR("x-path"), request->path};
    (void)arg;
    CHECK(reply_head(request, 200, &header, 1, &err) == ST_OK);
    CHECK(reply_write(request, request->method, &err) == ST_OK);
    CHECK(reply_write(request, request->body, &err) == ST_OK);
    reply_end(request);
}

TEST(pipelined_requests_are_answered_in_order_on_one_connection)
{
    Rig    rig;
    Client client;
    rig_open(&rig, answer, NULL);
    client_open(&client, &rig);
    client_say(&client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                        "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                        "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(loop_run(rig.loop));
    CHECK(client.over);
    CHECK_TEXT(
        client.in.ptr,
        "HTTP/1.1 200 OK\r\nx-path: /1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n"
        "HTTP/1.1 200 OK\r\nx-path: /2\r\nTransfer-Encoding: chunked\r\n\r\n"
        "4\r\nPOST\r\n2\r\nhi\r\n0\r\n\r\n"
        "HTTP/1.1 200 OK\r\nx-path: /3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        "3\r\nGET\r\n0\r\n\r\n");
    client_close(&client);
    rig_close(&rig);
}

TEST(a_client_of_HTTP_1_0_gets_no_chunks)
{
    Rig    rig;
    Client client;
    rig_open(&rig, answer, NULL);
    client_open(&client, &rig);
    client_say(&client, "GET /old HTTP/1.0\r\n\r\n");
    CHECK(loop_run(rig.loop));
    CHECK_TEXT(client.in.ptr, "HTTP/1.1 200 OK\r\nx-path: /old\r\nConnection: close\r\n\r\nGET");
    client_close(&client);
    rig_close(&rig);
}

TEST(a_malformed_request_is_refused_and_the_connection_ends)
{
    Rig    rig;
    Client client;
    rig_open(&rig, answer, NULL);
    client_open(&client, &rig);
    client_say(&client,
               "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
               "a great deal that nobody reads any more");
    CHECK(loop_run(rig.loop));
    CHECK(client.over);
    CHECK(strncmp(client.in.ptr, "HTTP/1.1 400 ", 13) == 0);
    client_close(&client);
    rig_close(&rig);
}

TEST(a_client_that_asks_for_leave_to_send_its_body_gets_it)
{
    Rig    rig;
    Client client;
    rig_open(&rig, answer, NULL);
    client_open(&client, &rig);
    client.until = "100 Continue\r\n\r\n";
    client_say(&client,
               "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n"
               "Connection: close\r\n\r\n");
    CHECK(loop_run(rig.loop));
    CHECK_TEXT(client.in.ptr, "HTTP/1.1 100 Continue\r\n\r\n");
    client.until = NULL;
    client_say(&client, "body");
    CHECK(loop_run(rig.loop));
    CHECK(strstr(client.in.ptr, "4\r\nbody\r\n0\r\n\r\n") != NULL);
    client_close(&client);
    rig_close(&rig);
}

/* -- owners that take their time, clients that do not ------------------------------------------ */

typedef struct Keeper {
    Loop          *loop;
    ServerRequest *request;
    int            gone;
} Keeper;

static void note_gone(void *arg, ServerRequest *request)
{
    Keeper *keeper = arg;
    CHECK(keeper->request == request && reply_gone(request));
    keeper->gone++;
    loop_stop(keeper->loop);
}

static void keep(void *arg, ServerRequest *request)
{
    Keeper     *keeper = arg;
    ReplyEvents events = {note_gone, NULL};
    keeper->request = request;
    reply_watch(request, &events, keeper);
    loop_stop(keeper->loop);
}

TEST(an_owner_learns_that_its_client_is_gone_and_can_still_end)
{
    Rig    rig;
    Client client;
    Err    err;
    Keeper keeper = {0};
    rig_open(&rig, keep, &keeper);
    keeper.loop = rig.loop;
    client_open(&client, &rig);
    client_say(&client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(loop_run(rig.loop));
    CHECK(keeper.request != NULL && !reply_gone(keeper.request));
    client_close(&client);
    CHECK(loop_run(rig.loop));
    CHECK_INT(keeper.gone, 1);
    CHECK(reply_head(keeper.request, 200, NULL, 0, &err) == ST_UNAVAILABLE);
    CHECK(reply_write(keeper.request, STR("x"), &err) == ST_UNAVAILABLE);
    reply_end(keeper.request);
    CHECK_INT(keeper.gone, 1);
    CHECK_INT(server_connections(rig.server), 0);
    rig_close(&rig);
}

TEST(an_answer_that_comes_later_is_followed_by_the_next_request)
{
    Rig    rig;
    Client client;
    Err    err;
    Keeper keeper = {0};
    rig_open(&rig, keep, &keeper);
    keeper.loop = rig.loop;
    client_open(&client, &rig);
    client.until = "0\r\n\r\n";
    client_say(&client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(loop_run(rig.loop));
    CHECK(str_is(keeper.request->path, "/1"));
    CHECK(reply_head(keeper.request, 204, NULL, 0, &err) == ST_OK);
    CHECK(reply_head(keeper.request, 204, NULL, 0, &err) == ST_INVALID);
    reply_end(keeper.request);
    keeper.request = NULL;
    while (!keeper.request) CHECK(loop_run(rig.loop));
    CHECK(str_is(keeper.request->path, "/2"));
    reply_end(keeper.request); /* without a head: 500 */
    while (!strstr(client.in.ptr, "HTTP/1.1 500 ")) CHECK(loop_run(rig.loop));
    CHECK_INT(keeper.gone, 0);
    client_close(&client);
    rig_close(&rig);
}

TEST(a_server_that_is_freed_cuts_what_it_has_in_hand)
{
    Rig    rig;
    Client client;
    Keeper keeper = {0};
    rig_open(&rig, keep, &keeper);
    keeper.loop = rig.loop;
    client_open(&client, &rig);
    client_say(&client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(loop_run(rig.loop));
    server_free(rig.server);
    rig.server = NULL;
    CHECK(loop_run(rig.loop));
    CHECK(client.over && client.in.len == 0);
    CHECK_INT(keeper.gone, 0);
    client_close(&client);
    rig_close(&rig);
}

TEST(an_answer_that_misses_a_piece_is_cut_and_not_ended)
{
    Rig    rig;
    Client client;
    Err    err;
    Keeper keeper = {0};
    char  *huge = mem_new(LIMIT_REPLY);
    rig_open(&rig, keep, &keeper);
    keeper.loop = rig.loop;
    client_open(&client, &rig);
    client_say(&client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(loop_run(rig.loop));
    CHECK(reply_head(keeper.request, 200, NULL, 0, &err) == ST_OK);
    CHECK(reply_write(keeper.request, (Str){huge, LIMIT_REPLY}, &err) == ST_LIMIT);
    reply_end(keeper.request);
    CHECK(loop_run(rig.loop));
    CHECK(client.over && strstr(client.in.ptr, "0\r\n\r\n") == NULL);
    free(huge);
    client_close(&client);
    rig_close(&rig);
}

TEST(an_answers_headers_cannot_carry_a_second_one)
{
    static const HttpHeader BAD[] = {{{"x", 1}, {"a\r\nb: c", 7}},
                                     {{"x\n", 2}, {"a", 1}},
                                     {{"", 0}, {"a", 1}},
                                     {{"Content-Length", 14}, {"1", 1}}};
    Rig                     rig;
    Client                  client;
    Err                     err;
    Keeper                  keeper = {0};
    rig_open(&rig, keep, &keeper);
    keeper.loop = rig.loop;
    client_open(&client, &rig);
    client_say(&client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(loop_run(rig.loop));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        CHECK(reply_head(keeper.request, 200, &BAD[i], 1, &err) == ST_INVALID);
    CHECK(reply_head(keeper.request, 100, NULL, 0, &err) == ST_INVALID);
    CHECK(reply_write(keeper.request, STR("x"), &err) == ST_INVALID);
    reply_abort(keeper.request);
    CHECK(loop_run(rig.loop));
    CHECK_INT(client.in.len, 0);
    client_close(&client);
    rig_close(&rig);
}

TEST(more_clients_than_it_takes_wait_until_others_leave)
{
    enum { MANY = 70 };
    Rig    rig;
    Client clients[MANY];
    rig_open(&rig, answer, NULL);
    for (int i = 0; i < MANY; i++) {
        client_open(&clients[i], &rig);
        rig_run_due(&rig); /* accepted, or left to wait */
    }
    CHECK_INT(server_connections(rig.server), 64);
    for (int i = 0; i < MANY; i++) {
        client_say(&clients[i], "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        while (!clients[i].over) CHECK(loop_run(rig.loop));
        CHECK(strstr(clients[i].in.ptr, "GET") != NULL);
        CHECK(server_connections(rig.server) <= 64);
        client_close(&clients[i]);
    }
    rig_close(&rig);
}

TEST(only_loopback_addresses_are_bound)
{
    static const char *const DENIED[] = {"0.0.0.0", "192.0.2.1", "::", "2001:db8::1",
                                         "126.255.255.255"};
    Rig                      rig;
    Err                      err;
    Server                  *server = NULL;
    rig_open(&rig, NULL, NULL);
    for (size_t i = 0; i < sizeof DENIED / sizeof DENIED[0]; i++)
        CHECK(server_new(rig.loop, DENIED[i], 0, answer, NULL, &server, &err) == ST_DENIED);
    CHECK(server_new(rig.loop, "localhost", 0, answer, NULL, &server, &err) == ST_INVALID);
    CHECK(server_new(rig.loop, "127.0.0.1", 70000, answer, NULL, &server, &err) == ST_INVALID);
    CHECK(server_new(rig.loop, "127.8.9.10", 0, answer, NULL, &server, &err) == ST_OK);
    unsigned port = server_port(server);
    Server  *again = NULL;
    CHECK(server_new(rig.loop, "127.8.9.10", port, answer, NULL, &again, &err) == ST_IO);
    CHECK(strstr(err.text, "127.8.9.10") != NULL);
    server_free(server);
    rig_close(&rig);
}

int main(void) { return rig_run(); }
