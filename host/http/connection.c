#include "server_internal.h"

#include "../base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 16 * 1024,
    SILENCE_MS = 60000, /* a client that neither sends nor reads */
    LINGER_MS = 1000
};

static void on_connection(void *arg, int fd, int events);
static void on_connection_soon(void *arg);
static void on_connection_silent(void *arg);
static void watch_again(Connection *connection);

static void expect(Connection *connection, int64_t timeout_ms)
{
    timer_set(connection->silence,
              clock_deadline(loop_clock(connection->server->loop), timeout_ms));
}

void connection_new(Server *server, int fd)
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

void connection_free(Connection *connection)
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

Status connection_say(Connection *connection, Str bytes, Err *err)
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
    while (connection->state == READING && !connection->freed && connection->fd >= 0 &&
           connection->out.len == connection->out_sent) {
        RequestParser *parser = &connection->parser;
        int            status = parser_step(parser);
        if (status == 0) {
            if (parser->wants_continue && parser->state != PARSER_HEAD) {
                parser->wants_continue = false;
                if (connection_say(connection, STR("HTTP/1.1 100 Continue\r\n\r\n"), &err) != ST_OK)
                    connection_free(connection);
            }
            return;
        }
        if (status != 200) {
            refuse(connection, status);
            return;
        }
        connection->state = ASKED;
        connection->head_sent = connection->bare = false;
        connection->broken = connection->gone_known = false;
        connection->events = (ReplyEvents){NULL, NULL};
        connection->request = (ServerRequest){.method = parser->method,
                                              .path = parser->target,
                                              .headers = parser->headers,
                                              .header_count = parser->header_count,
                                              .body = buf_str(&parser->body),
                                              .user = NULL};
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

void connection_flush(Connection *connection)
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
    if (events & WATCH_WRITE) connection_flush(connection);
    if ((events & WATCH_READ) && connection->fd >= 0) receive(connection);
    if (!connection->freed && connection->fd >= 0) {
        if (unsent && connection->out.len == 0 && connection->state == ASKED &&
            connection->events.on_drained)
            connection->events.on_drained(connection->events_arg, &connection->request);
        advance(connection);
        connection_flush(connection);
    }
    leave(connection);
}

void connection_answered(Connection *connection)
{
    connection->state = connection->parser.keep_alive ? READING : ENDING;
    parser_restart(&connection->parser);
    connection_flush(connection);
    expect(connection, connection->state == LINGERING ? LINGER_MS : SILENCE_MS);
    if (!connection->inside) timer_set(connection->soon, loop_now(connection->server->loop));
}

static void on_connection_soon(void *arg)
{
    Connection *connection = arg;
    connection->inside = true;
    advance(connection);
    connection_flush(connection);
    leave(connection);
}

static void on_connection_silent(void *arg)
{
    Connection *connection = arg;
    connection->inside = true;
    connection_gone(connection);
    leave(connection);
}
