/* The Run as lua/lib sees it in the host VM. */
#include "bind.h"

#include "../base/mem.h"
#include "../run/jobs.h"
#include "group.h"
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char RUN[] = "perigee.run";

typedef struct RunHandle {
    Run *run; /* NULL once it is closed */
} RunHandle;

Run *bind_check_run(lua_State *L, int index)
{
    RunHandle *handle = luaL_checkudata(L, index, RUN);
    if (!handle->run) luaL_error(L, "the run is closed");
    return handle->run;
}

/* -- steps ------------------------------------------------------------------------------------- */

typedef struct Append {
    Op      op; /* first */
    Engine *engine;
    int64_t seq;
} Append;

static void append_cancel(Op *op) { (void)op; /* what is on its way is answered soon */ }

static int append_push(Op *op, lua_State *L)
{
    lua_pushinteger(L, ((Append *)op)->seq);
    return 1;
}

static void append_free(Op *op) { free(op); }

static const OpKind APPEND = {"run.append", append_cancel, append_push, append_free};

static Append *append_new(Engine *engine)
{
    Append *append = mem_new(sizeof *append);
    append->op.kind = &APPEND;
    append->engine = engine;
    return append;
}

static void appended(void *arg, const Err *outcome) { op_finish(arg, outcome); }

/* run:append(kind, body[, power]) -> seq | nil, err. body is JSON text. Waits until it is
 * committed. */
static int run_append_record(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    size_t      kind_len, body_len;
    const char *kind = luaL_checklstring(L, 2, &kind_len),
               *body = luaL_checklstring(L, 3, &body_len);
    Durability durability = lua_toboolean(L, 4) ? DURABLE_POWER : DURABLE_PROCESS;
    op_may_wait(L);
    if (run->finished) return luaL_error(L, "run %s is finished; nothing can be appended", run->id);
    Append *append = append_new(vm_of(L)->engine);
    if (run->journal)
        run_append(run, (Str){kind, kind_len}, (Str){body, body_len}, durability, appended,
                   &append->op);
    else
        op_finish_ok(&append->op);
    append->seq = run->seq;
    return op_await(L, &append->op);
}

static void last_appended(void *arg, const Err *outcome)
{
    Append *append = arg;
    if (outcome->status != ST_OK) engine_note_loss(append->engine, outcome);
    op_finish(&append->op, outcome);
}

static void last_left(void *arg, const Err *outcome)
{
    if (outcome->status != ST_OK) engine_note_loss(arg, outcome);
}

/* run:finish(status, body[, kind]) -> seq | nil, err: the last record, and the run's row. Waits
 * until the record is committed; where nothing may wait any more (the task was cancelled) it is
 * left to the journal, so that a cancelled run ends well too. A record that is lost is said on
 * stderr and in the exit code. Of a top-level run, whose end somebody is told, it is fsynced. */
static int run_finish_now(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    Engine     *engine = vm_of(L)->engine;
    size_t      len;
    const char *status = luaL_checkstring(L, 2), *body = luaL_checklstring(L, 3, &len),
               *kind = luaL_optstring(L, 4, "run.finished");
    if (run->finished) return 0;
    bool    waits = run->journal && op_can_wait(L);
    Append *append = waits ? append_new(engine) : NULL;
    if (run->journal)
        run_append(run, str_from(kind), (Str){body, len},
                   run->parent ? DURABLE_PROCESS : DURABLE_POWER, waits ? last_appended : last_left,
                   waits ? (void *)append : engine);
    run_finish(run, status);
    if (!waits) {
        lua_pushinteger(L, run->seq);
        return 1;
    }
    append->seq = run->seq;
    return op_await(L, &append->op);
}

/* -- what it may spend ------------------------------------------------------------------------- */

/* run:deadline_in(ms[, asks]): as run_set_deadline */
static int run_deadline_in(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    run_set_deadline(run, clock_deadline(loop_clock(run->loop), luaL_checkinteger(L, 2)),
                     lua_toboolean(L, 3));
    return 0;
}

static void push_time_left(lua_State *L, int64_t deadline, int64_t now)
{
    if (deadline == DEADLINE_NEVER)
        lua_pushnil(L);
    else
        lua_pushinteger(L, deadline > now ? deadline - now : 0);
}

/* run:time_left() -> milliseconds until the first deadline that holds for it, or nil where it has
 * none; since it began; until its own deadline, or nil */
static int run_time_left(lua_State *L)
{
    Run    *run = bind_check_run(L, 1);
    int64_t now = loop_now(run->loop);
    push_time_left(L, run_deadline(run, false), now);
    lua_pushinteger(L, now - run->began);
    push_time_left(L, run->deadline, now);
    return 3;
}

