#include "internal.h"

#include <string.h>

static size_t preamble_skip(Str text, size_t at, bool *picture);
static bool   line_closes(Str line);
static size_t entries_end(Str text, size_t begin);

bool span_find(Str text, Span *out, const char **why)
{
    *out = (Span){0};
    size_t at = str_starts(text, STR("\xEF\xBB\xBF")) ? 3 : 0;
    at = preamble_skip(text, at, &out->preamble);
    out->opening = at;

    Str line = {NULL, 0};
    if (!line_next(text, &at, text.len, &line) || !str_starts(line, STR("---"))) {
        out->opening = 0;
        *why = "no front matter; a definition begins with a line ---, then `name: ...`";
        return false;
    }
    size_t key_len = 0, first = at;
    Str    rest = str_trim(str_cut(line, 3, line.len)), next = {NULL, 0};
    out->joined = line_is_entry(rest, &key_len);
    bool followed =
        out->joined || (line_next(text, &first, text.len, &next) && line_is_entry(next, &key_len));
    bool dashes = rest.len == 0 || strspn(rest.ptr, "-") >= rest.len;
    if ((!dashes && !out->joined) || ((out->preamble || rest.len > 0) && !followed)) {
        *why = "no front matter; after the line --- a `key: value` is expected";
        return false;
    }
    out->begin = out->joined ? (size_t)(rest.ptr - text.ptr) : at;

    size_t stop = at;
    while (line_next(text, &at, text.len, &line)) {
        if (line_closes(line)) {
            out->closed = true;
            out->end = stop;
            out->body = at;
            out->closing_len = str_trim(line).len;
            return true;
        }
        stop = at;
    }
    out->end = out->body = entries_end(text, out->begin);
    return true;
}

bool line_is_entry(Str line, size_t *key_len)
{
    size_t at = 0;
    char   quote = line.len && (line.ptr[0] == '"' || line.ptr[0] == '\'') ? line.ptr[0] : '\0';
    if (quote) at++;
    size_t from = at;
    while (at < line.len) {
        char c = line.ptr[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!letter && !(later && at > from)) break;
        at++;
    }
    if (at == from) return false;
    if (quote && (at >= line.len || line.ptr[at++] != quote)) return false;
    *key_len = at;
    while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t')) at++;
    return at < line.len && line.ptr[at] == ':' &&
           (at + 1 == line.len || line.ptr[at + 1] == ' ' || line.ptr[at + 1] == '\t');
}

/* Blank lines, pictures, comments and one kind of HTML or another: what tools put on top. */
static size_t preamble_skip(Str text, size_t at, bool *picture)
{
    for (;;) {
        size_t next = at;
        Str    line;
        if (!line_next(text, &next, text.len, &line)) return at;
        Str trimmed = str_trim(line);
        if (trimmed.len == 0) {
            at = next;
            continue;
        }
        Str end = {NULL, 0};
        if (str_starts(trimmed, STR("<!--")))
            end = STR("-->");
        else if (str_starts(trimmed, STR("<svg")))
            end = STR("</svg>");
        else if (!str_starts(trimmed, STR("![")) &&
                 !(str_starts(trimmed, STR("<")) && str_ends(trimmed, STR(">"))))
            return at;
        if (end.len) {
            ptrdiff_t hit = str_find(str_cut(text, at, text.len), end);
            if (hit < 0) return at;
            next = at + (size_t)hit;
            if (!line_next(text, &next, text.len, &line)) return at;
        }
        *picture = true;
        at = next;
    }
}

/* Two dashes or more, or the three dots with which YAML ends a document; never indented. */
static bool line_closes(Str line)
{
    while (line.len && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
        line.len--;
    if (str_is(line, "...")) return true;
    size_t dashes = 0;
    while (dashes < line.len && line.ptr[dashes] == '-') dashes++;
    return dashes >= 2 && dashes == line.len;
}

/* Without a closing line: entries, what is indented below them, lists and comments. */
static size_t entries_end(Str text, size_t begin)
{
    size_t at = begin, end = begin, key_len;
    Str    line;
    while (line_next(text, &at, text.len, &line)) {
        bool below = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
        if (str_trim(line).len == 0) break;
        if (!below && !line_is_entry(line, &key_len) && !str_starts(line, STR("- "))) break;
        end = at;
    }
    return end;
}
