#include "op.h"

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "engine.h"

#include <stdlib.h>
#include <string.h>

enum {
    HOOK_STEP = 10000,       /* instructions between two looks */
    HOOK_STEP_CANCELLED = 1,
    HOOK_STEP_HASTENED = 2, /* after a call that took long; not 1, so that both can be told apart */
    BURST_MS = 500,       /* longest stretch in which a script may keep the loop from running */
    HOST_SLICE_MS = 50,
};

/* Of vm_charge: after the first the hook comes early, after the second no further step is given. */
static const uint64_t WORK_HASTENS = 1000000, WORK_MOST = 300000000;
static const uint64_t MOVED_HASTENS = 32 * MB; /* of vm_charge_block */
static const unsigned WORK_PER_INSTRUCTION = 8;

static const Clock REAL = {0};

/* -- making and ending ------------------------------------------------------------------------- */

static Task *task_make(Vm *vm, Run *run, TaskEnded *ended, void *ended_arg)
{
    Task *task = mem_new(sizeof *task);
    task->vm = vm;
    task->run = run;
    task->ended = ended;
    task->ended_arg = ended_arg;
    task->deadline = DEADLINE_NEVER;
    task->next = vm->tasks;
    if (vm->tasks) vm->tasks->previous = task;
    vm->tasks = task;
    if (run) {
        Task *first = run->tasks;
        task->next_of_run = first;
        if (first) first->previous_of_run = task;
        run->tasks = task;
        run->on_cancel = tasks_cancel_run;
    }
    return task;
}

typedef struct Start {
    Task         *task;
    lua_CFunction main;
} Start;

/* Making a coroutine allocates, so it happens protected; the quota may be used up. */
static int make_coroutine(lua_State *L)
{
    Start *start = lua_touserdata(L, 1);
    start->task->co = lua_newthread(L);
    start->task->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(start->task->co, start->main);
    lua_pushlightuserdata(start->task->co, start->task->arg);
    return 0;
}

Task *task_new(Vm *vm, Run *run, lua_CFunction main, void *arg, TaskEnded *ended, void *ended_arg)
{
    Task *task = task_make(vm, run, ended, ended_arg);
    Start start = {task, main};
    task->arg = arg;
    task->ref = LUA_NOREF;
    lua_pushcfunction(vm->L, make_coroutine);
    lua_pushlightuserdata(vm->L, &start);
    if (lua_pcall(vm->L, 1, 0, 0) != LUA_OK) { /* no memory: the task ends on its first slice */
        lua_settop(vm->L, 0);
        err_set(&task->why, ST_LIMIT, "the script's memory quota of %zu MB is used up", vm->quota / MB);
        task->cancelled = true;
    }
    task_make_ready(task);
    return task;
}

Task *task_adopt(Vm *vm, lua_State *co, int ref, Run *run, TaskEnded *ended, void *ended_arg)
{
    Task *task = task_make(vm, run, ended, ended_arg);
    task->co = co;
    task->ref = ref;
    task_make_ready(task);
    return task;
}

static void unqueue(Task *task)
{
    Vm   *vm = task->vm;
    Task *before = NULL;
    if (!task->queued) return;
    for (Task *at = vm->ready; at != task; at = at->next_ready) before = at;
    if (before)
        before->next_ready = task->next_ready;
    else
        vm->ready = task->next_ready;
    if (vm->last_ready == task) vm->last_ready = before;
    task->queued = false;
}

static void orphan(Op *op)
{
    op->task = NULL;
    if (op->finished) {
        op->kind->free(op);
        return;
    }
    op->orphan = true;
    op->kind->cancel(op);
}

static void task_free(Task *task)
{
    Vm *vm = task->vm;
    unqueue(task);
    if (vm->suspended == task) vm->suspended = NULL;
    if (task->op) orphan(task->op);
    if (task->spent) task->spent->kind->free(task->spent);
    if (task->previous)
        task->previous->next = task->next;
    else
        vm->tasks = task->next;
    if (task->next) task->next->previous = task->previous;
    if (task->run) {
        if (task->previous_of_run)
            task->previous_of_run->next_of_run = task->next_of_run;
        else
            task->run->tasks = task->next_of_run;
        if (task->next_of_run) task->next_of_run->previous_of_run = task->previous_of_run;
    }
    if (task->ref != LUA_NOREF) {
        vm->outside_began = clock_now(&REAL);
        if (task->co) lua_resetthread(task->co); /* runs pending __close; nothing can wait there */
        luaL_unref(vm->L, LUA_REGISTRYINDEX, task->ref);
    }
    free(task->trace);
    free(task);
}

