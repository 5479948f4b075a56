/* cassette_internal.h -- a recording in memory, and its lines.
 *
 * Use     Written: tape_request, then tape_write_*, each appends one line with its end.
 *         Read: tape_load -> Tape, whole and consistent: numbers in order, no event before its
 *         request or after its end.
 * Owner   Tape owns every text in it, until tape_free.
 */
#ifndef HOST_HTTP_CASSETTE_INTERNAL_H
#define HOST_HTTP_CASSETTE_INTERNAL_H

#include "cassette.h"

enum { CASSETTE_VERSION = 1 };

/* A request in the form that is kept and compared; without the values of secrets. */
typedef struct TapeRequest {
    Buf head; /* "POST URL\nNAME: VALUE\n..." */
    Buf body;
} TapeRequest;

typedef enum TapeKind {
    TAPE_REQUEST,
    TAPE_REFUSED,
    TAPE_HEAD,
    TAPE_DATA,
    TAPE_END,
    TAPE_CANCEL
} TapeKind;

typedef struct TapeHead {
    int         status;
    HttpHeader *headers; /* owned, with their texts */
    size_t      count;
} TapeHead;

typedef struct TapeEvent {
    TapeKind kind;
    size_t   exchange; /* index of its request */
    Status   status;   /* REFUSED, END */
    union {
        Buf       text; /* DATA: bytes; REFUSED, END: the message */
        TapeHead *head; /* owned */
    };
} TapeEvent;

typedef struct TapeExchange {
    TapeRequest request;
    size_t      event;  /* index of its TAPE_REQUEST */
    bool        headed; /* a head was read */
    bool        over;   /* no event of it may follow */
} TapeExchange;

typedef struct Tape {
    TapeEvent    *events;
    size_t        event_count, event_room;
    TapeExchange *exchanges;
    size_t        exchange_count, exchange_room;
    Buf           about;
    char         *ended; /* why it stops before its end, for people; NULL when it is whole */
    bool          closed;
} Tape;

/* cassette_line.c */
void              tape_request_init(TapeRequest *request);
void              tape_request_clear(TapeRequest *request);
/* Fills it from what is asked, masked. */
MUST_CHECK Status tape_request_of(const HttpRequest *from, TapeRequest *out, Err *err);

MUST_CHECK Status tape_write_request(size_t number, const TapeRequest *request, Buf *out, Err *err);
MUST_CHECK Status tape_write_head(size_t number, const HttpHead *head, Buf *out, Err *err);
MUST_CHECK Status tape_write_data(size_t number, Str bytes, Buf *out, Err *err);
/* `name`: "end" or "refused". */
MUST_CHECK Status tape_write_outcome(size_t number, const char *name, const Err *outcome, Buf *out,
                                     Err *err);
MUST_CHECK Status tape_write_cancel(size_t number, Buf *out, Err *err);
MUST_CHECK Status tape_write_text(Str bytes, Buf *out, Err *err); /* one JSON value, no line */

/* cassette_read.c: reads one line, without its end, into `tape`. The first is the head. */
MUST_CHECK Status tape_read_line(Tape *tape, Str line, bool first, Err *err);

/* cassette_file.c */
MUST_CHECK Status tape_load(const char *path, Tape *tape, Err *err); /* tape is zeroed before */
void              tape_clear(Tape *tape);

/* cassette_explain.c: fills `out` with ST_INVALID and what differs from the most similar request
 * that is not `begun` (by exchange). */
void cassette_explain(const char *path, const Tape *tape, const bool *begun,
                      const TapeRequest *asked, Err *out);
void cassette_explain_missing(const char *path, const Tape *tape, size_t exchange, Err *out);

#endif
