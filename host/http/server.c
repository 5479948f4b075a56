/* One struct a connection, and its states:
 *
 *     READING --request complete--> ASKED --reply_end--> READING (keep-alive)
 *        |                            |  \-------------> ENDING --all sent--> LINGERING --> freed
 *        +--malformed--> ENDING       +--reply_abort, or client gone and reply_end--> freed
 *
 * LINGERING reads and forgets what the client still sends, or the kernel would reset the connection
 * and take the end of our answer with it.
 */
#include "server.h"

#include "request_parser.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    BACKLOG = 64,
    READ_SIZE = 16 * 1024,
    SILENCE_MS = 60000,   /* a client that neither sends nor reads */
    LINGER_MS = 1000,
    ACCEPT_AGAIN_MS = 100 /* when the process is out of descriptors */
};

typedef struct Connection Connection;

typedef enum ConnectionState { READING, ASKED, ENDING, LINGERING } ConnectionState;

struct Server {
    Loop        *loop; /* borrowed */
    int          fd;   /* owned */
    Watch       *watch;
    Timer       *again; /* accepts again after a pause */
    unsigned     port;
    ServerAsked *asked;
    void        *arg;
    Connection  *connections; /* owned list */
    size_t       count;
};

struct Connection {
    ServerRequest   request; /* first: a request is its connection */
    Server         *server;  /* borrowed */
    Connection     *prev, *next;
    int             fd; /* owned; -1 once the client is gone */
    Watch          *watch;
    Timer          *silence;
    Timer          *soon; /* looks at what came with the last request */
    ConnectionState state;
    RequestParser   parser;
    Buf             out;
    size_t          out_sent; /* of `out` */
    ReplyEvents     events;
    void           *events_arg;
    bool            head_sent, bare; /* bare: an answer that has no body */
    bool            inside;          /* a callback of ours is on the stack: free later */
    bool            gone_known;      /* the owner of the request has been told */
    bool            freed;
};

static void on_accept(void *arg, int fd, int events);
static void on_again(void *arg);
static void connection_new(Server *server, int fd);
static void connection_free(Connection *connection);
static void connection_gone(Connection *connection);
static void on_connection(void *arg, int fd, int events);
static void on_connection_soon(void *arg);
static void on_connection_silent(void *arg);
static void flush(Connection *connection);
static void watch_again(Connection *connection);

/* -- listening ----------------------------------------------------------------------------------- */

typedef union Address {
    struct sockaddr     any;
    struct sockaddr_in  v4;
    struct sockaddr_in6 v6;
} Address;

static Status parse_address(const char *text, unsigned port, Address *out, socklen_t *len, Err *err)
{
    memset(out, 0, sizeof *out);
    if (port > 65535) return err_set(err, ST_INVALID, "listen on port %u: no such port", port);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        if (ntohl(out->v4.sin_addr.s_addr) >> 24 == 127) {
            out->v4.sin_family = AF_INET;
            out->v4.sin_port = htons((uint16_t)port);
            *len = sizeof out->v4;
            return ST_OK;
        }
    } else if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        if (IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr)) {
            out->v6.sin6_family = AF_INET6;
            out->v6.sin6_port = htons((uint16_t)port);
            *len = sizeof out->v6;
            return ST_OK;
        }
    } else {
        return err_set(err, ST_INVALID, "listen on %s: not an address; use 127.0.0.1", text);
    }
    return err_set(err, ST_DENIED, "listen on %s: not a loopback address; use 127.0.0.1", text);
}

static int open_listener(const Address *address, socklen_t len)
{
    int one = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &address->any, len) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

Status server_new(Loop *loop, const char *address, unsigned port, ServerAsked *asked, void *arg,
                  Server **out, Err *err)
{
    Address   where;
    socklen_t len = 0;
    if (parse_address(address, port, &where, &len, err) != ST_OK) return err->status;
    int fd = open_listener(&where, len);
    if (fd < 0)
        return err_set(err, ST_IO, "listen on %s port %u: %s", address, port, strerror(errno));
    Server *server = mem_new(sizeof *server);
    *server = (Server){.loop = loop, .fd = fd, .asked = asked, .arg = arg};
    server->again = timer_new(loop, on_again, server);
    if (watch_new(loop, fd, on_accept, server, &server->watch, err) != ST_OK) {
        server_free(server);
        return err->status;
    }
    getsockname(fd, &where.any, &len);
    server->port = ntohs(where.any.sa_family == AF_INET ? where.v4.sin_port : where.v6.sin6_port);
    watch_set(server->watch, WATCH_READ);
    *out = server;
    return ST_OK;
}

