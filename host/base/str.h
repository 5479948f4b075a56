/* str.h -- a borrowed view of bytes: pointer and length, never NUL-dependent.
 *
 * Owner   Whoever owns the bytes; a Str never frees. ptr is NULL only when len is 0.
 */
#ifndef HOST_BASE_STR_H
#define HOST_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Str {
    const char *ptr; /* borrowed */
    size_t      len; /* bytes */
} Str;

#define STR(literal) ((Str){(literal), sizeof(literal) - 1})
#define STR_ARG(str)                                                                               \
    (int)((str).len > 2000 ? 2000 : (str).len), (str).ptr ? (str).ptr : "" /* for %.*s */

Str       str_from(const char *text); /* NULL gives the empty view */
bool      str_equal(Str a, Str b);
bool      str_is(Str a, const char *text);
bool      str_starts(Str text, Str prefix);
bool      str_ends(Str text, Str suffix);
Str       str_trim(Str text);                        /* blanks, tabs, line ends on both sides */
Str       str_cut(Str text, size_t from, size_t to); /* clamped */
ptrdiff_t str_find(Str text, Str needle);            /* offset, or -1 */

/* Splits off the part before the first `separator`; false when `*rest` is used up. */
bool str_next(Str *rest, char separator, Str *part);

/* Offset of the first byte that is not valid UTF-8 (RFC 3629: no surrogates, no overlong forms),
 * or `text.len` when all is valid. */
size_t str_utf8_valid_len(Str text);

/* Parses a whole decimal number; false on anything else or on overflow. */
bool str_to_int64(Str text, int64_t *out);

#endif
