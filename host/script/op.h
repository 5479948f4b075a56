/* op.h -- one thing that a task waits for.
 *
 * Why     Scripts read from top to bottom; the world answers later. An Op is the only object that
 *         crosses from "a script asked" to "the world answered".
 * Use     A binding embeds Op as first member of its own struct, and has three parts:
 *             1  argument checks and op_may_wait(L): may raise, hold nothing
 *             2  make the op and begin the work
 *             3  return op_await(L, &mine->op);          nothing that can raise between 2 and 3
 * Owner   The waiting task from op_await on.
 * Life    begin -> op_finish or cancel (any order, repeats ignored) -> push (at most once) -> free
 *         (exactly once).
 * Thread  Loop thread only. No function here blocks.
 */
#ifndef HOST_SCRIPT_OP_H
#define HOST_SCRIPT_OP_H

#include "task.h"

typedef struct OpKind {
    const char *name;       /* "http.next"; appears in traces */
    void (*cancel)(Op *op); /* stop the work; leads to op_finish, at once or later; idempotent */
    int (*push)(Op        *op,
                lua_State *L); /* push the results of a good end, return their count; may raise */
    void (*free)(Op *op);      /* release all; never raises, never waits */
} OpKind;

struct Op {
    const OpKind *kind;
    Task         *task; /* borrowed; NULL before op_await and after the task was freed */
    Err           err;  /* how it finished */
    bool          finished, orphan;
    bool          passive; /* it waits for other tasks, or for a person; by itself nothing comes */
};

/* Raises when nothing may wait in `L` now: in a callback of sort or gsub, at a module's top level,
 * in a coroutine of the script's own, in a VM of pure functions, or after cancellation. */
void op_may_wait(lua_State *L);

/* Whether something may wait in `L` now. */
bool op_can_wait(lua_State *L);

/* Suspends the task until `op` finishes; then push's results come back, or nil and the error table.
 * Like lua_yieldk it does not return. */
int op_await(lua_State *L, Op *op);

/* Reports the outcome. From any loop callback; never touches Lua. The op may be gone afterwards. */
void op_finish(Op *op, const Err *outcome);
void op_finish_ok(Op *op);

/* Pushes { code, message, retryable } as scripts see it. */
void op_push_error(lua_State *L, const Err *err);

/* Raises `err` as an error table. */
int op_raise(lua_State *L, const Err *err);

#endif