unsigned server_port(const Server *server) { return server->port; }
size_t   server_connections(const Server *server) { return server->count; }

void server_free(Server *server)
{
    if (!server) return;
    while (server->connections) {
        server->connections->inside = false;
        connection_free(server->connections);
    }
    watch_free(server->watch);
    timer_free(server->again);
    close(server->fd);
    free(server);
}

static void on_accept(void *arg, int fd, int events)
{
    Server *server = arg;
    (void)events;
    while (server->count < CONNECTIONS_MAX) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            connection_new(server, client);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        timer_set(server->again, clock_deadline(loop_clock(server->loop), ACCEPT_AGAIN_MS));
        break;
    }
    watch_set(server->watch, 0); /* full: those who wait stay in the backlog */
}

static void on_again(void *arg)
{
    Server *server = arg;
    watch_set(server->watch, WATCH_READ);
}

/* -- connections --------------------------------------------------------------------------------- */

static void expect(Connection *connection, int64_t timeout_ms)
{
    timer_set(connection->silence,
              clock_deadline(loop_clock(connection->server->loop), timeout_ms));
}

static void connection_new(Server *server, int fd)
{
    Err         err;
    int         one = 1;
    Connection *connection = mem_new(sizeof *connection);
    connection->server = server;
    connection->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    parser_init(&connection->parser, LIMIT_REQUEST);
    buf_init(&connection->out, LIMIT_REPLY);
    connection->silence = timer_new(server->loop, on_connection_silent, connection);
    connection->soon = timer_new(server->loop, on_connection_soon, connection);
    connection->next = server->connections;
    if (connection->next) connection->next->prev = connection;
    server->connections = connection;
    server->count++;
    if (watch_new(server->loop, fd, on_connection, connection, &connection->watch, &err) != ST_OK) {
        connection_free(connection);
        return;
    }
    watch_again(connection);
    expect(connection, SILENCE_MS);
}

static void connection_close(Connection *connection)
{
    if (connection->fd < 0) return;
    watch_free(connection->watch);
    close(connection->fd);
    connection->watch = NULL;
    connection->fd = -1;
    timer_stop(connection->silence);
}

static void connection_free(Connection *connection)
{
    Server *server = connection->server;
    connection_close(connection);
    connection->freed = true;
    if (connection->inside) return; /* whoever is inside frees it on the way out */
    timer_free(connection->silence);
    timer_free(connection->soon);
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next) connection->next->prev = connection->prev;
    if (server->count-- == CONNECTIONS_MAX) watch_set(server->watch, WATCH_READ);
    parser_clear(&connection->parser);
    buf_clear(&connection->out);
    free(connection);
}

/* The client is not there any more. A request that was handed out stays until its owner ends it. */
static void connection_gone(Connection *connection)
{
    connection_close(connection);
    if (connection->state != ASKED) {
        connection_free(connection);
    } else if (!connection->gone_known) {
        connection->gone_known = true;
        if (connection->events.on_gone)
            connection->events.on_gone(connection->events_arg, &connection->request);
    }
}

static void watch_again(Connection *connection)
{
    if (connection->fd < 0) return;
    bool full = connection->parser.in.len >= LIMIT_HTTP_HEAD;
    bool unsent = connection->out.len > connection->out_sent;
    watch_set(connection->watch, (full ? 0 : WATCH_READ) | (unsent ? WATCH_WRITE : 0));
    if (connection->state == ASKED && !unsent) timer_stop(connection->silence);
}

static Status say(Connection *connection, Str bytes, Err *err)
{
    if (connection->fd < 0 || connection->freed)
        return err_set(err, ST_UNAVAILABLE, "answer a request: the client is gone");
    return buf_append(&connection->out, bytes, err);
}

