/* fetch.h -- a request of somebody who may reach few hosts, redirects followed, the whole answer in
 * memory.
 *
 * Why     A tool is a stranger's code and its URL often a model's: the list of hosts holds for
 *         every hop, a secret stays where it was meant for, and what comes back must not carry it
 *         into a string.
 * Use     fetch_begin -> done, once -> take what is wanted of the answer; or fetch_cancel.
 * Owner   Fetch: this module; valid until `done` was called or fetch_cancel. Everything in the
 *         spec is copied. FetchAnswer: borrowed during `done`, which may take its
 *         headers and its body and leaves none behind.
 * Thread  Loop thread only; nothing blocks.
 * Errors  Those of transport.h. Besides ST_DENIED: a host that is not listed (of a redirect too),
 *         a secret that would travel in the clear, a redirect from https to http; ST_LIMIT: more
 *         redirects than allowed, or 64 requests under way; ST_INVALID: a secret too short to be
 *         kept out of the answer.
 *
 * A redirect is 301, 302, 303, 307 or 308 with a Location. 303 asks again with GET, 301 and 302 do
 * so for POST (RFC 9110, section 15.4); the body then stays behind, with the headers that describe
 * it. To another origin (scheme, host, port) neither the secret goes nor Authorization or Cookie.
 * The secret travels over https, and over http only to a literal address of this machine.
 */
#ifndef HOST_HTTP_FETCH_H
#define HOST_HTTP_FETCH_H

#include "transport.h"

typedef struct Fetch Fetch;

typedef struct FetchSpec {
    HttpRequest request;   /* `hosts` is not NULL */
    size_t      redirects; /* most that are followed; 0: a redirect is the answer */
} FetchSpec;

typedef struct FetchAnswer {
    int         status;
    HttpHeader *headers; /* names in lower case; the secret's value is overwritten with '*' */
    size_t      header_count;
    Buf         body;     /* likewise */
    Str         url;      /* where the answer came from */
    Buf         location; /* absolute: where a redirect that was not followed leads, or empty */
} FetchAnswer;

typedef void FetchDone(void *arg, const Err *outcome, FetchAnswer *answer); /* of use with ST_OK */

/* A wrong request fails here; everything later comes through `done`, never from inside. */
MUST_CHECK Status fetch_begin(Transport *transport, const FetchSpec *spec, FetchDone *done,
                              void *arg, Fetch **out, Err *err);

/* Stops at once; no `done` comes. NULL allowed. */
void fetch_cancel(Fetch *fetch);

#endif
