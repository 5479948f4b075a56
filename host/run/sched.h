/* sched.h -- whose turn it is: a ring of those that are ready, one slice each.
 *
 * Why     Fairness lies between VMs, not between coroutines: a chain with a thousand branches gets
 * as many slices as a tool with one. Use     A VM embeds a Turn and calls sched_ready when one of
 * its tasks can go on; the loop calls sched_turn before it waits. Thread  Loop thread only.
 */
#ifndef HOST_RUN_SCHED_H
#define HOST_RUN_SCHED_H

#include "../base/clock.h"

typedef struct Turn  Turn;
typedef struct Sched Sched;

/* Runs one slice; answers whether there is more. It may free the Turn if it answers false. */
typedef bool TurnSlice(Turn *turn);

struct Turn {
    TurnSlice *slice;
    Turn      *next; /* borrowed; in the ring */
    bool       queued;
};

struct Sched {
    Turn *first, *last; /* borrowed */
};

void sched_ready(Sched *sched, Turn *turn); /* nothing when it is queued already */
void sched_remove(Sched *sched, Turn *turn);

/* Runs slices in order until nothing is ready or SCHED_TURN_MS have passed, then lets the loop look
 * at the world. Answers whether more is ready. */
enum { SCHED_TURN_MS = 10 };
bool sched_turn(Sched *sched);

#endif
