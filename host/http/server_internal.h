/* server_internal.h -- what the files of the server share.
 *
 * One struct a connection, and its states:
 *
 *     READING --request complete--> ASKED --reply_end--> READING (keep-alive)
 *        |                            |  \-------------> ENDING --all sent--> LINGERING --> freed
 *        +--malformed--> ENDING       +--reply_abort, or client gone and reply_end--> freed
 *
 * LINGERING reads and forgets what the client still sends, or the kernel would reset the connection
 * and take the end of our answer with it.
 */
#ifndef HOST_HTTP_SERVER_INTERNAL_H
#define HOST_HTTP_SERVER_INTERNAL_H

#include "request_parser.h"
#include "server.h"

#include "../base/limits.h"

enum { CONNECTIONS_MAX = 64 };

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
    bool            broken;          /* a part of the answer is missing: it must not end well */
    bool            inside;          /* a callback of ours is on the stack: free later */
    bool            gone_known;      /* the owner of the request has been told */
    bool            freed;
};

/* connection.c */
void connection_new(Server *server, int fd);

/* Closes, and frees unless a callback of the connection is on the stack: then on its way out. */
void connection_free(Connection *connection);

/* Puts bytes behind what is to be sent; ST_UNAVAILABLE when the client is gone. */
MUST_CHECK Status connection_say(Connection *connection, Str bytes, Err *err);

/* Sends what it can. Never calls the owner of a request: it may be the owner who is calling. */
void connection_flush(Connection *connection);

/* The request has been answered: on to the next one, or to the end of the connection. */
void connection_answered(Connection *connection);

#endif
