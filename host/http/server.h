/* server.h -- a small HTTP/1.1 server for this machine only.
 *
 * Why     A rehearsal can be served to any client that speaks a model API, and tests need a far
 *         side. It binds loopback addresses and nothing else.
 * Use     1 server_new  2 in on_request: reply_head, reply_write ..., reply_end; or keep the
 *         request and do so later  3 server_free
 * Owner   Server: the caller. ServerRequest: the server; the caller may use it from on_request
 *         until it calls reply_end or reply_abort, which it does once, or until server_free. A
 *         client that goes away does not end it: replies then answer ST_UNAVAILABLE.
 * Units   Bytes; a port is a number of the host's order.
 * Thread  Loop thread only; nothing blocks. server_free not from inside a callback of its own.
 * Errors  Requests that are malformed or too large never reach on_request: 400, 413, 417, 431, 501
 *         or 505 is the answer, and the connection ends.
 *
 * A client that shuts down its sending side counts as gone.
 * A connection carries one request at a time and is kept for the next. Answers use the chunked
 * coding, each reply_write is sent at once.
 */
#ifndef HOST_HTTP_SERVER_H
#define HOST_HTTP_SERVER_H

#include "transport.h"

typedef struct Server Server;

typedef struct ServerRequest {
    Str               method;  /* all fields are borrowed */
    Str               path;    /* the target as sent: "/v1/messages?x=1"; absolute to a proxy */
    const HttpHeader *headers; /* names in lower case */
    size_t            header_count;
    Str               body;
    void             *user; /* the caller's own; NULL at first */
} ServerRequest;

/* May answer at once or keep `request`. */
typedef void ServerAsked(void *arg, ServerRequest *request);

typedef struct ReplyEvents {
    void (*on_gone)(void *arg, ServerRequest *request);    /* the client went away; may be NULL */
    void (*on_drained)(void *arg, ServerRequest *request); /* all has left us; may be NULL */
} ReplyEvents;

/* Listens on `address`, in 127.0.0.0/8 or "::1"; ST_DENIED for any other. Port 0 takes a free one.
 */
MUST_CHECK Status server_new(Loop *loop, const char *address, unsigned port, ServerAsked *asked,
                             void *arg, Server **out, Err *err);
unsigned          server_port(const Server *server);
size_t            server_connections(const Server *server);
void              server_free(Server *server); /* NULL allowed; cuts what is under way, no events */

/* The value of a header, empty when there is none. `name` in lower case. */
Str request_header(const ServerRequest *request, const char *name);

/* Status line and headers, 200 to 599; the transport's own headers (length, coding, connection) are
 * ST_INVALID. ST_UNAVAILABLE when the client is gone. */
MUST_CHECK Status reply_head(ServerRequest *request, int status, const HttpHeader *headers,
                             size_t header_count, Err *err);

/* A piece of the body. ST_LIMIT when the client does not read and LIMIT_REPLY bytes wait for it. */
MUST_CHECK Status reply_write(ServerRequest *request, Str bytes, Err *err);

/* The answer is complete; without a head it is a 500; after a head or piece that failed the
 * connection is cut, so that half an answer is not taken for a whole one. `request` is gone. */
void reply_end(ServerRequest *request);

/* Cuts the connection, so that the client sees a broken answer. `request` is gone. */
void reply_abort(ServerRequest *request);

bool   reply_gone(const ServerRequest *request);   /* the client went away */
size_t reply_unsent(const ServerRequest *request); /* bytes that wait for the client to read */
void   reply_watch(ServerRequest *request, const ReplyEvents *events, void *arg); /* copied */

#endif
