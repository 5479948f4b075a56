#include "op.h"

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "engine.h"
#include "watchdog.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    HOOK_STEP = 250, /* instructions between two looks at the clock */
    HOOK_STEP_SLOW =
        10, /* for one whose single instructions take long: megabytes compared or copied */
    HOOK_STEP_STOPPING = 1,
    SLICE_MS = 2,   /* after that others have their turn */
    SLOW_MS = 50,   /* a slice that took so long is looked at more often from then on */
    BURST_MS = 500, /* longest stretch in which a script may keep the loop from running */
};

/* Of vm_charge: after the first the hook comes early, after the second no further step is given. */
static const uint64_t WORK_HASTENS = 1000000, WORK_MOST = 300000000;
static const unsigned WORK_PER_INSTRUCTION = 8;

static const Clock REAL = {0};

static void hook(lua_State *L, lua_Debug *record);

/* -- making and ending ------------------------------------------------------------------------- */

static Task *task_make(Vm *vm, Run *run, TaskEnded *ended, void *ended_arg)
{
    Task *task = mem_new(sizeof *task);
    task->vm = vm;
    task->allowance = vm->kind == VM_RUN ? LIMIT_STRETCH : 0;
    task->run = run;
    task->ended = ended;
    task->ended_arg = ended_arg;
    task->next = vm->tasks;
    if (vm->tasks) vm->tasks->previous = task;
    vm->tasks = task;
    if (run) {
        Task *first = run->tasks;
        task->next_of_run = first;
        if (first) first->previous_of_run = task;
        run->tasks = task;
        run->on_cancel = tasks_cancel_run;
        run->on_overdue = watchdog_tell;
        if (run->cancelled) { /* too late to begin */
            task->cancelled = true;
            task->why = run->why;
        }
    }
    return task;
}

static void memory_used_up(Vm *vm, Err *err)
{
    err_set(err, ST_LIMIT, "the script's memory quota of %zu MB is used up", vm->quota / MB);
    if (vm->kind == VM_DECISION) vm->broken = true;
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
    lua_pushcfunction(start->task->co, task_enter);
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
        memory_used_up(vm, &task->why);
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

void task_close(Vm *vm, lua_State *co)
{
    if (!vm->closing)
        vm->outside_began = clock_now(&REAL); /* all of a VM together have one measure */
    lua_resetthread(co);
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
        task_close(vm, task->co);
        luaL_unref(vm->L, LUA_REGISTRYINDEX, task->ref);
    }
    free(task->trace);
    free(task);
}

/* -- errors ------------------------------------------------------------------------------------ */

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
        memory_used_up(task->vm, err);
        return;
    }
    err_set(err, task->vm->kind == VM_HOST ? ST_BUG : ST_SCRIPT, "an error that has no text");
    task->vm->outside_began = clock_now(&REAL);
    lua_pushcfunction(L, describe);
    lua_pushlightuserdata(L, err);
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_settop(L, 0);
    task_watch(L); /* it may have been set to every instruction */
}

static int make_trace(lua_State *L)
{
    Task *task = task_of(L);
    luaL_traceback(L, L, NULL, 2);
    free(task->trace);
    task->trace = mem_text(lua_tostring(L, -1));
    return 0;
}

/* Message handler of task_enter. Protected, since there may be no memory left for a trace. */
static int take_trace(lua_State *L)
{
    Task *task = task_of(L);
    if (!task || task->cancelled) return 1;
    lua_pushcfunction(L, make_trace);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
    return 1;
}

static int entered(lua_State *L, int status, lua_KContext context)
{
    (void)context;
    if (status != LUA_OK && status != LUA_YIELD) return lua_error(L);
    return lua_gettop(L) - 1;
}

int task_enter(lua_State *L)
{
    lua_pushcfunction(L, take_trace);
    lua_insert(L, 1);
    return entered(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, entered), 0);
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

/* -- the one resume ---------------------------------------------------------------------------- */

static void note_slow(const Task *task)
{
    int64_t ran = clock_now(&REAL) - task->slice_began;
    if (ran <= SLOW_MS) return;
    if (task->vm->kind == VM_HOST)
        log_line(LOG_DEBUG, "the host VM kept the loop for %lld ms", (long long)ran);
    else if (!task->cancelled)
        lua_sethook(task->co, hook, LUA_MASKCOUNT, HOOK_STEP_SLOW);
}

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
    if (task->op) task->instructions = 0; /* it waited: what it does from here is counted anew */
    task->slice_began = clock_now(&REAL);
    task->burst_began = -1;
    vm->current = task;
    int code = lua_resume(task->co, NULL, argc, &results);
    vm->current = NULL;
    note_slow(task);
    switch (code) {
    case LUA_OK: task_end(task, task->cancelled && vm->kind != VM_HOST ? &task->why : &err); break;
    case LUA_YIELD:
        if (task->op) {
            if (task->op->finished) task_make_ready(task);
        } else { /* the hook stopped it */
            vm->suspended = task;
            task_make_ready(task);
        }
        break;
    default: error_of(task, code, &err); task_end(task, &err);
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

/* -- cancellation and the hook ----------------------------------------------------------------- */

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

/* Where a hook is set, Lua looks at every instruction whether it is its turn. */
void task_watch(lua_State *L)
{
    if (vm_of(L)->kind != VM_HOST) lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_STEP);
}

