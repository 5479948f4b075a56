/* http_rig.h -- a loop with a transport, our server, and a far side that misbehaves as told.
 *
 * Use     Rig rig; rig_open(&rig, asked, arg); ... Got got; rig_fetch(&rig, &request, &got); ...
 *         got_clear(&got); rig_close(&rig);
 */
#ifndef TESTS_UNIT_HTTP_RIG_H
#define TESTS_UNIT_HTTP_RIG_H

#include "../../host/base/limits.h"
#include "../../host/base/mem.h"
#include "../../host/http/secrets.h"
#include "../../host/http/server.h"
#include "../../host/http/transport.h"
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG_MS = 60000, SHORT_MS = 40 };

typedef struct Rig {
    Loop      *loop;
    Transport *transport;
    Server    *server; /* NULL without `asked` */
    char       url[64];
} Rig;

/* The program's tests, after what libuv opens once a process (its signal pipe) is open. */
static inline int rig_run(void)
{
    static const char *const AMBIENT[] = {"http_proxy",  "https_proxy",    "all_proxy",
                                          "HTTPS_PROXY", "ALL_PROXY",      "NO_PROXY",
                                          "no_proxy",    "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    Err                      err;
    Loop                    *loop;
    for (size_t i = 0; i < sizeof AMBIENT / sizeof AMBIENT[0]; i++) unsetenv(AMBIENT[i]);
    if (loop_new(&loop, false, &err) == ST_OK) loop_free(loop);
    return tap_run();
}

static inline void rig_open(Rig *rig, ServerAsked *asked, void *arg)
{
    Err err;
    memset(rig, 0, sizeof *rig);
    CHECK(loop_new(&rig->loop, false, &err) == ST_OK);
    CHECK(transport_new(rig->loop, &rig->transport, &err) == ST_OK);
    if (!asked) return;
    CHECK(server_new(rig->loop, "127.0.0.1", 0, asked, arg, &rig->server, &err) == ST_OK);
    snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u/", server_port(rig->server));
}

static inline void rig_close(Rig *rig)
{
    transport_free(rig->transport);
    server_free(rig->server);
    CHECK_INT(loop_objects(rig->loop), 0);
    loop_free(rig->loop);
}

static inline void rig_stop(void *arg) { loop_stop(arg); }

/* Runs the loop until a timer that is set now has fired: whatever was ready before has been seen.
 */
static inline void rig_run_due(Rig *rig)
{
    Timer *timer = timer_new(rig->loop, rig_stop, rig->loop);
    timer_set(timer, loop_now(rig->loop));
    CHECK(loop_run(rig->loop));
    timer_free(timer);
}

/* What came of one call. `on_piece` may be set: what to do inside on_data. */
typedef struct Got Got;
struct Got {
    Loop     *loop;
    HttpCall *call;
    int       heads, pieces, ends, status;
    Buf       head; /* "name: value\n" ... */
    Buf       body;
    Err       outcome;
    void (*on_piece)(Got *got);
    void *user;
};

static inline void got_head(void *arg, const HttpHead *head)
{
    Err  err;
    Got *got = arg;
    got->heads++;
    got->status = head->status;
    for (size_t i = 0; i < head->header_count; i++)
        CHECK(buf_printf(&got->head, &err, "%.*s: %.*s\n", STR_ARG(head->headers[i].name),
                         STR_ARG(head->headers[i].value)) == ST_OK);
}

static inline void got_data(void *arg, Str bytes)
{
    Err  err;
    Got *got = arg;
    CHECK(got->heads == 1 && got->ends == 0);
    got->pieces++;
    CHECK(buf_append(&got->body, bytes, &err) == ST_OK);
    if (got->on_piece) got->on_piece(got);
}

static inline void got_end(void *arg, const Err *outcome)
{
    Got *got = arg;
    got->ends++;
    got->outcome = *outcome;
    loop_stop(got->loop);
}

static const HttpEvents GOT_EVENTS = {got_head, got_data, got_end};

static inline void got_init(Got *got, Rig *rig)
{
    memset(got, 0, sizeof *got);
    got->loop = rig->loop;
    buf_init(&got->head, 1 * MB);
    buf_init(&got->body, 64 * MB);
}

static inline void got_clear(Got *got)
{
    buf_clear(&got->head);
    buf_clear(&got->body);
}

static inline HttpRequest get(const char *url)
{
    return (HttpRequest){.method = STR("GET"),
                         .url = str_from(url),
                         .connect_ms = LONG_MS,
                         .first_byte_ms = LONG_MS,
                         .idle_ms = LONG_MS,
                         .deadline = DEADLINE_NEVER,
                         .body_limit = 1 * MB};
}

/* Initialises `got`, begins the request and runs the loop until it ends. */
static inline void rig_fetch(Rig *rig, const HttpRequest *request, Got *got)
{
    got_init(got, rig);
    if (http_begin(rig->transport, request, &GOT_EVENTS, got, &got->call, &got->outcome) != ST_OK)
        return;
    CHECK_INT(got->ends, 0);
    CHECK(loop_run(rig->loop));
    CHECK_INT(got->ends, 1);
}

/* -- the far side that misbehaves -------------------------------------------------------------- */

/* Accepts, reads a request's head, then sends `bytes` and closes, or stays silent. */
typedef struct Raw {
    Loop       *loop;
    int         listener, client;
    Watch      *listening, *reading;
    char        url[64], seen[8192];
    size_t      seen_len;
    const char *bytes;
    size_t      len;
    bool        closes; /* after `bytes` */
    bool        hasty;  /* answers whatever comes, not only a whole head */
    int         accepted;
    void (*on_seen)(void *arg); /* may be NULL: after `bytes` were sent */
    void *arg;
} Raw;

static inline void raw_hang_up(Raw *raw)
{
    watch_free(raw->reading);
    raw->reading = NULL;
    if (raw->client >= 0) close(raw->client);
    raw->client = -1;
}

static inline void raw_read(void *arg, int fd, int events)
{
    Raw *raw = arg;
    (void)events;
    ssize_t got = read(fd, raw->seen + raw->seen_len, sizeof raw->seen - 1 - raw->seen_len);
    if (got <= 0) {
        raw_hang_up(raw);
        return;
    }
    raw->seen_len += (size_t)got;
    raw->seen[raw->seen_len] = '\0';
    if (!raw->hasty && !strstr(raw->seen, "\r\n\r\n")) return;
    if (raw->len) CHECK(send(fd, raw->bytes, raw->len, MSG_NOSIGNAL) == (ssize_t)raw->len);
    raw->len = 0;
    if (raw->on_seen) raw->on_seen(raw->arg);
    if (raw->closes) raw_hang_up(raw);
}

static inline void raw_accept(void *arg, int fd, int events)
{
    Raw *raw = arg;
    Err  err;
    (void)events;
    CHECK(raw->client < 0);
    raw->accepted++;
    raw->seen_len = 0;
    raw->client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    CHECK(watch_new(raw->loop, raw->client, raw_read, raw, &raw->reading, &err) == ST_OK);
    watch_set(raw->reading, WATCH_READ);
}

static inline void raw_open(Raw *raw, Loop *loop, const char *scheme, Str bytes, bool closes)
{
    Err                err;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          len = sizeof at;
    memset(raw, 0, sizeof *raw);
    *raw =
        (Raw){.loop = loop, .client = -1, .bytes = bytes.ptr, .len = bytes.len, .closes = closes};
    raw->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(raw->listener, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(listen(raw->listener, 8) == 0);
    CHECK(getsockname(raw->listener, (struct sockaddr *)&at, &len) == 0);
    snprintf(raw->url, sizeof raw->url, "%s://127.0.0.1:%u/", scheme, ntohs(at.sin_port));
    CHECK(watch_new(loop, raw->listener, raw_accept, raw, &raw->listening, &err) == ST_OK);
    watch_set(raw->listening, WATCH_READ);
}

static inline void raw_close(Raw *raw)
{
    raw_hang_up(raw);
    watch_free(raw->listening);
    close(raw->listener);
}

#endif
