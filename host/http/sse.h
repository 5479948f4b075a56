/* sse.h -- server-sent events from bytes that come in any pieces.
 *
 * Why     The event-stream format of the WHATWG HTML Standard, section 9.2.6: CR, LF or CRLF end a
 *         line, one BOM may stand first, data lines join with LF, a blank line dispatches, bytes
 *         that are no UTF-8 become U+FFFD.
 * Use     sse_init -> sse_feed for each piece (calls back for each event) -> sse_end where the
 * stream ended by itself -> sse_clear. Errors  ST_LIMIT for a line or an event beyond its limit;
 * ST_CANCELLED when the callback says so.
 */
#ifndef HOST_HTTP_SSE_H
#define HOST_HTTP_SSE_H

#include "../base/buf.h"

#include <stdint.h>

typedef struct SseEvent {
    Str name; /* "message" when the stream gave none */
    Str data;
    Str id; /* last event id seen */
} SseEvent; /* borrowed during the callback */

typedef bool SseSeen(void *arg, const SseEvent *event); /* false stops */

typedef struct Sse {
    Buf      line, name, data, id;
    bool     after_cr, started, has_data;
    int64_t  retry_ms; /* -1 until the stream sets it */
    unsigned bom;      /* bytes of the BOM seen so far */
} Sse;

void              sse_init(Sse *sse, size_t line_limit, size_t event_limit);
void              sse_clear(Sse *sse);
MUST_CHECK Status sse_feed(Sse *sse, Str bytes, SseSeen *seen, void *arg, Err *err);

/* The stream ended, and was not cut: an event of whole lines counts although no blank line follows.
 * The standard drops it; some servers leave the last blank line out, and theirs is the event that
 * says the reply is complete. A line without end stays dropped: it may be half of one. */
MUST_CHECK Status sse_end(Sse *sse, SseSeen *seen, void *arg, Err *err);

#endif