bool task_is_stopping(lua_State *L)
{
    Vm *vm = vm_of(L);
    if (vm->current) return vm->current->cancelled;
    return vm->kind != VM_HOST && clock_now(&REAL) - vm->outside_began > BURST_MS;
}

/* From now on every instruction raises, so that no loop of pcalls outruns it. */
static void raise_stopping(lua_State *L)
{
    const Task *task = vm_of(L)->current;
    lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_STEP_STOPPING);
    if (task) op_raise(L, &task->why);
    luaL_error(L, "what closes or describes a value took too long");
}

void task_check(lua_State *L)
{
    if (vm_of(L)->kind != VM_HOST && task_is_stopping(L)) raise_stopping(L);
}

static int64_t processor_ms(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
}

/* Whether the slice, which has lasted `ran` ms, held the loop for too long. What counts is
 * processor time: a busy machine is no fault of the script. */
static bool is_burst(Task *task, int64_t ran)
{
    if (ran < SLICE_MS) return false;
    if (task->burst_began < 0) task->burst_began = processor_ms();
    return ran > BURST_MS && processor_ms() - task->burst_began > BURST_MS;
}

static void stop_burst(Task *task)
{
    task->cancelled = true;
    err_set(&task->why, ST_LIMIT,
            "the script kept everything waiting for %d ms in a place where it cannot be suspended "
            "(a sort comparator, a gsub callback, a pattern, a coroutine of its own, the top of a "
            "file)",
            BURST_MS);
}

void task_tick(lua_State *L)
{
    const Vm *vm = vm_of(L);
    Task     *task = vm->current;
    if (vm->kind == VM_HOST) return;
    int64_t ran = task ? clock_now(&REAL) - task->slice_began : 0;
    if (task && !task->cancelled && is_burst(task, ran)) stop_burst(task);
    task_check(L);
    if (task && ran >= SLICE_MS) lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

void task_place(lua_State *L, char *out, size_t size)
{
    lua_Debug info;
    out[0] = '\0';
    for (int level = 0; lua_getstack(L, level, &info); level++) {
        lua_getinfo(L, "Sl", &info);
        if (info.currentline < 0) continue;
        bool library = strncmp(info.source, "@lua/lib/", 9) == 0;
        if (out[0] == '\0' || !library)
            snprintf(out, size, "%s:%d", info.source + (info.source[0] == '@'), info.currentline);
        if (!library) return;
    }
}

/* Counts, and lets others have their turn where the script can be suspended. */
static void look(lua_State *L, Task *task)
{
    int64_t ran = clock_now(&REAL) - task->slice_began;
    task->instructions += (uint64_t)lua_gethookcount(L);
    if (lua_gethookcount(L) == 1) task_watch(L); /* task_tick asked for this look */
    if (task->allowance && task->instructions > task->allowance) {
        task->vm->broken = task->vm->kind == VM_DECISION;
        task->cancelled = true;
        char place[300];
        task_place(L, place, sizeof place);
        err_set(&task->why, ST_LIMIT,
                "%s%sthe script ran for more than %llu instructions: an endless loop?", place,
                place[0] ? ": " : "", (unsigned long long)task->allowance);
    } else if (ran >= SLICE_MS && L == task->co && lua_isyieldable(L)) {
        lua_yield(L, 0);
    } else if (is_burst(task, ran)) {
        stop_burst(task);
    }
}

void vm_charge(lua_State *L, uint64_t steps)
{
    Vm *vm = vm_of(L);
    if (vm->kind == VM_HOST) return; /* no hook comes: each call has a budget of its own */
    vm->work += steps;
    if (vm->work > WORK_HASTENS && lua_gethookcount(L) > 1) lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

uint64_t vm_work_left(lua_State *L)
{
    uint64_t work = vm_of(L)->work;
    return work < WORK_MOST ? WORK_MOST - work : 0;
}

static void hook(lua_State *L, lua_Debug *record)
{
    Vm      *vm = vm_of(L);
    uint64_t work = vm->work / WORK_PER_INSTRUCTION;
    (void)record;
    vm->work = 0;
    if (vm->current && !vm->current->cancelled) {
        vm->current->instructions += work;
        look(L, vm->current);
    }
    if (task_is_stopping(L)) raise_stopping(L);
}
