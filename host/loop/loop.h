/* loop.h -- the event loop: timers, descriptors, children, signals and threads, over libuv.
 *
 * Why     One thread runs everything; whatever waits does it here. This folder alone knows libuv.
 * Use     loop_new -> make timers, watches, ... -> loop_run -> free them -> loop_free.
 * Owner   Each _new/_start result belongs to the caller until its _free. Freeing is allowed at any
 *         time, also inside the object's own callback; no callback comes after it.
 * Units   Milliseconds on the loop's Clock; deadlines are absolute.
 * Thread  Loop thread only, except where said.
 * Errors  Callbacks never fail; what failed is in their arguments.
 *
 * A callback only records what happened and queues work; it never runs a script.
 */
#ifndef HOST_LOOP_LOOP_H
#define HOST_LOOP_LOOP_H

#include "../base/clock.h"
#include "../base/status.h"

#include <stddef.h>
#include <sys/types.h>

typedef struct Loop    Loop;
typedef struct Timer   Timer;
typedef struct Watch   Watch;
typedef struct Child   Child;
typedef struct Signals Signals;
typedef struct Work    Work;

MUST_CHECK Status loop_new(Loop **out, bool virtual_clock, Err *err);
void              loop_free(Loop *loop); /* everything made on it has been freed before */
const Clock      *loop_clock(const Loop *loop);
int64_t           loop_now(const Loop *loop);

/* `turn` is called before each wait; it runs what is ready and answers whether more is ready. */
typedef bool LoopTurn(void *arg);
void         loop_on_turn(Loop *loop, LoopTurn *turn, void *arg);

/* Runs until loop_stop, or until nothing is left that could wake the loop. Returns false in the
 * second case. With a virtual clock, time jumps to the next timer whenever nothing else is under
 * way (no watch, child or thread). */
bool loop_run(Loop *loop);
void loop_stop(Loop *loop);

/* From here on a wait that nothing but a timer could end is skipped: the clock jumps to that timer.
 * While anything real is under way time passes as it does. For tests of scripts, which run real
 * commands but must not wait for an hour's sleep. */
void loop_skip_waits(Loop *loop);

/* Says that something outside the loop (a thread that will wake a Waker) is at work: the loop waits
 * for it. Each hold is followed by one release. Loop thread. */
void loop_hold(Loop *loop);
void loop_release(Loop *loop);

/* Objects alive now: a test compares it before and after. */
size_t loop_objects(const Loop *loop);

/* -- timers ------------------------------------------------------------------------------------ */
typedef void TimerFired(void *arg);
Timer       *timer_new(Loop *loop, TimerFired *fired, void *arg);
void         timer_set(Timer *timer, int64_t deadline); /* once; replaces what was set */
void         timer_stop(Timer *timer);
void         timer_free(Timer *timer); /* NULL allowed */

/* -- descriptors ------------------------------------------------------------------------------- */
enum WatchEvents { WATCH_READ = 1, WATCH_WRITE = 2 };
/* `events` is what is ready; also READ|WRITE when the descriptor is in error. */
typedef void      WatchReady(void *arg, int fd, int events);
MUST_CHECK Status watch_new(Loop *loop, int fd, WatchReady *ready, void *arg, Watch **out,
                            Err *err);
void              watch_set(Watch *watch, int events); /* 0 stops; level-triggered */
void              watch_free(Watch *watch); /* NULL allowed; does not close the descriptor. Call it
                                               before closing the descriptor. */

/* -- children ---------------------------------------------------------------------------------- */
typedef struct ChildSpec {
    const char        *path;     /* borrowed; absolute */
    const char *const *argv;     /* borrowed; ends in NULL */
    const char *const *envp;     /* borrowed; ends in NULL; the child gets nothing else */
    const int         *fds;      /* borrowed; the child's descriptor i is fds[i]; -1 is /dev/null */
    size_t             fd_count; /* at least 3 */
} ChildSpec;

/* exit_code is -1 when a signal ended it (then `signal` is not 0). */
typedef void ChildEnded(void *arg, int exit_code, int signal);

/* posix_spawn on the loop's thread (which lives as long as the process, so PDEATHSIG holds), with
 * default signal dispositions and an empty mask; watched through a pidfd, reaped by the loop. */
MUST_CHECK Status child_spawn(Loop *loop, const ChildSpec *spec, ChildEnded *ended, void *arg,
                              Child **out, Err *err);
pid_t             child_pid(const Child *child);
void              child_kill(Child *child, int signo); /* nothing once it has ended */
void child_free(Child *child); /* NULL allowed; kills (SIGKILL) and reaps one that lives */

/* -- signals ----------------------------------------------------------------------------------- */
typedef void      SignalSeen(void *arg, int signo);
MUST_CHECK Status signals_new(Loop *loop, int signo, SignalSeen *seen, void *arg, Signals **out,
                              Err *err);
void              signals_free(Signals *signals); /* NULL allowed */

/* -- threads ----------------------------------------------------------------------------------- */
/* `work` runs on a thread of the pool, then `done` on the loop's. work_abandon: `done` is still
 * called (it must free what `arg` owns), with `abandoned` true, and nobody waits for it. loop_free
 * waits for work that a thread has begun. */
typedef void WorkRun(void *arg);
typedef void WorkDone(void *arg, bool abandoned);
Work        *work_start(Loop *loop, WorkRun *run, WorkDone *done, void *arg);
void         work_abandon(Work *work); /* only before `done` was called */

/* Queues `call(arg)` on the loop's thread. Any thread; the Waker is made on the loop thread. */
typedef struct Waker Waker;
typedef void         WakerCalled(void *arg);
MUST_CHECK Status    waker_new(Loop *loop, WakerCalled *called, void *arg, Waker **out, Err *err);
void                 waker_wake(Waker *waker); /* any thread; several wakes may give one call */
void                 waker_free(Waker *waker); /* NULL allowed; no thread may use it any more */

#endif
