#include "internal.h"

#include "../base/log.h"
#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Waking up is all it is for. libuv fires timers before it polls: one that is due already would
 * otherwise be spent before the wait that it should end. */
static void alarm_fired(uv_timer_t *alarm) { uv_stop(alarm->loop); }

Status loop_new(Loop **out, bool virtual_clock, Err *err)
{
    Loop *loop = mem_new(sizeof *loop);
    int   rc = uv_loop_init(&loop->uv);
    if (rc != 0) {
        free(loop);
        return err_set(err, ST_UNAVAILABLE, "event loop: %s", uv_strerror(rc));
    }
    uv_timer_init(&loop->uv, &loop->alarm);
    uv_unref((uv_handle_t *)&loop->alarm);
    uv_async_init(&loop->uv, &loop->held, NULL);
    uv_unref((uv_handle_t *)&loop->held);
    loop->clock.is_virtual = virtual_clock;
    *out = loop;
    return ST_OK;
}

static void close_any(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void loop_free(Loop *loop)
{
    if (!loop) return;
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->held, NULL);
    /* Abandoned work still has a thread; its `done` frees what it owns. */
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop->uv) == UV_EBUSY) {
        uv_walk(&loop->uv, close_any, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        uv_loop_close(&loop->uv);
    }
    if (loop->objects != 0) {
        log_line(LOG_ERROR, "the event loop ends with %zu objects left", loop->objects);
#ifdef PERIGEE_FAULTS
        abort(); /* every test looks for litter */
#endif
    }
    free(loop->heap);
    free(loop);
}

const Clock *loop_clock(const Loop *loop) { return &loop->clock; }
int64_t      loop_now(const Loop *loop) { return clock_now(&loop->clock); }
size_t       loop_objects(const Loop *loop) { return loop->objects; }

void loop_on_turn(Loop *loop, LoopTurn *turn, void *arg)
{
    loop->turn = turn;
    loop->turn_arg = arg;
}

void loop_hold(Loop *loop)
{
    loop->busy++;
    if (loop->holds++ == 0) uv_ref((uv_handle_t *)&loop->held);
}

void loop_release(Loop *loop)
{
    loop->busy--;
    if (--loop->holds == 0) uv_unref((uv_handle_t *)&loop->held);
}

void loop_skip_waits(Loop *loop) { loop->skips = true; }

void loop_stop(Loop *loop) { loop->stopped = true; }

/* Looks at what is ready, without waiting. libuv does not even look when nothing but signals and
 * wakers could be ready, since those do not keep it: Ctrl-C would wait for a script that is busy.
 */
static void poll_now(Loop *loop)
{
    uv_ref((uv_handle_t *)&loop->held);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    if (loop->holds == 0) uv_unref((uv_handle_t *)&loop->held);
}

/* Time stands still while anything real is under way; else it jumps to the next timer. What a
 * callback made ready, or set, is looked at before that. */
static bool wait_virtual(Loop *loop)
{
    uint64_t before = loop->calls;
    if (loop->busy > 0) {
        uv_run(&loop->uv, UV_RUN_ONCE);
        return true;
    }
    poll_now(loop);
    if (loop->calls != before) return true;
    int64_t next = timers_next(loop);
    if (next == DEADLINE_NEVER) return uv_loop_alive(&loop->uv) != 0;
    if (next > loop->clock.virtual_ms) loop->clock.virtual_ms = next;
    return true;
}

/* Waits for the next event, or not at all when `more` is ready or a timer is due. Returns false
 * when nothing could ever wake us. */
static bool wait_once(Loop *loop, bool more)
{
    int64_t next = timers_next(loop);
    if (more || next <= loop_now(loop)) {
        poll_now(loop);
        return true;
    }
    if (loop->clock.is_virtual) return wait_virtual(loop);
    if (next == DEADLINE_NEVER && !uv_loop_alive(&loop->uv)) {
        uint64_t before = loop->calls;
        poll_now(loop); /* a waker that was woken, a signal that came */
        return loop->calls != before;
    }
    if (loop->skips && loop->busy == 0 && next != DEADLINE_NEVER) {
        uint64_t before = loop->calls;
        poll_now(loop);
        int64_t wait = timers_next(loop) - loop_now(loop);
        if (loop->calls == before && wait > 0) loop->clock.skipped_ms += wait;
        return true;
    }
    if (next != DEADLINE_NEVER) {
        int64_t wait = next - loop_now(loop);
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->alarm, alarm_fired, wait > 0 ? (uint64_t)wait : 0, 0);
        uv_ref((uv_handle_t *)&loop->alarm);
    }
    uv_run(&loop->uv, UV_RUN_ONCE);
    uv_timer_stop(&loop->alarm);
    uv_unref((uv_handle_t *)&loop->alarm);
    return true;
}

bool loop_run(Loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        bool more = loop->turn ? loop->turn(loop->turn_arg) : false;
        if (loop->stopped) break;
        if (!wait_once(loop, more)) return false;
        timers_fire(loop);
    }
    return true;
}