/* run:be_late(whether): a person is asked whether it gets more time */
static int run_be_late(lua_State *L)
{
    bind_check_run(L, 1)->late = lua_toboolean(L, 2);
    return 0;
}

/* run:clock() -> milliseconds that only ever grow, from an unsaid beginning */
static int run_clock(lua_State *L)
{
    lua_pushinteger(L, loop_now(bind_check_run(L, 1)->loop));
    return 1;
}

/* run:hash(text) -> SHA-256 in hex: what tells one step's arguments from another's. */
static int run_hash(lua_State *L)
{
    size_t      len;
    char        hash[HASH_HEX_SIZE];
    const char *text = luaL_checklstring(L, 2, &len);
    hash_hex((Str){text, len}, hash);
    lua_pushstring(L, hash);
    return 1;
}

/* -- other VMs --------------------------------------------------------------------------------- */

/* run:decide(entry, field, ...) */
static int run_decide(lua_State *L)
{
    Run      *run = bind_check_run(L, 1);
    CrossSpec spec = {.vm = VM_DECISION,
                      .run = run,
                      .entry = luaL_checkstring(L, 2),
                      .field = luaL_checkstring(L, 3)};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 4, lua_gettop(L) - 3));
}

/* run:script(entry, field, ...): a chain's run (which has to answer something), an agent's before,
 * an author's test; first argument `run`. */
static int run_script(lua_State *L)
{
    Run      *run = bind_check_run(L, 1);
    CrossSpec spec = {.vm = VM_RUN,
                      .run = run,
                      .entry = luaL_checkstring(L, 2),
                      .field = luaL_checkstring(L, 3),
                      .object = bind_push_prim,
                      .object_arg = run,
                      .answers = strcmp(luaL_checkstring(L, 3), "run") == 0};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 4, lua_gettop(L) - 3));
}

