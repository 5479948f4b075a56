#include "str.h"

#include <string.h>

Str str_from(const char *text) { return text ? (Str){text, strlen(text)} : (Str){NULL, 0}; }

bool str_equal(Str a, Str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_is(Str a, const char *text) { return str_equal(a, str_from(text)); }

bool str_starts(Str text, Str prefix)
{
    return text.len >= prefix.len && str_equal((Str){text.ptr, prefix.len}, prefix);
}

bool str_ends(Str text, Str suffix)
{
    return text.len >= suffix.len &&
           str_equal(str_cut(text, text.len - suffix.len, text.len), suffix);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Str str_trim(Str text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) text.len--;
    return text;
}

Str str_cut(Str text, size_t from, size_t to)
{
    if (to > text.len) to = text.len;
    if (from >= to) return (Str){NULL, 0};
    return (Str){text.ptr + from, to - from};
}

ptrdiff_t str_find(Str text, Str needle)
{
    if (needle.len == 0) return 0;
    const char *hit = text.len ? memmem(text.ptr, text.len, needle.ptr, needle.len) : NULL;
    return hit ? hit - text.ptr : -1;
}

bool str_next(Str *rest, char separator, Str *part)
{
    if (rest->ptr == NULL) return false;
    const char *hit = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (hit) {
        *part = (Str){rest->ptr, (size_t)(hit - rest->ptr)};
        *rest = (Str){hit + 1, rest->len - part->len - 1};
    } else {
        *part = *rest;
        *rest = (Str){NULL, 0};
    }
    return true;
}

/* Length of the valid sequence at `s` (1 to 4), or 0. Table 3-7 of the Unicode Standard. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    unsigned char c = s[0];
    if (c < 0x80) return 1;
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || left < need) return 0;
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < need; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return need;
}

size_t str_utf8_valid_len(Str text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t step = utf8_sequence((const unsigned char *)text.ptr + at, text.len - at);
        if (step == 0) break;
        at += step;
    }
    return at;
}

bool str_to_int64(Str text, int64_t *out)
{
    bool   negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == text.len) return false;
    int64_t value = 0;
    for (; at < text.len; at++) {
        if (text.ptr[at] < '0' || text.ptr[at] > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        int digit = text.ptr[at] - '0';
        if (__builtin_add_overflow(value, negative ? -digit : digit, &value)) return false;
    }
    *out = value;
    return true;
}
