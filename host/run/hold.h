/* hold.h -- whose turn it is with a file: one at a time, in the order in which they asked.
 *
 * Why     Reading a file, changing it and writing it back is one thing only if nobody else of this
 *         process does the same meanwhile. (Other processes are noticed by the hash that a write
 *         expects.)
 * Use     1 hold_ask: a place in the queue  2 hold_name: which file, once it is known
 *         3 `granted` is called, at once or later  4 hold_drop
 * Owner   A Hold belongs to whoever asked, until hold_drop. The shell of Holds is the caller's.
 * Life    asked -> named -> granted -> dropped; it may be dropped at any point.
 * Thread  Loop thread only. Nothing blocks; how long to wait is the caller's to bound.
 *
 * Somebody who asked earlier and has not yet named a file goes before everybody later: it may turn
 * out to be the same one. Nobody deadlocks who holds no second file while waiting for the first.
 */
#ifndef HOST_RUN_HOLD_H
#define HOST_RUN_HOLD_H

#include "../base/str.h"

typedef struct Hold Hold;

typedef struct Holds {
    Hold *first;           /* borrowed; the earliest */
    bool  changing, again; /* grants under way */
} Holds;

/* May not raise or free Holds; may drop its own hold and ask for others. */
typedef void HoldGranted(void *arg);

Hold *hold_ask(Holds *holds, HoldGranted *granted, void *arg);
void  hold_name(Hold *hold, const char *file); /* absolute, without links */
void  hold_drop(Hold *hold);                   /* NULL allowed */

#endif