/* Raises where table[key] is there and no list of texts. */
static void check_texts(lua_State *L, int table, const char *key)
{
    if (lua_getfield(L, table, key) != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        size_t count = lua_rawlen(L, -1);
        for (size_t i = 1; i <= count; i++) {
            if (lua_rawgeti(L, -1, (lua_Integer)i) != LUA_TSTRING)
                luaL_error(L, "grant: %s is a list of texts", key);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* Copies the list that check_texts has seen; owned, ends in NULL. NULL where there is none. */
static char **copy_texts(lua_State *L, int table, const char *key)
{
    if (lua_getfield(L, table, key) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    size_t count = lua_rawlen(L, -1);
    char **texts = mem_new((count + 1) * sizeof *texts);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        texts[i - 1] = mem_text(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return texts;
}

/* run:tool({ entry, name, timeout_ms, call = id, state = JSON, settings = JSON, interrupted =
 * bool, grant = { exec = {...}, read = bool, write = bool, net = {...}, secrets = {...}, roots = {
 * { path, write }, ... } } }, input): `net` is what its commands and requests may reach; nil:
 * commands what the run may, requests nothing. */
static int run_tool(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkany(L, 3);
    char        what[120];
    const char *name = opt_text(L, 2, "name", "?"), *id = opt_text(L, 2, "call", NULL);
    const char *state = opt_text(L, 2, "state", NULL);
    const char *settings = opt_text(L, 2, "settings", NULL);
    snprintf(what, sizeof what, "tool %s", name);
    CrossSpec spec = {.vm = VM_RUN,
                      .run = run,
                      .entry = opt_text(L, 2, "entry", NULL),
                      .field = "run",
                      .object = bind_push_call,
                      .object_free = bind_free_call,
                      .object_last = true,
                      .timeout_ms = opt_integer(L, 2, "timeout_ms", 0),
                      .what = what};
    luaL_argcheck(L, spec.entry, 2, "entry is missing");
    op_may_wait(L);
    lua_getfield(L, 2, "grant");
    luaL_checktype(L, -1, LUA_TTABLE);
    int  table = lua_gettop(L);
    bool reads = opt_flag(L, table, "read"), writes = opt_flag(L, table, "write");
    check_texts(L, table, "exec");
    check_texts(L, table, "net");
    check_texts(L, table, "secrets");
    bind_check_roots(L, table, "grant");
    char     **programs = copy_texts(L, table, "exec");
    CallGrant *grant = mem_new(sizeof *grant);
    *grant = (CallGrant){.run = run,
                         .tool = mem_text(name),
                         .call = id ? mem_text(id) : NULL,
                         .state = mem_text(state),
                         .settings = mem_text(settings),
                         .programs = programs ? programs : mem_new(sizeof *programs),
                         .hosts = copy_texts(L, table, "net"),
                         .secrets = copy_texts(L, table, "secrets"),
                         .reads = reads,
                         .writes = writes,
                         .interrupted = opt_flag(L, 2, "interrupted")};
    programs = grant->programs;
    grant->execs = programs[0] != NULL;
    grant->roots = bind_copy_roots(L, table);
    spec.object_arg = grant;
    return cross_await(L, cross_new(L, &spec, 3, 1));
}

/* -- the tree ---------------------------------------------------------------------------------- */

/* run:child{ agent, task[, place][, aside = true][, past] } -> run | nil, err. It works in its
 * parent's workspace, or in the one that the table `place` names as cli.open_run's does. `aside` is
 * the host's own work: it counts as no child and nothing of it is recorded. `past`: as cli.open_run
 * has it. */
static int run_child(lua_State *L)
{
    Run       *parent = bind_check_run(L, 1), *child = NULL;
    Workspace *own = NULL;
    Err        err;
    err_clear(&err);
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *agent = opt_text(L, 2, "agent", ""), *task = opt_text(L, 2, "task", "");
    bool        aside = opt_flag(L, 2, "aside");
    RunPast     past;
    bool        goes_on = bind_read_past(L, 2, &past);
    Status      status = ST_OK;
    if (lua_getfield(L, 2, "place") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        status = bind_open_workspace(L, lua_gettop(L), &own, &err);
    }
    if (status == ST_OK && !aside) status = budget_spend(&parent->budget, BUDGET_CHILDREN, 1, &err);
    if (status == ST_OK)
        status = run_new(parent->loop, aside ? NULL : parent->journal, parent,
                         own ? own : parent->workspace, agent, task, goes_on ? &past : NULL, &child,
                         &err);
    workspace_release(own);
    if (status != ST_OK) {
        lua_pushnil(L);
        op_push_error(L, &err);
        return 2;
    }
    bind_push_run(L, child);
    return 1;
}

/* run:cancel(code, message): the run and all below it. */
static int run_cancel_all(lua_State *L)
{
    Err  why;
    Run *run = bind_check_run(L, 1);
    err_set(&why, status_from_code(luaL_checkstring(L, 2)), "%s", luaL_checkstring(L, 3));
    run_cancel(run, &why);
    return 0;
}

/* run:steps_below(prefix): what the places of the steps of its next script begin with. */
static int run_steps_below(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    const char *prefix = luaL_checkstring(L, 2);
    free(run->steps);
    run->steps = mem_text(prefix);
    return 0;
}

/* run:sleep(ms) */
static int run_sleep(lua_State *L)
{
    bind_check_run(L, 1);
    lua_remove(L, 1);
    return bind_sleep(L);
}

static int run_scope(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_remove(L, 1);
    return group_scope(L, run);
}

/* run:end_jobs() -> { "job 2 (make watch)", ... } of those that it had to end */
static int run_end_jobs(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    lua_Integer count = 0;
    lua_newtable(L);
    for (Job *job = jobs_first(run); job; job = job->next) {
        if (!job->command) continue;
        lua_pushfstring(L, "job %d (%s)", job->id, job->title);
        lua_rawseti(L, -2, ++count);
    }
    jobs_end(run);
    return 1;
}

static int run_close(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    run_drop(vm_of(L)->engine, run);
    return 0;
}

static int run_exec(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    op_may_wait(L);
    return bind_exec(L, run, NULL, 2);
}

static int run_command(lua_State *L) { return bind_command(L, bind_check_run(L, 1), 2); }

static int run_copy(lua_State *L) { return bind_copy(L, bind_check_run(L, 1)); }

static int run_place(lua_State *L) { return bind_place(L, bind_check_run(L, 1)); }

static int run_explain(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    op_may_wait(L);
    return bind_explain(L, run, 2);
}

static int run_http(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    op_may_wait(L);
    return bind_http_send(L, run, 2);
}

/* -- the handle -------------------------------------------------------------------------------- */

static const Run *top_of(const Run *run)
{
    while (run->parent) run = run->parent;
    return run;
}

/* run:above(id) -> the run of that id: itself, or one above it */
static int run_above(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    const char *id = luaL_checkstring(L, 2);
    while (run && strcmp(run->id, id) != 0) run = run->parent;
    luaL_argcheck(L, run, 2, "no such run stands above");
    bind_push_run(L, run);
    return 1;
}

/* run.id, .parent, .top (the id of the run at the top of its tree), .late (the id of the nearest
 * run that is, itself or above), .agent, .task, .workspace, .cancelled, .finished, .parked,
 * .started, .seq (of its last record); else a method. */
static int run_index(lua_State *L)
{
    RunHandle  *handle = luaL_checkudata(L, 1, RUN);
    const char *key = luaL_checkstring(L, 2);
    Run        *run = handle->run;
    lua_getfield(L, lua_upvalueindex(1), key);
    if (!lua_isnil(L, -1) || !run) return 1;
    if (strcmp(key, "id") == 0)
        lua_pushstring(L, run->id);
    else if (strcmp(key, "parent") == 0)
        lua_pushstring(L, run->parent ? run->parent->id : NULL);
    else if (strcmp(key, "top") == 0)
        lua_pushstring(L, top_of(run)->id);
    else if (strcmp(key, "late") == 0)
        lua_pushstring(L, run_late(run) ? run_late(run)->id : NULL);
    else if (strcmp(key, "agent") == 0)
        lua_pushstring(L, run->agent);
    else if (strcmp(key, "task") == 0)
        lua_pushstring(L, run->task);
    else if (strcmp(key, "workspace") == 0)
        lua_pushstring(L, run->workspace ? run->workspace->path : NULL);
    else if (strcmp(key, "cancelled") == 0)
        lua_pushboolean(L, run->cancelled);
    else if (strcmp(key, "finished") == 0)
        lua_pushboolean(L, run->finished);
    else if (strcmp(key, "parked") == 0)
        lua_pushboolean(L, run->parked);
    else if (strcmp(key, "seq") == 0)
        lua_pushinteger(L, run->seq);
    else if (strcmp(key, "started") == 0)
        lua_pushinteger(L, run->started_ms);
    else
        return luaL_error(L, "a run has no '%s'", key);
    return 1;
}

static void make_metatable(lua_State *L)
{
    static const luaL_Reg METHODS[] = {{"append", run_append_record},
                                       {"finish", run_finish_now},
                                       {"sources", run_sources},
                                       {"new_sources", run_new_sources},
                                       {"keep_text", run_keep_text},
                                       {"messages", run_messages},
                                       {"took", run_took},
                                       {"spend", bind_budget_spend},
                                       {"charge", bind_budget_charge},
                                       {"spent", bind_budget_spent},
                                       {"wrote", bind_budget_wrote},
                                       {"left", bind_budget_left},
                                       {"limit", bind_budget_limit},
                                       {"reserve", bind_budget_reserve},
                                       {"settle", bind_budget_settle},
                                       {"settled", bind_budget_settled},
                                       {"short", bind_budget_short},
                                       {"raise", bind_budget_raise},
                                       {"begin_part", bind_budget_begin_part},
                                       {"deadline_in", run_deadline_in},
                                       {"time_left", run_time_left},
                                       {"be_late", run_be_late},
                                       {"above", run_above},
                                       {"clock", run_clock},
                                       {"hash", run_hash},
                                       {"decide", run_decide},
                                       {"script", run_script},
                                       {"tool", run_tool},
                                       {"child", run_child},
                                       {"scope", run_scope},
                                       {"end_jobs", run_end_jobs},
                                       {"close", run_close},
                                       {"exec", run_exec},
                                       {"command", run_command},
                                       {"explain", run_explain},
                                       {"copy", run_copy},
                                       {"http", run_http},
                                       {"place", run_place},
                                       {"all", group_all},
                                       {"race", group_race},
                                       {"sleep", run_sleep},
                                       {"cancel", run_cancel_all},
                                       {"new_seen", run_new_seen},
                                       {"saw", run_saw},
                                       {"sweep_drafts", run_sweep_drafts},
                                       {"new_jobs", run_new_jobs},
                                       {"had_job", run_had_job},
                                       {"wait", wait_await},
                                       {"wake", wait_wake},
                                       {"steps_below", run_steps_below},
                                       {NULL, NULL}};
    luaL_newlib(L, METHODS);
    lua_pushcclosure(L, run_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
}

void bind_push_run(lua_State *L, Run *run)
{
    if (run->handle) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, run);
        return;
    }
    RunHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->run = NULL;
    if (luaL_newmetatable(L, RUN)) make_metatable(L);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, run);
    handle->run = run;
    run->handle = handle;
}

static void leave_list(Engine *engine, Run *run)
{
    Run **at = &engine->runs;
    while (*at && *at != run) at = &(*at)->next_sibling;
    if (*at) *at = run->next_sibling;
}

void run_drop(Engine *engine, Run *run)
{
    Err why;
    while (run->first_child) run_drop(engine, run->first_child);
    if (!run->finished) { /* nobody said how it ended: the host did */
        err_set(&why, ST_CANCELLED, "the host ended");
        run_cancel(run, &why);
        run_finish(run, status_code(run->why.status));
    }
    run_close_vm(run);
    cross_forget_run(engine, run);
    for (Task *task = run->tasks; task; task = task->next_of_run) task->run = NULL;
    if (run->handle) {
        ((RunHandle *)run->handle)->run = NULL;
        lua_pushnil(engine->host->L); /* the key is there: nothing is allocated */
        lua_rawsetp(engine->host->L, LUA_REGISTRYINDEX, run);
    }
    if (!run->parent) leave_list(engine, run);
    run_free(run);
}