/* -- errors -------------------------------------------------------------------------------------- */

/* Protected, because reading the error object may run its metamethods. */
static int describe(lua_State *L)
{
    Err *err = lua_touserdata(L, 1);
    if (lua_type(L, 2) == LUA_TTABLE) {
        lua_getfield(L, 2, "code");
        lua_getfield(L, 2, "message");
        if (lua_type(L, -1) == LUA_TSTRING && lua_type(L, -2) == LUA_TSTRING) {
            const char *code = lua_tostring(L, -2);
            err_set(err, status_from_code(code), "%s", lua_tostring(L, -1));
            return 0;
        }
    }
    err_set(err, err->status, "%s", luaL_tolstring(L, 2, NULL));
    return 0;
}

static void error_of(Task *task, int code, Err *err)
{
    lua_State *co = task->co, *L = task->vm->L;
    if (task->cancelled) { /* whatever it raised, this is why it ended */
        *err = task->why;
        return;
    }
    if (code == LUA_ERRMEM) {
        err_set(err, ST_LIMIT, "the script's memory quota of %zu MB is used up", task->vm->quota / MB);
        if (task->vm->kind == VM_DECISION) task->vm->broken = true;
        return;
    }
    err_set(err, task->vm->kind == VM_HOST ? ST_BUG : ST_SCRIPT, "an error that has no text");
    lua_pushcfunction(L, describe);
    lua_pushlightuserdata(L, err);
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_settop(L, 0);
}

static int make_trace(lua_State *L)
{
    luaL_traceback(L, lua_touserdata(L, 1), NULL, 0);
    return 1;
}

