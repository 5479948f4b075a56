/* internal.h -- what the files of loop/ share. The only header that includes uv.h. */
#ifndef HOST_LOOP_INTERNAL_H
#define HOST_LOOP_INTERNAL_H

#include "loop.h"

#include <uv.h>

struct Loop {
    uv_loop_t  uv;
    uv_timer_t alarm; /* set to the earliest timer; real clock only */
    uv_async_t held;  /* keeps libuv waiting while `holds` is not 0 */
    size_t     holds;
    Clock      clock;
    LoopTurn  *turn; /* NULL until loop_on_turn */
    void      *turn_arg;
    Timer    **heap; /* owned array of borrowed timers, earliest first */
    size_t     heap_len, heap_cap;
    uint64_t   timer_order; /* ties fire in the order they were set */
    size_t     objects;
    uint64_t   calls; /* callbacks made by libuv's side: something may have become ready */
    size_t busy; /* watches that are set, children, work, holds: what a virtual clock waits for */
    bool   stopped, skips;
};

/* Fires what is due. Returns whether anything fired. */
bool    timers_fire(Loop *loop);
int64_t timers_next(const Loop *loop); /* DEADLINE_NEVER when none is set */

#endif
