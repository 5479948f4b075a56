/* proxy_internal.h -- what the files of the proxy share: one struct a connection.
 *
 * A Link has two sides, the client (a command in the sandbox) and the far one. What is read from
 * one waits in the other's `out`, at most PIPE_MAX and one read: while that is full, nothing is
 * read.
 *
 * Life    proxy.c accepts -> link_new -> ... -> link_free, by whoever sees its end. No function
 *         here touches a Link after link_free; those that may have freed it answer false.
 */
#ifndef HOST_HTTP_PROXY_INTERNAL_H
#define HOST_HTTP_PROXY_INTERNAL_H

#include "proxy.h"
#include "proxy_head.h"

#include "../base/limits.h"

enum {
    LINKS_MAX = 128,      /* of one proxy */
    PASS_LINKS_MAX = 64,  /* of one token */
    LINK_LINGER_MS = 2000 /* for a client to read an answer of ours */
};
#define PIPE_MAX (64 * KB)

typedef struct Link Link;

typedef enum LinkState {
    LINK_HEAD,
    LINK_LOOKUP,
    LINK_DIAL,
    LINK_PUMP,
    LINK_ENDING,
    LINK_LINGER
} LinkState;

struct ProxyPass {
    Proxy        *proxy; /* borrowed */
    ProxyPass    *prev, *next;
    char          credentials[PROXY_CREDENTIALS_MAX]; /* "run:TOKEN", zeros behind it */
    HostRules     rules;                              /* owned */
    ProxyRefused *refused;                            /* may be NULL */
    void         *arg;
    size_t        links;
};

struct Proxy {
    Loop               *loop; /* borrowed */
    int                 fd;   /* owned; listening */
    Watch              *watch;
    Timer              *again; /* accepts again after a pause */
    ProxyTimes          times;
    const ResolveNames *names;  /* borrowed, may be NULL */
    ProxyPass          *passes; /* owned list */
    Link               *links;  /* owned list, newest first */
    size_t              count;
};

typedef struct Side {
    int    fd; /* owned, -1 for none */
    Watch *watch;
    Buf    out;    /* waits to be written to it */
    size_t sent;   /* of `out` */
    bool   ended;  /* it sends no more */
    bool   closed; /* it was told that we send no more */
} Side;

struct Link {
    Proxy        *proxy; /* borrowed */
    ProxyPass    *pass;  /* borrowed; NULL until its token was seen */
    Link         *prev, *next;
    LinkState     state;
    Side          client, far;
    Timer        *timer;
    RequestParser parser;
    ProxyAsk      ask;
    bool          asked_all; /* a plain request has gone out whole */
    bool          answered;  /* the head of its answer has gone back */
    Buf           answer;    /* a part of that head */
    Resolve      *resolve;   /* owned while in LOOKUP */
    Resolved      found;     /* addresses that may be dialled */
    size_t        tried;     /* of `found` */
    int64_t       dial_deadline;
};

/* proxy.c */
ProxyPass *proxy_pass_of(Proxy *proxy, const char credentials[PROXY_CREDENTIALS_MAX]);
void       proxy_links_changed(Proxy *proxy);

/* proxy_link.c: from the head to the connection that stands. */
void link_new(Proxy *proxy, int fd); /* takes fd */
void link_free(Link *link);

/* Answers the client and ends: `status`, and one line for people. */
void link_answer(Link *link, int status, const char *line);

/* proxy_pump.c: bytes both ways. Each answers whether the link still is. */
bool link_pump_begin(Link *link);
bool link_on_client(Link *link, int events);
bool link_on_far(Link *link, int events);
bool link_flush(Link *link, Side *side);
void link_watch(Link *link);

#endif