static void take_trace(Task *task)
{
    lua_State *L = task->vm->L;
    lua_pushcfunction(L, make_trace);
    lua_pushlightuserdata(L, task->co);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) task->trace = mem_text(lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void task_end(Task *task, const Err *outcome)
{
    TaskEnded *ended = task->ended;
    void      *arg = task->ended_arg;
    Err        copy = *outcome;
    if (ended) ended(arg, task, &copy);
    task_free(task);
}

void task_kill(Task *task)
{
    Err err;
    err_set(&err, ST_CANCELLED, "its VM was closed");
    task_end(task, task->cancelled ? &task->why : &err);
}

/* -- the one resume ------------------------------------------------------------------------------ */

static void step(Task *task)
{
    Vm *vm = task->vm;
    Err err;
    int results = 0;
    err_clear(&err);
    if (task->ref == LUA_NOREF || (task->cancelled && !task->started)) {
        task_end(task, &task->why);
        return;
    }
    int argc = task->started ? 0 : lua_gettop(task->co) - 1;
    task->started = true;
    task->slice_began = clock_now(&REAL);
    vm->current = task;
    int code = lua_resume(task->co, NULL, argc, &results);
    vm->current = NULL;
    if (vm->kind == VM_HOST && clock_now(&REAL) - task->slice_began > HOST_SLICE_MS)
        log_line(LOG_DEBUG, "the host VM kept the loop for %lld ms", (long long)(clock_now(&REAL) - task->slice_began));
    switch (code) {
    case LUA_OK:
        task_end(task, &err);
        break;
    case LUA_YIELD:
        if (task->op) {
            if (task->op->finished) task_make_ready(task);
        } else { /* the hook stopped it */
            vm->suspended = task;
            task_make_ready(task);
        }
        break;
    default:
        take_trace(task);
        error_of(task, code, &err);
        task_end(task, &err);
    }
}

static bool vm_slice(Turn *turn)
{
    Vm   *vm = (Vm *)turn;
    Task *task = vm->suspended ? vm->suspended : vm->ready;
    if (!task) return false;
    unqueue(task);
    vm->suspended = NULL;
    step(task);
    return vm->ready != NULL;
}

void task_make_ready(Task *task)
{
    Vm *vm = task->vm;
    if (task->queued || vm->current == task) return;
    task->queued = true;
    task->next_ready = NULL;
    if (vm->last_ready)
        vm->last_ready->next_ready = task;
    else
        vm->ready = task;
    vm->last_ready = task;
    vm->turn.slice = vm_slice;
    sched_ready(engine_sched(vm->engine), &vm->turn);
}

/* -- cancellation and the hook ------------------------------------------------------------------- */

void task_cancel(Task *task, const Err *why)
{
    if (task->cancelled) return;
    task->cancelled = true;
    task->why = *why;
    if (task->op && !task->op->finished)
        task->op->kind->cancel(task->op);
    else if (!task->op)
        task_make_ready(task);
}

void tasks_cancel_run(Run *run)
{
    Task *next;
    for (Task *task = run->tasks; task; task = next) {
        next = task->next_of_run;
        task_cancel(task, &run->why);
    }
}

Task *task_of(lua_State *L)
{
    Task *task = vm_of(L)->current;
    return task && task->co == L ? task : NULL;
}

/* Once cancelled, every instruction raises again, so that no loop of pcalls outruns it. */
static void raise_cancelled(lua_State *L, Task *task)
{
    lua_sethook(L, task_hook, LUA_MASKCOUNT, HOOK_STEP_CANCELLED);
    op_raise(L, &task->why);
}

static void hasten(lua_State *L)
{
    if (lua_gethookcount(L) == HOOK_STEP) lua_sethook(L, task_hook, LUA_MASKCOUNT, HOOK_STEP_HASTENED);
}

void vm_charge(lua_State *L, uint64_t steps)
{
    Vm *vm = vm_of(L);
    vm->work += steps;
    if (vm->work > WORK_HASTENS) hasten(L);
}

/* Called by the allocator, which does not know the coroutine: one of the script's own keeps its pace. */
void vm_charge_block(Vm *vm, size_t bytes)
{
    vm->moved += bytes;
    if (vm->moved > MOVED_HASTENS && vm->current) hasten(vm->current->co);
}

uint64_t vm_work_left(lua_State *L)
{
    uint64_t work = vm_of(L)->work;
    return work < WORK_MOST ? WORK_MOST - work : 0;
}

/* Takes note of the work that was charged since the last time, and lets the hook come as usual again. */
static uint64_t take_work(lua_State *L, Vm *vm)
{
    uint64_t work = vm->work;
    vm->work = 0;
    vm->moved = 0;
    if (lua_gethookcount(L) == HOOK_STEP_HASTENED) lua_sethook(L, task_hook, LUA_MASKCOUNT, HOOK_STEP);
    return work / WORK_PER_INSTRUCTION;
}

void task_hook(lua_State *L, lua_Debug *record)
{
    Vm      *vm = vm_of(L);
    Task    *task = vm->current;
    uint64_t work = take_work(L, vm);
    (void)record;
    if (vm->kind == VM_HOST) return;
    if (!task) {
        if (clock_now(&REAL) - vm->outside_began > BURST_MS) luaL_error(L, "closing took too long");
        return;
    }
    if (!task->cancelled) {
        task->instructions += HOOK_STEP + work;
        if (task->allowance && task->instructions > task->allowance) {
            vm->broken = true;
            task->cancelled = true;
            err_set(&task->why, ST_LIMIT, "the script ran for more than %llu instructions: an endless loop?",
                    (unsigned long long)task->allowance);
        } else if (L == task->co && lua_isyieldable(L)) {
            lua_yield(L, 0);
            return;
        } else if (clock_now(&REAL) - task->slice_began > BURST_MS) {
            task->cancelled = true;
            err_set(&task->why, ST_LIMIT,
                    "the script kept everything waiting for %d ms in a place where it cannot be suspended "
                    "(a sort comparator, a gsub callback, a coroutine of its own)", BURST_MS);
        }
    }
    if (task->cancelled) raise_cancelled(L, task);
}
