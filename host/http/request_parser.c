#include "request_parser.h"

#include "field.h"

#include "../base/limits.h"

#include <string.h>

enum { MORE = 0, COMPLETE = 200, CHUNK_LINE_MAX = 1024, CHUNK_DIGITS_MAX = 8 };

static int parse_head(RequestParser *parser);
static int take_body(RequestParser *parser);
static int take_chunk_size(RequestParser *parser);
static int take_chunk_end(RequestParser *parser);
static int take_trailer(RequestParser *parser);

void parser_init(RequestParser *parser, size_t body_limit)
{
    memset(parser, 0, sizeof *parser);
    buf_init(&parser->in, LIMIT_HTTP_HEAD * 2);
    buf_init(&parser->head, LIMIT_HTTP_HEAD);
    buf_init(&parser->body, body_limit);
}

void parser_clear(RequestParser *parser)
{
    buf_clear(&parser->in);
    buf_clear(&parser->head);
    buf_clear(&parser->body);
}

void parser_restart(RequestParser *parser)
{
    Buf in = parser->in;
    buf_clear(&parser->head);
    buf_clear(&parser->body);
    parser_init(parser, parser->body.limit);
    parser->in = in;
}

int parser_step(RequestParser *parser)
{
    int status = MORE;
    for (;;) {
        ParserState before = parser->state;
        switch (before) {
        case PARSER_HEAD: status = parse_head(parser); break;
        case PARSER_BODY:
        case PARSER_CHUNK_DATA: status = take_body(parser); break;
        case PARSER_CHUNK_SIZE: status = take_chunk_size(parser); break;
        case PARSER_CHUNK_END: status = take_chunk_end(parser); break;
        case PARSER_TRAILER: status = take_trailer(parser); break;
        case PARSER_DONE: return COMPLETE;
        }
        if (status != MORE || parser->state == before) return status;
    }
}

/* Visible ASCII, and what is beyond ASCII. */
static bool is_target(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= 0x20 || text.ptr[i] == 0x7f) return false;
    return text.len > 0;
}

static int parse_request_line(RequestParser *parser, Str line)
{
    Str rest = line, version;
    if (!str_next(&rest, ' ', &parser->method) || !str_next(&rest, ' ', &parser->target) ||
        !str_next(&rest, ' ', &version) || rest.ptr)
        return 400;
    if (!field_is_name(parser->method) || !is_target(parser->target)) return 400;
    parser->is_1_0 = str_is(version, "HTTP/1.0");
    parser->keep_alive = !parser->is_1_0;
    if (parser->is_1_0 || str_is(version, "HTTP/1.1")) return MORE;
    return str_starts(version, STR("HTTP/")) ? 505 : 400;
}

static int parse_header(RequestParser *parser, char *line, size_t len)
{
    char *colon = memchr(line, ':', len);
    if (!colon) return 400;
    Str name = {line, (size_t)(colon - line)};
    Str value = str_trim((Str){colon + 1, len - name.len - 1});
    if (!field_is_name(name) || !field_is_value(value)) return 400;
    if (parser->header_count == PARSER_HEADERS_MAX) return 431;
    for (char *c = line; c < colon; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 'a' - 'A');
    parser->headers[parser->header_count++] = (HttpHeader){name, value};
    return MORE;
}

static bool lists(Str value, const char *word)
{
    Str part;
    while (str_next(&value, ',', &part))
        if (field_same(str_trim(part), str_from(word))) return true;
    return false;
}

/* What the headers say about the body and the connection. Two words about the length of one body
 * are refused: whoever stands between us and the client may have believed the other. */
static int apply_headers(RequestParser *parser)
{
    size_t  hosts = 0, lengths = 0, codings = 0;
    int64_t length = 0;
    for (size_t i = 0; i < parser->header_count; i++) {
        Str name = parser->headers[i].name, value = parser->headers[i].value;
        if (str_is(name, "host")) hosts++;
        if (str_is(name, "connection") && lists(value, "close")) parser->keep_alive = false;
        if (str_is(name, "transfer-encoding") && (codings++ || !field_same(value, STR("chunked"))))
            return 501;
        if (str_is(name, "content-length") &&
            (lengths++ || !str_to_int64(value, &length) || value.ptr[0] == '-'))
            return 400;
        if (str_is(name, "expect")) {
            if (!field_same(value, STR("100-continue"))) return 417;
            parser->wants_continue = !parser->is_1_0;
        }
    }
    if (hosts > 1 || (hosts == 0 && !parser->is_1_0)) return 400;
    if (codings && (lengths || parser->is_1_0)) return 400;
    if ((uint64_t)length > parser->body.limit) return 413;
    parser->missing = (size_t)length;
    parser->state = codings ? PARSER_CHUNK_SIZE : PARSER_BODY;
    return MORE;
}

