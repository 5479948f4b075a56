/* A binary heap of deadlines instead of one uv_timer_t each: the virtual clock needs to know the
 * next one, and setting a deadline is then a few compares without a handle to close. */
#include "internal.h"

#include "../base/mem.h"

#include <stdlib.h>

struct Timer {
    Loop       *loop; /* borrowed */
    TimerFired *fired;
    void       *arg;
    int64_t     deadline;
    uint64_t    order;
    size_t      at; /* index in the heap + 1; 0 while it is not set */
};

static bool earlier(const Timer *a, const Timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static void place(Loop *loop, Timer *timer, size_t index)
{
    loop->heap[index] = timer;
    timer->at = index + 1;
}

static void sift_up(Loop *loop, size_t index)
{
    Timer *timer = loop->heap[index];
    while (index > 0 && earlier(timer, loop->heap[(index - 1) / 2])) {
        place(loop, loop->heap[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    place(loop, timer, index);
}

static void sift_down(Loop *loop, size_t index)
{
    Timer *timer = loop->heap[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= loop->heap_len) break;
        if (child + 1 < loop->heap_len && earlier(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!earlier(loop->heap[child], timer)) break;
        place(loop, loop->heap[child], index);
        index = child;
    }
    place(loop, timer, index);
}

Timer *timer_new(Loop *loop, TimerFired *fired, void *arg)
{
    Timer *timer = mem_new(sizeof *timer);
    timer->loop = loop;
    timer->fired = fired;
    timer->arg = arg;
    loop->objects++;
    return timer;
}

void timer_stop(Timer *timer)
{
    Loop *loop = timer->loop;
    if (timer->at == 0) return;
    size_t index = timer->at - 1;
    Timer *last = loop->heap[--loop->heap_len];
    timer->at = 0;
    if (last == timer) return;
    place(loop, last, index);
    sift_up(loop, index);
    sift_down(loop, last->at - 1);
}

void timer_set(Timer *timer, int64_t deadline)
{
    Loop *loop = timer->loop;
    timer_stop(timer);
    if (deadline == DEADLINE_NEVER) return;
    timer->deadline = deadline;
    timer->order = loop->timer_order++;
    if (loop->heap_len == loop->heap_cap) {
        loop->heap_cap = loop->heap_cap ? loop->heap_cap * 2 : 16;
        loop->heap = mem_grow(loop->heap, loop->heap_cap * sizeof(Timer *));
    }
    loop->heap[loop->heap_len] = timer;
    sift_up(loop, loop->heap_len++);
}

void timer_free(Timer *timer)
{
    if (!timer) return;
    timer_stop(timer);
    timer->loop->objects--;
    free(timer);
}

int64_t timers_next(const Loop *loop)
{
    return loop->heap_len ? loop->heap[0]->deadline : DEADLINE_NEVER;
}

bool timers_fire(Loop *loop)
{
    int64_t  now = loop_now(loop);
    uint64_t newest = loop->timer_order; /* what a callback sets waits for the next round */
    bool     any = false;
    while (loop->heap_len && loop->heap[0]->deadline <= now && loop->heap[0]->order < newest) {
        Timer *timer = loop->heap[0];
        timer_stop(timer);
        timer->fired(timer->arg);
        any = true;
    }
    return any;
}
