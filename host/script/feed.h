/* feed.h -- what a command prints, on its way to whoever watches while it runs.
 *
 * Why     A build of ten minutes that shows nothing looks like one that hangs.
 * Use     1 feed_new  2 feed_take for each piece  3 feed_finish or feed_drop, which take it
 * Life    take -> (every FEED_EVERY_MS at most) one call of services.output in the host VM, which
 *         fetches what has come together -> ... -> finish: the last call. One call is under way at
 *         a time, and of what comes meanwhile the head and the tail are kept: a slow watcher costs
 *         LIMIT_FEED a stream and no more.
 * Order   The last piece reaches the watcher before the result of the command does: it is queued
 *         first, in the VM where both end.
 * Thread  Loop thread only.
 */
#ifndef HOST_SCRIPT_FEED_H
#define HOST_SCRIPT_FEED_H

#include "engine.h"

enum { FEED_EVERY_MS = 100 };

typedef struct Feed Feed;

/* `call` and `tool` say whose output it is; copied. */
Feed *feed_new(Engine *engine, Run *run, const char *call, const char *tool);
void  feed_take(Feed *feed, bool is_error, Str bytes);
void  feed_finish(Feed *feed); /* NULL allowed; what is left is shown */
void  feed_drop(Feed *feed);   /* NULL allowed; nothing more is shown, the run may go */

#endif
