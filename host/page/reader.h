/* reader.h -- perigee-page, seen from the host: bytes in, text out, whatever they do to it.
 *
 * Why     Parsers break on what strangers write. Here that ends a small process that could not have
 *         done anything (sandbox/cell.h), and the one who asked is told.
 * Use     reader_begin -> done, once -> take what is wanted of the page; or reader_cancel.
 * Owner   Reader: this module; valid until `done` was called or reader_cancel. The spec is copied.
 * Thread  Loop thread only; nothing blocks.
 * Errors  In the outcome: ST_LIMIT: too large, too long or too deep to be read in READER_MS;
 *         ST_INVALID: the reader was killed over it; ST_UNAVAILABLE: it cannot be started, or no
 *         cell can be made here.
 */
#ifndef HOST_PAGE_READER_H
#define HOST_PAGE_READER_H

#include "../loop/loop.h"
#include "page.h"

enum { READER_MS = 20000, READERS_AT_ONCE = 4 };

typedef struct Reader Reader;

typedef struct ReaderSpec {
    const char *program; /* path of perigee-page */
    Str         bytes;   /* at most LIMIT_PAGE_BYTES */
    const char *charset; /* a name of iconv(3): letters, digits, - and _ */
    Str         url;     /* where they came from; may be empty */
    bool        is_page; /* HTML; else text that is only converted */
} ReaderSpec;

typedef void ReaderDone(void *arg, const Err *outcome, Page *page); /* of use with ST_OK */

/* While READERS_AT_ONCE are at work it waits for its turn, in order; READER_MS counts from then on.
 * What is wrong with the spec fails here. */
MUST_CHECK Status reader_begin(Loop *loop, const ReaderSpec *spec, ReaderDone *done, void *arg,
                               Reader **out, Err *err);
void              reader_cancel(Reader *reader); /* NULL allowed */

#endif