static void refuse(Connection *connection, int status)
{
    Err err;
    connection->parser.keep_alive = false;
    connection->state = ENDING;
    if (buf_printf(&connection->out, &err,
                   "HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                   status) != ST_OK)
        connection_free(connection);
}

/* Hands out the requests that are complete, one after the other. */
static void advance(Connection *connection)
{
    Err err;
    while (connection->state == READING && !connection->freed &&
           connection->out.len == connection->out_sent) {
        RequestParser *parser = &connection->parser;
        int            status = parser_step(parser);
        if (status == 0) {
            if (parser->wants_continue && parser->state != PARSER_HEAD) {
                parser->wants_continue = false;
                if (say(connection, STR("HTTP/1.1 100 Continue\r\n\r\n"), &err) != ST_OK)
                    connection_free(connection);
            }
            return;
        }
        if (status != 200) {
            refuse(connection, status);
            return;
        }
        connection->state = ASKED;
        connection->head_sent = connection->bare = connection->gone_known = false;
        connection->events = (ReplyEvents){NULL, NULL};
        connection->request =
            (ServerRequest){.method = parser->method,       .path = parser->target,
                            .headers = parser->headers,     .header_count = parser->header_count,
                            .body = buf_str(&parser->body), .user = NULL};
        connection->server->asked(connection->server->arg, &connection->request);
    }
}

static void receive(Connection *connection)
{
    Err     err;
    Buf    *in = &connection->parser.in;
    char    bytes[READ_SIZE];
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        connection_gone(connection);
        return;
    }
    if (connection->state == LINGERING || connection->state == ENDING) return;
    if (connection->state == READING) expect(connection, SILENCE_MS);
    if (buf_append(in, (Str){bytes, (size_t)got}, &err) != ST_OK) connection_free(connection);
}

/* Sends what it can. Never calls the owner: it may be the owner who is calling. */
static void flush(Connection *connection)
{
    Buf *out = &connection->out;
    while (connection->fd >= 0 && out->len > connection->out_sent) {
        ssize_t put = send(connection->fd, out->ptr + connection->out_sent,
                           out->len - connection->out_sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno != EAGAIN) {
            connection_close(connection);
            return;
        }
        expect(connection, SILENCE_MS);
        if (put < 0) break;
        connection->out_sent += (size_t)put;
    }
    if (out->len == connection->out_sent) {
        buf_reset(out);
        connection->out_sent = 0;
    }
    if (connection->state == ENDING && out->len == 0 && connection->fd >= 0) {
        shutdown(connection->fd, SHUT_WR);
        connection->state = LINGERING;
        expect(connection, LINGER_MS);
    }
    watch_again(connection);
}

static void leave(Connection *connection)
{
    if (connection->fd < 0 && !connection->freed) connection_gone(connection);
    connection->inside = false;
    if (connection->freed)
        connection_free(connection);
    else
        watch_again(connection);
}

static void on_connection(void *arg, int fd, int events)
{
    Connection *connection = arg;
    (void)fd;
    connection->inside = true;
    bool unsent = connection->out.len > connection->out_sent;
    if (events & WATCH_WRITE) flush(connection);
    if ((events & WATCH_READ) && connection->fd >= 0) receive(connection);
    if (!connection->freed && connection->fd >= 0) {
        if (unsent && connection->out.len == 0 && connection->state == ASKED &&
            connection->events.on_drained)
            connection->events.on_drained(connection->events_arg, &connection->request);
        advance(connection);
        flush(connection);
    }
    leave(connection);
}

static void on_connection_soon(void *arg)
{
    Connection *connection = arg;
    connection->inside = true;
    advance(connection);
    flush(connection);
    leave(connection);
}

static void on_connection_silent(void *arg)
{
    Connection *connection = arg;
    connection->inside = true;
    connection_gone(connection);
    leave(connection);
}

/* -- replies ------------------------------------------------------------------------------------- */

static const char *phrase_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Status";
    }
}

Str request_header(const ServerRequest *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_is(request->headers[i].name, name)) return request->headers[i].value;
    return (Str){NULL, 0};
}

static bool is_clean(Str text, const char *bad)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i] || strchr(bad, text.ptr[i])) return false;
    return true;
}

static Status check_reply_header(const HttpHeader *header, Err *err)
{
    static const char *const OURS[] = {"content-length", "transfer-encoding", "connection"};
    if (header->name.len == 0 || !is_clean(header->name, " :\r\n\t") ||
        !is_clean(header->value, "\r\n"))
        return err_set(err, ST_INVALID, "answer a request: \"%.*s\" is no header",
                       STR_ARG(header->name));
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        if (header->name.len == strlen(OURS[i]) &&
            strncasecmp(header->name.ptr, OURS[i], header->name.len) == 0)
            return err_set(err, ST_INVALID, "answer a request: %s is set by the server", OURS[i]);
    return ST_OK;
}

