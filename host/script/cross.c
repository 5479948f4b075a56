#include "cross.h"

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "convert.h"
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>

struct Cross {
    Op        op; /* first */
    CrossSpec spec;
    char     *entry, *field, *what; /* owned */
    Engine   *engine;
    Task     *target; /* borrowed; NULL before it runs and after it ended */
    Buf       args, results;
    Timer    *timeout; /* owned or NULL */
    int       line;    /* where the function begins */
    Cross    *next;    /* in the queue of decisions */
    bool      queued;
};

static void pump_decisions(Engine *engine);

/* -- inside the target ------------------------------------------------------------------------- */

static int give_results(lua_State *L, int status, lua_KContext context)
{
    Cross *cross = (Cross *)context;
    (void)status;
    char what[160];
    if (cross->spec.answers && lua_isnoneornil(L, 2) && lua_isnoneornil(L, 3))
        return luaL_error(L, "%s:%d: '%s' returned nothing; return a value, or nil and an error",
                          cross->entry, cross->line, cross->field);
    snprintf(what, sizeof what, "%s: result", cross->what);
    convert_write(L, 2, lua_gettop(L) - 1, what, &cross->results);
    return 0;
}

static int call_target(lua_State *L)
{
    Cross *cross = lua_touserdata(L, 1);
    vm_push_entry(L, cross->entry);
    lua_getfield(L, -1, cross->field);
    lua_remove(L, -2);
    if (!lua_isfunction(L, -1))
        return luaL_error(L, "%s: '%s' is %s; it should be a function", cross->entry, cross->field,
                          luaL_typename(L, -1));
    lua_Debug about;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &about);
    cross->line = about.linedefined;
    int argc = 0;
    if (cross->spec.object && !cross->spec.object_last) {
        cross->spec.object(L, cross->spec.object_arg);
        argc++;
    }
    argc += convert_read(L, buf_str(&cross->args));
    if (cross->spec.object && cross->spec.object_last) {
        cross->spec.object(L, cross->spec.object_arg);
        argc++;
    }
    buf_clear(&cross->args);
    lua_callk(L, argc, LUA_MULTRET, (lua_KContext)cross, give_results);
    return give_results(L, LUA_OK, (lua_KContext)cross);
}

/* -- life -------------------------------------------------------------------------------------- */

static void cross_free(Op *op)
{
    Cross *cross = (Cross *)op;
    timer_free(cross->timeout);
    buf_clear(&cross->args);
    buf_clear(&cross->results);
    if (cross->spec.object_free) cross->spec.object_free(cross->spec.object_arg);
    free(cross->entry);
    free(cross->field);
    free(cross->what);
    free(cross);
}

static int push_results(Op *op, lua_State *L)
{
    return convert_read(L, buf_str(&((Cross *)op)->results));
}

static void leave_queue(Cross *cross)
{
    Cross **at = &cross->engine->decisions;
    while (*at && *at != cross) at = &(*at)->next;
    if (*at) *at = cross->next;
    cross->queued = false;
}

static void cancel_target(Cross *cross, const Err *why)
{
    if (cross->target)
        task_cancel(cross->target, why);
    else {
        if (cross->queued) leave_queue(cross);
        op_finish(&cross->op, why); /* `cross` may be gone */
    }
}

static void cross_cancel(Op *op)
{
    Err why;
    if (op->task && op->task->cancelled)
        why = op->task->why;
    else
        err_set(&why, ST_CANCELLED, "whoever asked for it is gone");
    cancel_target((Cross *)op, &why);
}

static const OpKind CROSS = {"cross", cross_cancel, push_results, cross_free};

static void timed_out(void *arg)
{
    Cross *cross = arg;
    Err    why;
    /* what it holds half-done is nobody's any more */
    if (cross->spec.vm == VM_DECISION && cross->target) cross->engine->decision->broken = true;
    err_set(&why, ST_TIMEOUT, "%s: no result within %.1f s", cross->what,
            (double)cross->spec.timeout_ms / 1000);
    cancel_target(cross, &why);
}

static void target_ended(void *arg, Task *task, const Err *outcome)
{
    Cross *cross = arg;
    (void)task;
    Engine *engine = cross->engine;
    bool    decision = cross->spec.vm == VM_DECISION;
    cross->target = NULL;
    timer_free(cross->timeout);
    cross->timeout = NULL;
    if (cross->op.orphan && outcome->status == ST_BUG) log_line(LOG_ERROR, "%s", outcome->text);
    if (decision) {
        engine->deciding = false;
        if (engine->decision && engine->decision->broken) {
            engine_retire(engine, engine->decision);
            engine->decision = NULL;
        }
    }
    op_finish(&cross->op, outcome); /* `cross` may be gone */
    if (decision) pump_decisions(engine);
}

