/* curl_internal.h -- what the files of the curl transport share. The only header with curl.h.
 *
 * Why     One CurlCall is one easy handle; one CurlTransport is one multi handle driven by the
 *         loop.
 * Life of a call
 *
 *     http_begin -> [added to multi] -> on_head -> on_data ... -> finished -> on_end -> freed
 *                          |               |          |
 *                          +-- cancelled or failed ---+   noted in the call; settled later, when
 *                                                         libcurl is not on the stack
 *
 * Thread  Loop thread. `inside` is true while libcurl is on the stack: it refuses to be entered
 *         again from its own callbacks, so what would do that is noted and settled after.
 */
#ifndef HOST_HTTP_CURL_INTERNAL_H
#define HOST_HTTP_CURL_INTERNAL_H

#include "transport_kind.h"

#include "../base/limits.h"

#include <curl/curl.h>

/* Which silence would end the call now. */
typedef enum Stall { STALL_CONNECT, STALL_FIRST_BYTE, STALL_IDLE } Stall;

typedef struct Socket        Socket;
typedef struct CurlCall      CurlCall;
typedef struct CurlTransport CurlTransport;

struct CurlTransport {
    Transport base;    /* first */
    Loop     *loop;    /* borrowed */
    CURLM    *multi;   /* owned */
    CURLSH   *share;   /* owned; what servers gave to resume TLS sessions with */
    Timer    *alarm;   /* owned; libcurl's own next deadline */
    Timer    *soon;    /* owned; settles what was asked for outside of libcurl */
    CurlCall *calls;   /* owned list, newest first */
    Socket   *sockets; /* owned list; what libcurl wants watched */
    char     *ca_file; /* owned, may be NULL; CURL_CA_BUNDLE or SSL_CERT_FILE */
    char     *ca_path; /* owned, may be NULL; SSL_CERT_DIR */
    bool      proxied; /* the environment names a proxy for https */
    bool      inside;  /* libcurl is on the stack */
    bool      todo;    /* some call needs settling */
};

struct CurlCall {
    HttpCall           base;      /* first */
    CurlTransport     *transport; /* borrowed */
    CurlCall          *prev, *next;
    CURL              *easy;        /* owned */
    struct curl_slist *headers;     /* owned */
    char              *secret_line; /* borrowed from `headers`; wiped before it is freed */
    char              *body;        /* owned */
    char              *socket;      /* owned; path of a socket of this machine, or NULL */
    HttpEvents         events;
    void              *arg; /* borrowed from the caller */

    Timer     *timer; /* owned; fires at the earlier of stall_deadline and deadline */
    Stall      stall;
    int64_t    stall_deadline, deadline;
    int64_t    connect_ms, first_byte_ms, idle_ms;
    curl_off_t sent; /* bytes of the request that have left */

    Buf    head;         /* name NUL value NUL ..., of the head being read */
    size_t header_count; /* pairs in it */
    size_t head_bytes;   /* of all heads and trailers, to bound them together */
    int    status;
    bool   head_seen; /* on_head was called; later lines are trailers */
    size_t body_left; /* bytes that the body may still have */

    HostRules hosts;                     /* owned; in force when `guarded` */
    bool      guarded;                   /* reaches listed hosts only */
    bool      direct;                    /* through no proxy */
    bool      opened;                    /* some address was let through */
    char      inside[ADDRESS_TEXT_SIZE]; /* an address that was refused, or "" */

    bool added;     /* to the multi handle */
    bool paused;    /* the caller wants no data */
    bool held;      /* libcurl keeps a piece for us since we said pause */
    bool cancelled; /* no event any more */
    bool failed;    /* `outcome` holds why */
    bool ended;     /* on_end is being called */
    Err  outcome;
    char where[160];             /* "POST https://host/path" for texts; no query, no secret */
    char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* curl_request.c: checks `request`, fills `call->where` and the easy handle. */
MUST_CHECK Status call_prepare(CurlCall *call, const HttpRequest *request, Err *err);
void              call_wipe_headers(CurlCall *call);

/* curl_unix.c: of unix:SOCKET:PATH in `url` makes the URL behind the socket, and `socket` its path;
 * any other URL stays, and `socket` is NULL. Both are owned by the caller. */
MUST_CHECK Status call_take_socket(char **url, char **socket, Err *err);

/* curl_guard.c: where this call may go. The first is asked once the URL was read, the second sets
 * the options that hold it to that. */
MUST_CHECK Status call_check_host(CurlCall *call, CURLU *parts, Err *err);
void              call_guard(CurlCall *call);

/* curl_answer.c: the callbacks that libcurl makes while the answer comes. */
void call_listen(CurlCall *call);

/* curl_transport.c: begins another wait, counted from now. */
void call_expect(CurlCall *call, Stall stall);

/* curl_outcome.c: what a finished transfer amounts to. */
void call_judge(CurlCall *call, CURLcode code);
void call_judge_silence(CurlCall *call, int64_t now);

/* Notes inside a libcurl callback that the call has failed; it ends as soon as libcurl returns. */
void call_fail(CurlCall *call, Status status, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
