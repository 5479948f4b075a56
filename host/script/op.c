#include "op.h"

#include <stdlib.h>

static int error_text(lua_State *L)
{
    lua_getfield(L, 1, "code");
    lua_pushliteral(L, ": ");
    lua_getfield(L, 1, "message");
    lua_concat(L, 3);
    return 1;
}

void op_push_error(lua_State *L, const Err *err)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, status_code(err->status));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, err->text);
    lua_setfield(L, -2, "message");
    lua_pushboolean(L, status_retryable(err->status));
    lua_setfield(L, -2, "retryable");
    if (luaL_newmetatable(L, "perigee.error")) {
        lua_pushcfunction(L, error_text);
        lua_setfield(L, -2, "__tostring");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

int op_raise(lua_State *L, const Err *err)
{
    op_push_error(L, err);
    return lua_error(L);
}

void op_may_wait(lua_State *L)
{
    Vm   *vm = vm_of(L);
    Task *task = vm->current;
    if (task && task->cancelled) op_raise(L, &task->why);
    if (vm->kind == VM_DECISION)
        luaL_error(
            L,
            "a decision is pure: it cannot wait (routing, policy, models, context, scenarios and "
            "the hooks allow_tool, accept and next)");
    if (!task) luaL_error(L, "cannot wait here: the work that this belongs to has ended");
    if (task->co != L)
        luaL_error(L, "cannot wait inside a coroutine of the script's own; use run.all");
    if (!lua_isyieldable(L))
        luaL_error(
            L,
            "cannot wait here: inside a sort comparator, a gsub callback, a metamethod of C code, "
            "or at a module's top level");
}

bool op_can_wait(lua_State *L)
{
    const Task *task = vm_of(L)->current;
    return task && !task->cancelled && task->co == L && lua_isyieldable(L);
}

static int after_wait(lua_State *L, int status, lua_KContext context)
{
    Op   *op = (Op *)context;
    Task *task = op->task;
    (void)status;
    task->op = NULL;
    task->spent = op; /* freed with the task should pushing raise */
    if (task->cancelled) return op_raise(L, &task->why);
    int results;
    if (op->err.status == ST_OK) {
        results = op->kind->push(op, L);
    } else {
        lua_pushnil(L);
        op_push_error(L, &op->err);
        results = 2;
    }
    task->spent = NULL;
    op->kind->free(op);
    return results;
}

int op_await(lua_State *L, Op *op)
{
    Task *task = vm_of(L)->current;
    if (task->spent) { /* an earlier push raised and the script caught it */
        task->spent->kind->free(task->spent);
        task->spent = NULL;
    }
    op->task = task;
    task->op = op;
    if (op->finished) return after_wait(L, LUA_OK, (lua_KContext)op);
    return lua_yieldk(L, 0, (lua_KContext)op, after_wait);
}

void op_finish(Op *op, const Err *outcome)
{
    if (op->finished) return;
    op->finished = true;
    op->err = *outcome;
    if (op->orphan)
        op->kind->free(op);
    else if (op->task)
        task_make_ready(op->task);
}

void op_finish_ok(Op *op)
{
    Err ok;
    err_clear(&ok);
    op_finish(op, &ok);
}
