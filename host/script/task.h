/* task.h -- one coroutine of one VM, and the only place that resumes coroutines.
 *
 * Use     Task *task = task_new(vm, run, main, arg, ended, ended_arg); the scheduler does the rest.
 *         `main` is a C function that runs inside the coroutine, protected: it may raise and wait.
 * Owner   The VM. `ended` is called once, after which the task is gone; never from inside task_new.
 * Life    new -> ready <-> waiting (for one Op) | suspended (by the hook) -> ended
 * Errors  An error that the script raised becomes an Err: a table { code, message } keeps its code,
 *         anything else is ST_SCRIPT (ST_BUG in the host VM), with the traceback in `trace`. Once
 *         cancelled, a script's task ends with the reason of that, also if it returns.
 */
#ifndef HOST_SCRIPT_TASK_H
#define HOST_SCRIPT_TASK_H

#include "vm.h"

typedef struct Op Op;
typedef void      TaskEnded(void *arg, Task *task, const Err *outcome);

struct Task {
    Vm        *vm; /* borrowed */
    lua_State *co; /* in the VM, anchored by `ref` */
    int        ref;
    Run       *run;             /* borrowed; whose work this is; NULL for a verb's own */
    Task      *previous, *next; /* of the VM */
    Task      *next_ready;
    Task      *next_of_run, *previous_of_run;
    Op        *op; /* what it waits for; owned while it waits */
    Op   *spent;   /* finished, its results not pushed yet or pushing raised; freed with the task */
    void *arg;     /* for `main`; borrowed */
    TaskEnded *ended; /* NULL allowed */
    void      *ended_arg;
    bool       started, queued;
    bool       cancelled; /* sticky: every later wait, and the hook, raises `why` */
    Err        why;
    uint64_t   instructions; /* executed since it last waited */
    uint64_t   allowance;    /* most of them; 0 is unlimited */
    int64_t    slice_began;  /* real clock */
    int64_t    burst_began;  /* processor time when the slice was found to last; -1: not yet */
    char      *trace;        /* owned; traceback of the error it ended with, or NULL */
};

Task *task_new(Vm *vm, Run *run, lua_CFunction main, void *arg, TaskEnded *ended, void *ended_arg);

/* A task for a coroutine that stands ready with its function on its stack. Takes `ref`, which
 * anchors it in the registry; `ended` may take it back by setting task->ref to LUA_NOREF. Cannot
 * raise. */
Task *task_adopt(Vm *vm, lua_State *co, int ref, Run *run, TaskEnded *ended, void *ended_arg);

/* Sticky. Cancels what it waits for; the error reaches it at its next wait or instruction. */
void task_cancel(Task *task, const Err *why);

/* Cancels all tasks of a run. Set as Run.on_cancel. */
void tasks_cancel_run(Run *run);

/* The task that runs `L` now, or NULL outside of tasks or in a coroutine of the script's own. */
Task *task_of(lua_State *L);

/* Closes a coroutine that will not run again: its pending __close run, and cannot wait. */
void task_close(Vm *vm, lua_State *co);

/* Called by op_finish. */
void task_make_ready(Task *task);

/* Ends it now with ST_CANCELLED: its VM is being closed. */
void task_kill(Task *task);

/* Sets the hook, which every coroutine made from now on inherits; none in the host VM, whose code
 * is the program. */
void task_watch(lua_State *L);

/* The outermost C function of every coroutine: calls the function at stack index 1 with the rest as
 * its arguments, protected, and raises its error again. What is to be closed is closed here, where
 * the hook still counts; and the trace is taken before the stack is gone. */
int task_enter(lua_State *L);

/* "FILE:LINE" of what runs, the author's own before what it calls of lua/lib; "" without one. */
void task_place(lua_State *L, char *out, size_t size);

/* Raises when the work that `L` belongs to was cancelled, or its VM is being closed. After every C
 * function that may have caught an error: coroutine.resume, xpcall's handler. */
void task_check(lua_State *L);
bool task_is_stopping(lua_State *L);

/* From inside a C function that works for long: raises once others have waited too long, and
 * otherwise lets them have their turn at the script's next instruction. */
void task_tick(lua_State *L);

#endif
