/* proxy_head.h -- what a request asks of a proxy, and how it goes on from there. Pure.
 *
 * Why     Where two readers could see two requests, the second one is let through unseen. What goes
 *         out is written anew from what was understood, never passed on as it came.
 * Use     parser_step until the head is there -> proxy_head_token -> proxy_head_read ->
 *         proxy_head_write for a plain request; proxy_answer_head for what comes back.
 * Owner   Everything is the caller's; Strs are borrowed from the parser.
 * Thread  Any.
 */
#ifndef HOST_HTTP_PROXY_HEAD_H
#define HOST_HTTP_PROXY_HEAD_H

#include "host_rule.h"
#include "request_parser.h"

enum { PROXY_CREDENTIALS_MAX = 200 };

typedef struct ProxyAsk {
    bool     tunnel; /* CONNECT */
    bool     chunked;
    Host     host;
    uint16_t port;
    Str      authority; /* host and port as asked */
    Str      path;      /* of a plain request: path and query, may be empty */
} ProxyAsk;

/* The user and password of "Proxy-Authorization: Basic ..." (RFC 7617) as "user:password", with a
 * NUL. False when there is none, or more than one, or it is no base64. */
bool proxy_head_credentials(const RequestParser *parser, char out[PROXY_CREDENTIALS_MAX]);

/* 0, or the status with which to refuse and why: 403 for a host that is none (`authority` says
 * what was asked for), 400 for what is no request to a proxy. */
int proxy_head_read(const RequestParser *parser, ProxyAsk *out, Err *err);

/* Appends the head of a plain request in origin form. */
MUST_CHECK Status proxy_head_write(const RequestParser *parser, const ProxyAsk *ask, Buf *out,
                                   Err *err);

/* Takes the answer's head from the front of `in` when it is whole and appends it to `out` without
 * what concerned the other hop, "Connection: close" added. 0: more bytes are needed; 1: it was an
 * interim head (1xx), another follows; else the status. -1: this is no HTTP answer. */
int proxy_answer_head(Buf *in, Buf *out);

#endif
