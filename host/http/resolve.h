/* resolve.h -- a name to its addresses, once, with a deadline.
 *
 * Why     getaddrinfo blocks for as long as it likes. Here each look-up has a thread of its own,
 *         bounded in number, and whoever waits can stop waiting at once.
 * Use     resolve_begin -> done, once -> the addresses; or resolve_cancel.
 * Owner   Resolve: this module; valid until `done` was called or resolve_cancel.
 * Thread  Loop thread; `look_up` runs on another.
 * Errors  In the outcome: ST_NOT_FOUND no such name, ST_TIMEOUT the deadline, ST_UNAVAILABLE
 *         everything else. While RESOLVE_AT_ONCE threads are at work in this process, those that
 *         nobody waits for any more included, a look-up waits for its turn within its deadline.
 */
#ifndef HOST_HTTP_RESOLVE_H
#define HOST_HTTP_RESOLVE_H

#include "../loop/loop.h"
#include "address.h"

enum { RESOLVE_ADDRESSES_MAX = 16, RESOLVE_AT_ONCE = 32 };

typedef struct Resolve Resolve;

typedef struct Resolved {
    Err     outcome;
    size_t  count; /* at least 1 when the outcome is ST_OK; in the resolver's order */
    Address addresses[RESOLVE_ADDRESSES_MAX];
} Resolved;

/* Who knows names. `look_up` may block, runs on any thread, and fills `out`; `arg` lives for as
 * long as look-ups may run. */
typedef struct ResolveNames {
    void (*look_up)(void *arg, const char *name, Resolved *out);
    void *arg;
} ResolveNames;

typedef void ResolveDone(void *arg, const Resolved *resolved); /* borrowed during the callback */

/* `names` NULL: the system's. `done` is called from the loop, never from inside this function. */
MUST_CHECK Status resolve_begin(Loop *loop, const ResolveNames *names, const char *name,
                                int64_t deadline, ResolveDone *done, void *arg, Resolve **out,
                                Err *err);

/* No `done` comes any more; the thread ends by itself. NULL allowed. */
void resolve_cancel(Resolve *resolve);

#endif
