/* transport.h -- one bounded, streaming HTTP request.
 *
 * Why     The model client, and later the web tools, need the same thing: send a request, receive
 *         its answer in pieces, never wait without a named deadline, stop at once.
 * Use     1 transport_new  2 http_begin with callbacks  3 on_head once, on_data for each piece
 *         4 on_end exactly once, after which the HttpCall is gone  5 transport_free
 * Owner   Transport: the caller. HttpCall: the transport; valid from http_begin until on_end
 *         returned or http_cancel was called. Everything in HttpRequest is copied.
 * Units   Milliseconds; bytes.
 * Thread  Loop thread only. No function blocks: name resolution runs on curl's own thread and
 *         http_cancel does not wait for it (CURLOPT_QUICK_EXIT).
 * Errors  ST_TIMEOUT for a stall, which names itself in the text: "connect", "first byte", "idle
 *         stream", "deadline". ST_UNAVAILABLE when there is no connection or it broke: not
 *         resolved, refused, TLS handshake failed, cut before or during the answer; what came has
 *         been given to on_data. ST_PROTOCOL for what is no HTTP, a coding that does not decode, a
 *         certificate that is not trusted. ST_LIMIT for a head beyond LIMIT_HTTP_HEAD or a body
 *         beyond body_limit. Every status from 200 on is an answer: redirects are not followed,
 *         1xx are skipped.
 */
#ifndef HOST_HTTP_TRANSPORT_H
#define HOST_HTTP_TRANSPORT_H

#include "../base/buf.h"
#include "../loop/loop.h"
#include "host_rule.h"

typedef struct Transport Transport;
typedef struct HttpCall  HttpCall;

typedef struct HttpHeader {
    Str name, value;
} HttpHeader;

typedef struct HttpRequest {
    Str               method;  /* "GET", "POST" */
    Str               url;     /* http or https only */
    const HttpHeader *headers; /* borrowed for the call of http_begin */
    size_t            header_count;
    Str               body;
    Str               secret;        /* name of a secret, or empty */
    Str               secret_header; /* header that carries it: "x-api-key", "authorization" */
    Str               secret_prefix; /* before its value: "Bearer " or empty */
    const HostRules  *hosts;         /* may be NULL: see below */
    int64_t           connect_ms;    /* stall deadlines, each > 0 */
    int64_t           first_byte_ms;
    int64_t           idle_ms;
    int64_t           deadline;   /* absolute; DEADLINE_NEVER for none */
    size_t            body_limit; /* most bytes of the answer's body */
} HttpRequest;

typedef struct HttpHead {
    int               status;
    const HttpHeader *headers; /* names in lower case; borrowed during the callback */
    size_t            header_count;
} HttpHead;

typedef struct HttpEvents {
    void (*on_head)(void *arg, const HttpHead *head);
    void (*on_data)(void *arg, Str bytes);         /* decoded from its transfer and content codings;
                                                      body_limit counts these bytes */
    void (*on_end)(void *arg, const Err *outcome); /* status ST_OK when the answer was complete */
} HttpEvents;

MUST_CHECK Status transport_new(Loop *loop, Transport **out, Err *err);
/* Says that no request follows. Answers whether a recording is whole, or was played to its end (see
 * cassette.h); always ST_OK for the network. */
MUST_CHECK Status transport_finish(Transport *transport, Err *err);
/* Cancels what is under way, without events. Not from inside a callback of its own. */
void              transport_free(Transport *transport);

/* Appends the name by which secrets are granted to the host of `url`: "api.anthropic.com" for https
 * on its own port, else with the port ("127.0.0.1:8080", "gateway.lan:80"): a key that was granted
 * to a host for https never travels in the clear. ST_INVALID for what is no http(s) URL. */
MUST_CHECK Status http_host_key(Str url, Buf *out, Err *err);

/* Appends where a Location header leads, from `base`: absolute, http(s), without fragment. */
MUST_CHECK Status http_join_url(Str base, Str location, Buf *out, Err *err);

/* Begins a request. A wrong request (scheme, header with a line end, a secret that is not there or
 * not granted to that host, a host that is not listed) fails here; everything later comes through
 * on_end, never from inside http_begin.
 *
 * With `hosts` the request goes to those only: the URL's host must be listed, each address that it
 * leads to is checked as its socket is opened (the very address that is then dialled), no proxy
 * stands between, and the connection is its own, never one that was opened for somebody else.
 * ST_DENIED says which host or address. The list is the secret's grant as well: whoever makes it
 * has seen that the secret may go to each of them.
 * Without `hosts` http_proxy and its kin hold, but for this machine itself (127.0.0.0/8, ::1,
 * localhost), to which a proxy leads nowhere. */
MUST_CHECK Status http_begin(Transport *transport, const HttpRequest *request,
                             const HttpEvents *events, void *arg, HttpCall **out, Err *err);

/* Back-pressure: while paused no on_data comes, and the idle deadline does not run. */
void http_pause(HttpCall *call, bool paused);

/* Stops at once; no event comes any more. Allowed inside its own on_data and on_head. */
void http_cancel(HttpCall *call);

#endif
