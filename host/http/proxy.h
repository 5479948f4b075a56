/* proxy.h -- the one way out of a sandboxed network: a proxy that checks every host.
 *
 * Why     Commands of a run have a network namespace with nothing in it but this. They ask for
 *         names; the host decides, resolves each name once, checks the address and dials that very
 *         address. There is no DNS inside.
 * Use     1 the helper listens inside the namespace and hands over the descriptor  2 proxy_new
 *         3 proxy_token, proxy_admit for each command, with its rules; the command is given
 *         http://run:TOKEN@127.0.0.1:PORT in its environment  4 proxy_dismiss when it has ended
 *         5 proxy_free
 * Owner   Proxy: the caller. ProxyPass: the proxy; valid until proxy_dismiss or proxy_free.
 * Units   Milliseconds; a port is a number of the host's order.
 * Thread  Loop thread only; nothing blocks. Names are resolved on threads of their own, and
 *         nothing waits for one that hangs.
 * Errors  To the command, as an HTTP answer with one line of text: 400 what is no proper request,
 *         407 no token or a wrong one, 403 a host that is not allowed, 502 and 504 what could not
 *         be reached, 503 too many connections, 408 and 431 a head that is late or too large.
 *
 * Spoken: CONNECT host:port, and plain HTTP with an absolute URI (RFC 9112, section 3.2). A plain
 * request goes out in origin form with one Host, without what concerns only this hop, framed anew,
 * and with "Connection: close": one request a connection, so that no second one can go where the
 * first was allowed. An upstream proxy of the user's is not used: it would look up names itself,
 * and what it dials nobody here could check.
 *
 * A connection:
 *
 *     HEAD --> LOOKUP --> DIAL --> PUMP --> closed
 *       \_________\_________\--> ENDING (an answer of ours leaves) --> LINGER --> closed
 */
#ifndef HOST_HTTP_PROXY_H
#define HOST_HTTP_PROXY_H

#include "../loop/loop.h"
#include "host_rule.h"
#include "resolve.h"

typedef struct Proxy     Proxy;
typedef struct ProxyPass ProxyPass;

enum { PROXY_TOKEN_SIZE = 44 }; /* 43 characters of base64url, and a NUL */

/* How long each silence may last, each > 0. */
typedef struct ProxyTimes {
    int64_t head_ms;    /* until a request's head is complete */
    int64_t lookup_ms;  /* until its name is resolved */
    int64_t connect_ms; /* until one of the addresses has answered */
    int64_t idle_ms;    /* without a byte in either direction */
} ProxyTimes;

extern const ProxyTimes PROXY_TIMES; /* what a run uses */

typedef struct ProxySpec {
    int                 listen_fd; /* taken, also on failure; a listening stream socket */
    ProxyTimes          times;
    const ResolveNames *names; /* borrowed, outlives the proxy; NULL: the system's resolver */
} ProxySpec;

/* What was refused. `name` is as asked, in printable ASCII and cut where it is no host; `port` is 0
 * where none could be read. `why` is a sentence's end: "is not among the hosts ...". */
typedef struct ProxyRefusal {
    const char *name, *why; /* borrowed during the callback */
    uint16_t    port;
} ProxyRefusal;

/* Called for each refusal of a pass's requests: a command can cause thousands, so its owner bounds
 * what it keeps. It only records: it calls nothing of this header. */
typedef void ProxyRefused(void *arg, const ProxyRefusal *refusal);

MUST_CHECK Status proxy_new(Loop *loop, const ProxySpec *spec, Proxy **out, Err *err);

/* Cuts every connection and closes the listening socket. NULL allowed. */
void proxy_free(Proxy *proxy);

/* A fresh token from the kernel's random numbers. ST_UNAVAILABLE where it has none. */
MUST_CHECK Status proxy_token(char out[PROXY_TOKEN_SIZE], Err *err);

/* Lets connections in that carry `token` (20 to 100 letters, digits, '-', '_'), within `rules`,
 * which are copied. `refused` may be NULL. ST_INVALID for a token of another form or one that is in
 * use. No rules at all: every host is refused. */
MUST_CHECK Status proxy_admit(Proxy *proxy, const char *token, const HostRules *rules,
                              ProxyRefused *refused, void *arg, ProxyPass **out, Err *err);

/* Ends what was admitted: its connections are cut and its token is worth nothing. No callback comes
 * any more. NULL allowed. */
void proxy_dismiss(ProxyPass *pass);

size_t proxy_connections(const Proxy *proxy); /* open now */

#endif