static void start_in(Cross *cross, Vm *vm)
{
    cross->target = task_new(vm, cross->spec.run, call_target, cross, target_ended, cross);
    if (cross->spec.timeout_ms > 0) {
        cross->timeout = timer_new(cross->engine->loop, timed_out, cross);
        timer_set(cross->timeout,
                  clock_deadline(loop_clock(cross->engine->loop), cross->spec.timeout_ms));
    }
}

/* Decisions take turns, because a suspended one blocks its VM anyway, and because one that breaks
 * the VM must not take others with it. */
static void pump_decisions(Engine *engine)
{
    Err err;
    err_clear(&err);
    while (!engine->deciding && engine->decisions) {
        Cross *cross = engine->decisions;
        leave_queue(cross);
        if (!engine->decision && vm_new(engine, VM_DECISION, NULL, LIMIT_DECISION_VM,
                                        &engine->decision, &err) != ST_OK) {
            op_finish(&cross->op, &err);
            continue;
        }
        engine->deciding = true;
        if (cross->spec.timeout_ms <= 0 || cross->spec.timeout_ms > LIMIT_DECISION_MS)
            cross->spec.timeout_ms = LIMIT_DECISION_MS;
        start_in(cross, engine->decision);
        cross->target->allowance = LIMIT_DECISION;
    }
}

static void queue_decision(Cross *cross)
{
    Cross **at = &cross->engine->decisions;
    while (*at) at = &(*at)->next;
    *at = cross;
    cross->next = NULL;
    cross->queued = true;
    pump_decisions(cross->engine);
}

static void start(Cross *cross)
{
    Engine *engine = cross->engine;
    Vm     *vm = NULL;
    Err     err;
    err_clear(&err);
    switch (cross->spec.vm) {
    case VM_HOST: start_in(cross, engine->host); break;
    case VM_DECISION: queue_decision(cross); break;
    case VM_RUN:
        if (run_vm(engine, cross->spec.run, &vm, &err) == ST_OK)
            start_in(cross, vm);
        else
            op_finish(&cross->op, &err);
        break;
    }
}

static Cross *make(Engine *engine, const CrossSpec *spec)
{
    Cross *cross = mem_new(sizeof *cross);
    cross->op.kind = &CROSS;
    cross->op.passive = spec->vm != VM_DECISION; /* decisions come by themselves */
    cross->spec = *spec;
    cross->engine = engine;
    cross->entry = mem_text(spec->entry);
    cross->field = mem_text(spec->field);
    cross->what = mem_text(spec->what ? spec->what : spec->entry);
    buf_init(&cross->args, LIMIT_CROSSING);
    buf_init(&cross->results, LIMIT_CROSSING);
    return cross;
}

static int copy_arguments(lua_State *L)
{
    Cross *cross = lua_touserdata(L, 1);
    lua_remove(L, 1);
    convert_write(L, 1, lua_gettop(L), "argument", &cross->args);
    return 0;
}

Cross *cross_new(lua_State *L, const CrossSpec *spec, int first, int count)
{
    first = lua_absindex(L, first);
    Cross *cross = make(vm_of(L)->engine, spec);
    if (!lua_checkstack(L, count + 4)) {
        cross_free(&cross->op);
        luaL_error(L, "%d are too many arguments", count);
    }
    lua_pushcfunction(
        L, copy_arguments); /* protected: the op must not leak when a value cannot cross */
    lua_pushlightuserdata(L, cross);
    for (int i = 0; i < count; i++) lua_pushvalue(L, first + i);
    if (lua_pcall(L, count + 1, 0, 0) != LUA_OK) {
        cross_free(&cross->op);
        lua_error(L);
    }
    return cross;
}

int cross_await(lua_State *L, Cross *cross)
{
    start(cross);
    return op_await(L, &cross->op);
}

void cross_post(Engine *engine, const CrossSpec *spec)
{
    Cross *cross = make(engine, spec);
    cross->op.orphan = true;
    start(cross);
}

void cross_forget_run(Engine *engine, const Run *run)
{
    for (Cross *cross = engine->decisions; cross; cross = cross->next)
        if (cross->spec.run == run) cross->spec.run = NULL;
}

/* -- VMs of runs ------------------------------------------------------------------------------- */

Status run_vm(Engine *engine, Run *run, Vm **out, Err *err)
{
    if (!run->vm) {
        Vm    *vm = NULL;
        Status status = vm_new(engine, VM_RUN, run, LIMIT_RUN_VM, &vm, err);
        if (status != ST_OK) return status;
        run->vm = vm;
    }
    *out = run->vm;
    return ST_OK;
}

void run_close_vm(Run *run)
{
    Vm *vm = run->vm; /* nothing of it is on the stack: only the host VM closes runs */
    run->vm = NULL;
    vm_free(vm);
}
