/* Reads the lines of a recording. They are written by a program, so they are read as strictly: keys
 * in their order, no blanks. What it costs to read one grows with its length and with nothing else.
 */
#include "cassette_internal.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct Scan {
    Str    line;
    size_t at;
} Scan;

enum { HEADERS_MAX = 2000 };

static Status read_about(Tape *tape, Scan *scan, Err *err);
static Status read_request(Tape *tape, Scan *scan, Err *err);
static Status read_event(Tape *tape, TapeKind kind, Scan *scan, Err *err);
static Status read_stopped(Tape *tape, Scan *scan, Err *err);
static Status read_closed(Tape *tape, Scan *scan, Err *err);

static Status odd(const Scan *scan, const char *what, Err *err)
{
    return err_set(err, ST_INVALID, "byte %zu: %s", scan->at + 1, what);
}

static bool literal(Scan *scan, const char *text)
{
    if (!str_starts(str_cut(scan->line, scan->at, scan->line.len), str_from(text))) return false;
    scan->at += strlen(text);
    return true;
}

Status tape_read_line(Tape *tape, Str line, bool first, Err *err)
{
    static const struct {
        const char *begin;
        TapeKind    kind;
    } EVENTS[] = {{"{\"refused\":", TAPE_REFUSED},
                  {"{\"head\":", TAPE_HEAD},
                  {"{\"data\":", TAPE_DATA},
                  {"{\"end\":", TAPE_END},
                  {"{\"cancel\":", TAPE_CANCEL}};
    Scan scan = {line, 0};
    if (first) return read_about(tape, &scan, err);
    if (tape->closed || tape->ended) return odd(&scan, "a line behind the last one", err);
    if (literal(&scan, "{\"request\":")) return read_request(tape, &scan, err);
    for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0]; i++)
        if (literal(&scan, EVENTS[i].begin)) return read_event(tape, EVENTS[i].kind, &scan, err);
    if (literal(&scan, "{\"stopped\":")) return read_stopped(tape, &scan, err);
    if (literal(&scan, "{\"closed\":")) return read_closed(tape, &scan, err);
    return odd(&scan, "no line of a recording", err);
}

/* -- values ------------------------------------------------------------------------------------ */

static Status expect(Scan *scan, const char *text, Err *err)
{
    if (literal(scan, text)) return ST_OK;
    return err_set(err, ST_INVALID, "byte %zu: %s is missing", scan->at + 1, text);
}

static Status expect_end(Scan *scan, const char *text, Err *err)
{
    Status status = expect(scan, text, err);
    if (status == ST_OK && scan->at != scan->line.len)
        status = odd(scan, "more than one value in a line", err);
    return status;
}

static Status number(Scan *scan, size_t *out, Err *err)
{
    size_t  end = scan->at;
    int64_t value = 0;
    while (end < scan->line.len && scan->line.ptr[end] >= '0' && scan->line.ptr[end] <= '9') end++;
    if (end == scan->at || !str_to_int64(str_cut(scan->line, scan->at, end), &value))
        return odd(scan, "a number is missing", err);
    scan->at = end;
    *out = (size_t)value;
    return ST_OK;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Four hex digits; -1 when they are none. */
static long unit(Scan *scan)
{
    long value = 0;
    if (scan->at + 4 > scan->line.len) return -1;
    for (int i = 0; i < 4; i++) {
        int one = digit(scan->line.ptr[scan->at + (size_t)i]);
        if (one < 0) return -1;
        value = value * 16 + one;
    }
    scan->at += 4;
    return value;
}

static Status put_code_point(unsigned long point, Buf *out, Err *err)
{
    char   bytes[4];
    size_t len = 0;
    if (point < 0x80) {
        bytes[len++] = (char)point;
    } else if (point < 0x800) {
        bytes[len++] = (char)(0xC0 | point >> 6);
        bytes[len++] = (char)(0x80 | (point & 63));
    } else if (point < 0x10000) {
        bytes[len++] = (char)(0xE0 | point >> 12);
        bytes[len++] = (char)(0x80 | (point >> 6 & 63));
        bytes[len++] = (char)(0x80 | (point & 63));
    } else {
        bytes[len++] = (char)(0xF0 | point >> 18);
        bytes[len++] = (char)(0x80 | (point >> 12 & 63));
        bytes[len++] = (char)(0x80 | (point >> 6 & 63));
        bytes[len++] = (char)(0x80 | (point & 63));
    }
    return buf_append(out, (Str){bytes, len}, err);
}

static Status escape(Scan *scan, Buf *out, Err *err)
{
    static const char NAMES[] = "\"\\/bfnrt", BYTES[] = "\"\\/\b\f\n\r\t";
    char              c = scan->at < scan->line.len ? scan->line.ptr[scan->at] : '\0';
    const char       *name = c ? strchr(NAMES, c) : NULL;
    if (name) {
        scan->at++;
        return buf_byte(out, BYTES[name - NAMES], err);
    }
    if (!literal(scan, "u")) return odd(scan, "an unknown escape", err);
    long high = unit(scan), low = 0;
    if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF)) return odd(scan, "a bad escape", err);
    if (high < 0xD800 || high > 0xDFFF) return put_code_point((unsigned long)high, out, err);
    if (!literal(scan, "\\u") || (low = unit(scan)) < 0xDC00 || low > 0xDFFF)
        return odd(scan, "half a surrogate pair", err);
    return put_code_point(0x10000 + (unsigned long)((high - 0xD800) * 1024 + low - 0xDC00), out,
                          err);
}

