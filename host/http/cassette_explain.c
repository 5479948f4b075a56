/* Why a run does not do what was recorded, in one line that a person can act on. */
#include "cassette_internal.h"

#include <stdio.h>
#include <string.h>

enum { BEFORE = 32, AFTER = 40 }; /* bytes shown around the first difference */

/* Of a request as one text: its head, an empty line, its body. */
static char byte_at(const TapeRequest *request, size_t at)
{
    if (at < request->head.len) return request->head.ptr[at];
    at -= request->head.len;
    return at == 0 ? '\n' : request->body.ptr[at - 1];
}

static size_t length(const TapeRequest *request)
{
    return request->head.len + 1 + request->body.len;
}

static size_t common(const TapeRequest *a, const TapeRequest *b)
{
    size_t most = length(a) < length(b) ? length(a) : length(b), at = 0;
    while (at < most && byte_at(a, at) == byte_at(b, at)) at++;
    return at;
}

/* What stands around a byte, as one line of UTF-8. */
static void around(const TapeRequest *request, size_t at, char *out)
{
    size_t from = at > BEFORE ? at - BEFORE : 0, to = at + AFTER;
    if (to > length(request)) to = length(request);
    while (from < at && (byte_at(request, from) & 0xC0) == 0x80) from++;
    size_t len = 0;
    for (size_t i = from; i < to; i++) {
        char c = byte_at(request, i);
        out[len++] = (c >= 0 && c < 0x20) || c == 0x7f ? ' ' : c;
    }
    size_t valid = str_utf8_valid_len((Str){out, len});
    if (valid < len && len - valid < 4) len = valid; /* cut inside a character */
    for (size_t i = valid; i < len; i++)
        if (out[i] < 0) out[i] = '?';
    out[len] = '\0';
}

static Str first_line(const TapeRequest *request)
{
    Str rest = buf_str(&request->head), line = rest;
    if (!str_next(&rest, '\n', &line)) return STR("");
    line = str_cut(line, 0, 120);
    line.len = str_utf8_valid_len(line);
    return line;
}

static size_t most_similar(const Tape *tape, const bool *begun, const TapeRequest *asked,
                           size_t *difference)
{
    size_t best = SIZE_MAX;
    *difference = 0;
    for (size_t i = 0; i < tape->exchange_count; i++) {
        if (begun[i]) continue;
        size_t same = common(&tape->exchanges[i].request, asked);
        if (best != SIZE_MAX && same <= *difference) continue;
        best = i;
        *difference = same;
    }
    return best;
}

void cassette_explain(const char *path, const Tape *tape, const bool *begun,
                      const TapeRequest *asked, Err *out)
{
    size_t at, best = most_similar(tape, begun, asked, &at);
    if (best == SIZE_MAX) {
        err_set(out, ST_INVALID, "replay %s: %.*s is not in the recording, which %s after %zu",
                path, STR_ARG(first_line(asked)), tape->ended ? "was cut" : "has no request",
                tape->exchange_count);
        return;
    }
    char               recorded[BEFORE + AFTER + 1], now[BEFORE + AFTER + 1];
    const TapeRequest *kept = &tape->exchanges[best].request;
    bool               in_body = at > kept->head.len && at > asked->head.len;
    around(kept, at, recorded);
    around(asked, at, now);
    err_set(out, ST_INVALID,
            "replay %s: %.*s differs from request %zu of the recording at byte %zu of its %s: "
            "recorded \"%s\", now \"%s\"",
            path, STR_ARG(first_line(asked)), best + 1, in_body ? at - kept->head.len : at + 1,
            in_body ? "body" : "head", recorded, now);
}

void cassette_explain_missing(const char *path, const Tape *tape, size_t exchange, Err *out)
{
    err_set(out, ST_INVALID, "replay %s: request %zu of the recording was not made: %.*s", path,
            exchange + 1, STR_ARG(first_line(&tape->exchanges[exchange].request)));
}
