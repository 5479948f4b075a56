/* buf.h -- owned bytes that grow up to a limit.
 *
 * Why     Every stream that reaches the host was written by a stranger; each buffer says from the
 *         start how much of it is taken.
 * Use     Buf b; buf_init(&b, LIMIT_REPLY); buf_append(&b, part, &err); ... buf_clear(&b);
 * Owner   The shell is the caller's; ptr belongs to the Buf until buf_steal.
 * Life    init -> append/printf/... -> clear (back to empty, memory freed) or steal.
 *         ptr is never NULL and always ends in a NUL that len does not count.
 * Errors  ST_LIMIT when the limit would be passed; the Buf keeps what it had.
 */
#ifndef HOST_BASE_BUF_H
#define HOST_BASE_BUF_H

#include "status.h"
#include "str.h"

typedef struct Buf {
    char  *ptr;   /* owned unless cap is 0 */
    size_t len;   /* bytes used */
    size_t cap;   /* bytes allocated; 0 while ptr is the shared empty text */
    size_t limit; /* most bytes that len may reach */
} Buf;

void  buf_init(Buf *buf, size_t limit);
void  buf_clear(Buf *buf);              /* frees; usable again, the limit stays */
void  buf_reset(Buf *buf);              /* len 0, memory kept */
Str   buf_str(const Buf *buf);          /* borrowed until the next change */
char *buf_steal(Buf *buf, size_t *len); /* caller frees; len may be NULL */

MUST_CHECK Status buf_append(Buf *buf, Str bytes, Err *err);
MUST_CHECK Status buf_byte(Buf *buf, char byte, Err *err);
MUST_CHECK Status buf_printf(Buf *buf, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);

/* Makes room for `more` bytes behind len, so that they can be written in place. */
MUST_CHECK Status buf_reserve(Buf *buf, size_t more, Err *err);

/* Removes `count` bytes (clamped) from the front. */
void buf_drop(Buf *buf, size_t count);

#endif