static Status hex(Scan *scan, Buf *out, Err *err)
{
    Status status = ST_OK;
    while (status == ST_OK && scan->at + 1 < scan->line.len && scan->line.ptr[scan->at] != '"') {
        int high = digit(scan->line.ptr[scan->at]), low = digit(scan->line.ptr[scan->at + 1]);
        if (high < 0 || low < 0) return odd(scan, "no hex digit", err);
        status = buf_byte(out, (char)(high * 16 + low), err);
        scan->at += 2;
    }
    return status == ST_OK ? expect(scan, "\"}", err) : status;
}

/* Appends a text, or what stands as {"hex":"..."}. */
static Status text(Scan *scan, Buf *out, Err *err)
{
    if (literal(scan, "{\"hex\":\"")) return hex(scan, out, err);
    Status status = expect(scan, "\"", err);
    while (status == ST_OK) {
        size_t from = scan->at;
        Str    line = scan->line;
        while (scan->at < line.len && line.ptr[scan->at] != '"' && line.ptr[scan->at] != '\\' &&
               (unsigned char)line.ptr[scan->at] >= 0x20)
            scan->at++;
        Str plain = str_cut(line, from, scan->at);
        if (str_utf8_valid_len(plain) != plain.len) return odd(scan, "text that is no UTF-8", err);
        status = buf_append(out, plain, err);
        if (status != ST_OK || literal(scan, "\"")) return status;
        if (!literal(scan, "\\")) return odd(scan, "a text without its end", err);
        status = escape(scan, out, err);
    }
    return status;
}

/* A text of its own, with a NUL behind it; without one in it. */
static Status name(Scan *scan, Str *out, Err *err)
{
    Buf value;
    buf_init(&value, LIMIT_HTTP_HEAD);
    Status status = text(scan, &value, err);
    if (status == ST_OK && memchr(value.ptr, '\0', value.len))
        status = odd(scan, "a NUL in a header", err);
    if (status == ST_OK) *out = (Str){mem_copy(value.ptr, value.len), value.len};
    buf_clear(&value);
    return status;
}

/* -- lines ------------------------------------------------------------------------------------- */

static Status read_about(Tape *tape, Scan *scan, Err *err)
{
    size_t version;
    if (!literal(scan, "{\"cassette\":"))
        return err_set(err, ST_INVALID, "it is no file of perigee run --record");
    Status status = number(scan, &version, err);
    if (status == ST_OK && version != CASSETTE_VERSION)
        return err_set(err, ST_INVALID,
                       "its format is version %zu, this program reads version %d; record it again",
                       version, CASSETTE_VERSION);
    if (status == ST_OK) status = expect(scan, ",\"about\":", err);
    if (status == ST_OK && !str_ends(scan->line, STR("}")))
        status = odd(scan, "a line without its end", err);
    if (status != ST_OK) return status;
    return buf_append(&tape->about, str_cut(scan->line, scan->at, scan->line.len - 1), err);
}

/* Room for one more: doubling, so that adding costs the same however many there are. */
static void *room(void *list, size_t count, size_t *most, size_t size)
{
    if (count < *most) return list;
    *most = *most ? *most * 2 : 64;
    return mem_grow(list, *most * size);
}

static TapeEvent *add_event(Tape *tape, TapeKind kind, size_t exchange)
{
    tape->events = room(tape->events, tape->event_count, &tape->event_room, sizeof *tape->events);
    TapeEvent *event = &tape->events[tape->event_count++];
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->exchange = exchange;
    if (kind != TAPE_HEAD) buf_init(&event->text, LIMIT_CASSETTE);
    return event;
}

static Status read_request(Tape *tape, Scan *scan, Err *err)
{
    size_t which;
    Status status = number(scan, &which, err);
    if (status == ST_OK && which != tape->exchange_count + 1)
        status = odd(scan, "requests are not numbered in their order", err);
    if (status != ST_OK) return status;
    tape->exchanges =
        room(tape->exchanges, tape->exchange_count, &tape->exchange_room, sizeof *tape->exchanges);
    TapeExchange *exchange = &tape->exchanges[tape->exchange_count++];
    memset(exchange, 0, sizeof *exchange);
    exchange->event = tape->event_count;
    tape_request_init(&exchange->request);
    add_event(tape, TAPE_REQUEST, which - 1);
    status = expect(scan, ",\"head\":", err);
    if (status == ST_OK) status = text(scan, &exchange->request.head, err);
    if (status == ST_OK) status = expect(scan, ",\"body\":", err);
    if (status == ST_OK) status = text(scan, &exchange->request.body, err);
    return status == ST_OK ? expect_end(scan, "}", err) : status;
}