/* A line feed alone, which others would take for a line's end: nothing good comes after it. */
static bool has_bare_line_feed(Str bytes, size_t from)
{
    for (size_t i = from; i < bytes.len; i++)
        if (bytes.ptr[i] == '\n' && (i == 0 || bytes.ptr[i - 1] != '\r')) return true;
    return false;
}

static int parse_head(RequestParser *parser)
{
    Err err;
    while (parser->in.len >= 2 && memcmp(parser->in.ptr, "\r\n", 2) == 0) buf_drop(&parser->in, 2);
    Str       unseen = str_cut(buf_str(&parser->in), parser->scanned, parser->in.len);
    ptrdiff_t at = str_find(unseen, STR("\r\n\r\n"));
    if (at < 0) {
        if (has_bare_line_feed(buf_str(&parser->in), parser->scanned)) return 400;
        parser->scanned = parser->in.len > 3 ? parser->in.len - 3 : 0;
        return parser->in.len >= LIMIT_HTTP_HEAD ? 431 : MORE;
    }
    size_t len = parser->scanned + (size_t)at + 2;
    if (buf_append(&parser->head, (Str){parser->in.ptr, len}, &err) != ST_OK) return 431;
    buf_drop(&parser->in, len + 2);
    parser->scanned = 0;
    char *line = parser->head.ptr, *end = line + len;
    for (int status = MORE, first = 1; line < end; first = 0) {
        char  *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        size_t size = (size_t)(stop - line);
        status = first ? parse_request_line(parser, (Str){line, size})
                       : parse_header(parser, line, size);
        if (status != MORE) return status;
        line = stop + 2;
    }
    return apply_headers(parser);
}

static int take_body(RequestParser *parser)
{
    Err    err;
    size_t part = parser->in.len < parser->missing ? parser->in.len : parser->missing;
    if (buf_append(&parser->body, (Str){parser->in.ptr, part}, &err) != ST_OK) return 413;
    buf_drop(&parser->in, part);
    parser->missing -= part;
    if (part || parser->missing == 0) parser->wants_continue = false;
    if (parser->missing == 0)
        parser->state = parser->state == PARSER_BODY ? PARSER_DONE : PARSER_CHUNK_END;
    return MORE;
}

/* The next line of `in` without its CRLF; false while it is not complete. */
static bool next_line(RequestParser *parser, Str *line)
{
    ptrdiff_t end = str_find(buf_str(&parser->in), STR("\r\n"));
    if (end >= 0) *line = (Str){parser->in.ptr, (size_t)end};
    return end >= 0;
}

static int take_chunk_size(RequestParser *parser)
{
    Str line;
    if (!next_line(parser, &line)) return parser->in.len > CHUNK_LINE_MAX ? 400 : MORE;
    size_t digits = 0, size = 0;
    for (; digits < line.len && digits <= CHUNK_DIGITS_MAX; digits++) {
        const char *hex = "0123456789abcdef";
        const char *hit = line.ptr[digits] ? strchr(hex, line.ptr[digits] | 32) : NULL;
        if (!hit || line.ptr[digits] < '0') break;
        size = size * 16 + (size_t)(hit - hex);
    }
    bool ends = digits == line.len || line.ptr[digits] == ';' || line.ptr[digits] == ' ';
    if (digits == 0 || digits > CHUNK_DIGITS_MAX || !ends) return 400;
    if (size > parser->body.limit - parser->body.len) return 413;
    buf_drop(&parser->in, line.len + 2);
    parser->wants_continue = false;
    parser->missing = size;
    parser->state = size ? PARSER_CHUNK_DATA : PARSER_TRAILER;
    return MORE;
}

static int take_chunk_end(RequestParser *parser)
{
    if (parser->in.len < 2) return MORE;
    if (memcmp(parser->in.ptr, "\r\n", 2) != 0) return 400;
    buf_drop(&parser->in, 2);
    parser->state = PARSER_CHUNK_SIZE;
    return MORE;
}

/* Trailers are read and forgotten. */
static int take_trailer(RequestParser *parser)
{
    Str line;
    while (next_line(parser, &line)) {
        bool last = line.len == 0;
        parser->trailer_bytes += line.len + 2;
        buf_drop(&parser->in, line.len + 2);
        if (last) {
            parser->state = PARSER_DONE;
            return MORE;
        }
    }
    return parser->trailer_bytes + parser->in.len >= LIMIT_HTTP_HEAD ? 431 : MORE;
}
