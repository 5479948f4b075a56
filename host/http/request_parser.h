/* request_parser.h -- an HTTP/1.x request from bytes that come in any pieces (RFC 9112).
 *
 * Why     The server reads from clients that someone else wrote. This accepts the format strictly:
 *         lines end in CRLF, no folded headers, one word only about the body's length.
 * Use     buf_append(&parser.in, ...) -> parser_step until it is not 0 -> read the fields ->
 *         parser_restart for the next request of the connection, whose bytes may be in `in` already
 * Owner   The shell is the caller's. Fields are borrowed until parser_restart or parser_clear.
 *
 *     HEAD --> BODY (content-length) -------------------------> DONE
 *          \-> CHUNK_SIZE -> CHUNK_DATA -> CHUNK_END -+          ^
 *                  ^------------------------------+   +-> TRAILER
 */
#ifndef HOST_HTTP_REQUEST_PARSER_H
#define HOST_HTTP_REQUEST_PARSER_H

#include "../base/buf.h"
#include "transport.h"

enum { PARSER_HEADERS_MAX = 100 };

typedef enum ParserState {
    PARSER_HEAD,
    PARSER_BODY,
    PARSER_CHUNK_SIZE,
    PARSER_CHUNK_DATA,
    PARSER_CHUNK_END,
    PARSER_TRAILER,
    PARSER_DONE
} ParserState;

typedef struct RequestParser {
    ParserState state;
    Buf         in;      /* what came and is not parsed yet */
    size_t      scanned; /* of `in`: no end of the head begins before this */
    Buf         head, body;
    size_t      missing; /* bytes of the body, or of this chunk, still to come */
    size_t      trailer_bytes;
    Str         method, target;
    HttpHeader  headers[PARSER_HEADERS_MAX]; /* names in lower case */
    size_t      header_count;
    bool        keep_alive; /* the client wants the connection to stay */
    bool        is_1_0;
    bool        wants_continue; /* "Expect: 100-continue", and the body is still to come */
} RequestParser;

void parser_init(RequestParser *parser, size_t body_limit);
void parser_clear(RequestParser *parser);
void parser_restart(RequestParser *parser);

/* Takes what it can from `in`. 0: more bytes are needed. 200: the request is complete. Else the
 * status with which to refuse it: 400, 413, 417, 431, 501 or 505. */
int parser_step(RequestParser *parser);

#endif