static Status read_headers(Scan *scan, TapeHead *head, Err *err)
{
    size_t most = 0;
    Status status = expect(scan, ",\"headers\":[", err);
    while (status == ST_OK && !literal(scan, "]")) {
        if (head->count == HEADERS_MAX) return odd(scan, "more headers than any answer has", err);
        head->headers = room(head->headers, head->count, &most, sizeof *head->headers);
        HttpHeader *header = &head->headers[head->count++];
        *header = (HttpHeader){{NULL, 0}, {NULL, 0}};
        status = expect(scan, head->count > 1 ? ",[" : "[", err);
        if (status == ST_OK) status = name(scan, &header->name, err);
        if (status == ST_OK) status = expect(scan, ",", err);
        if (status == ST_OK) status = name(scan, &header->value, err);
        if (status == ST_OK) status = expect(scan, "]", err);
    }
    return status;
}

static Status read_head(TapeEvent *event, Scan *scan, Err *err)
{
    size_t code = 0;
    event->head = mem_new(sizeof *event->head);
    Status status = expect(scan, ",\"status\":", err);
    if (status == ST_OK) status = number(scan, &code, err);
    if (status == ST_OK && (code < 200 || code > 999)) status = odd(scan, "no status of HTTP", err);
    event->head->status = (int)code;
    return status == ST_OK ? read_headers(scan, event->head, err) : status;
}

static Status read_outcome(TapeEvent *event, Scan *scan, Err *err)
{
    Str    code = {NULL, 0};
    Status status = expect(scan, ",\"code\":", err);
    if (status == ST_OK) status = name(scan, &code, err);
    if (status == ST_OK) {
        event->status = status_from_code(code.ptr);
        if (!str_is(code, status_code(event->status))) status = odd(scan, "an unknown code", err);
    }
    free((void *)code.ptr);
    if (status == ST_OK && event->kind == TAPE_REFUSED && event->status == ST_OK)
        status = odd(scan, "refused, and ok", err);
    if (status == ST_OK) status = expect(scan, ",\"message\":", err);
    return status == ST_OK ? text(scan, &event->text, err) : status;
}

/* Whether this kind of event may come now. */
static Status check_order(const TapeExchange *exchange, bool at_once, TapeKind kind,
                          const Scan *scan, Err *err)
{
    if (exchange->over) return odd(scan, "an event of a request that is over", err);
    if (kind == TAPE_HEAD && exchange->headed) return odd(scan, "a second head", err);
    if (kind == TAPE_DATA && !exchange->headed) return odd(scan, "a body without a head", err);
    if (kind == TAPE_REFUSED && !at_once) return odd(scan, "refused after something else", err);
    return ST_OK;
}

static Status read_event(Tape *tape, TapeKind kind, Scan *scan, Err *err)
{
    size_t which;
    Status status = number(scan, &which, err);
    if (status == ST_OK && (which == 0 || which > tape->exchange_count))
        status = odd(scan, "an event of a request that does not stand before it", err);
    if (status != ST_OK) return status;
    TapeExchange *exchange = &tape->exchanges[which - 1];
    bool          at_once = exchange->event + 1 == tape->event_count;
    status = check_order(exchange, at_once, kind, scan, err);
    if (status != ST_OK) return status;
    TapeEvent *event = add_event(tape, kind, which - 1);
    exchange->headed = exchange->headed || kind == TAPE_HEAD;
    exchange->over = kind == TAPE_END || kind == TAPE_CANCEL || kind == TAPE_REFUSED;
    switch (kind) {
    case TAPE_HEAD: status = read_head(event, scan, err); break;
    case TAPE_DATA:
        status = expect(scan, ",\"bytes\":", err);
        if (status == ST_OK) status = text(scan, &event->text, err);
        break;
    case TAPE_END:
    case TAPE_REFUSED: status = read_outcome(event, scan, err); break;
    case TAPE_CANCEL:
    case TAPE_REQUEST: break;
    }
    return status == ST_OK ? expect_end(scan, "}", err) : status;
}

static Status read_stopped(Tape *tape, Scan *scan, Err *err)
{
    Buf why;
    buf_init(&why, 16 * KB);
    Status status = text(scan, &why, err);
    if (status == ST_OK) status = expect_end(scan, "}", err);
    if (status == ST_OK) tape->ended = mem_text("it was stopped at its limit");
    buf_clear(&why);
    return status;
}

static Status read_closed(Tape *tape, Scan *scan, Err *err)
{
    size_t count;
    Status status = number(scan, &count, err);
    if (status == ST_OK && count != tape->exchange_count)
        status = odd(scan, "it does not hold as many requests as it says", err);
    tape->closed = status == ST_OK;
    return status == ST_OK ? expect_end(scan, "}", err) : status;
}