/* Sends what was said; a client that is gone is told here, and not a second time by an event. */
static Status push(Connection *connection, Err *err)
{
    flush(connection);
    if (connection->fd >= 0) return ST_OK;
    connection->gone_known = true;
    return err_set(err, ST_UNAVAILABLE, "answer a request: the client is gone");
}

Status reply_head(ServerRequest *request, int status, const HttpHeader *headers,
                  size_t header_count, Err *err)
{
    Connection *connection = (Connection *)request;
    if (connection->head_sent || status < 200 || status > 599)
        return err_set(err, ST_INVALID, "answer a request: a second head, or status %d", status);
    for (size_t i = 0; i < header_count; i++)
        if (check_reply_header(&headers[i], err) != ST_OK) return err->status;
    connection->head_sent = true;
    connection->bare = status == 204 || status == 304 || str_is(request->method, "HEAD");
    /* A client of HTTP/1.0 knows no chunks: its answer ends with the connection. */
    if (connection->parser.is_1_0) connection->parser.keep_alive = false;
    Status rc = say(connection, STR(""), err);
    if (rc == ST_OK)
        rc = buf_printf(&connection->out, err, "HTTP/1.1 %d %s\r\n", status, phrase_of(status));
    for (size_t i = 0; i < header_count && rc == ST_OK; i++)
        rc = buf_printf(&connection->out, err, "%.*s: %.*s\r\n", (int)headers[i].name.len,
                        headers[i].name.ptr, (int)headers[i].value.len,
                        headers[i].value.len ? headers[i].value.ptr : "");
    if (rc == ST_OK && !connection->bare && !connection->parser.is_1_0)
        rc = say(connection, STR("Transfer-Encoding: chunked\r\n"), err);
    if (rc == ST_OK && !connection->parser.keep_alive)
        rc = say(connection, STR("Connection: close\r\n"), err);
    if (rc == ST_OK) rc = say(connection, STR("\r\n"), err);
    return rc == ST_OK ? push(connection, err) : rc;
}

Status reply_write(ServerRequest *request, Str bytes, Err *err)
{
    Connection *connection = (Connection *)request;
    if (!connection->head_sent)
        return err_set(err, ST_INVALID, "answer a request: a body before its head");
    if (bytes.len == 0 || connection->bare) return ST_OK; /* an empty chunk would be the end */
    Status status = say(connection, STR(""), err);
    bool   chunked = !connection->parser.is_1_0;
    if (status == ST_OK && connection->out_sent > connection->out.len / 2) {
        buf_drop(&connection->out, connection->out_sent);
        connection->out_sent = 0;
    }
    if (status == ST_OK) status = buf_reserve(&connection->out, bytes.len + 32, err);
    if (status == ST_OK && chunked) status = buf_printf(&connection->out, err, "%zx\r\n", bytes.len);
    if (status == ST_OK) status = say(connection, bytes, err);
    if (status == ST_OK && chunked) status = say(connection, STR("\r\n"), err);
    return status == ST_OK ? push(connection, err) : status;
}

void reply_end(ServerRequest *request)
{
    Err         err;
    Connection *connection = (Connection *)request;
    Status      status = ST_OK;
    if (!connection->head_sent) status = reply_head(request, 500, NULL, 0, &err);
    if (status == ST_OK && !connection->bare && !connection->parser.is_1_0)
        status = say(connection, STR("0\r\n\r\n"), &err);
    if (status != ST_OK || connection->fd < 0) {
        reply_abort(request);
        return;
    }
    connection->state = connection->parser.keep_alive ? READING : ENDING;
    parser_restart(&connection->parser);
    flush(connection);
    expect(connection, connection->state == LINGERING ? LINGER_MS : SILENCE_MS);
    if (!connection->inside)
        timer_set(connection->soon, loop_now(connection->server->loop));
}

void reply_abort(ServerRequest *request)
{
    Connection *connection = (Connection *)request;
    connection->state = READING; /* nobody holds the request any more */
    connection_free(connection);
}

bool reply_gone(const ServerRequest *request) { return ((const Connection *)request)->fd < 0; }

size_t reply_unsent(const ServerRequest *request)
{
    const Connection *connection = (const Connection *)request;
    return connection->out.len - connection->out_sent;
}

void reply_watch(ServerRequest *request, const ReplyEvents *events, void *arg)
{
    Connection *connection = (Connection *)request;
    connection->events = *events;
    connection->events_arg = arg;
}
