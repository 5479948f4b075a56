/* What verbs do to runs that no process carries: leave one as ended, make a copy of one. */
#include "bind_cli.h"

#include "../base/mem.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Change {
    Op   op; /* first */
    char run[RUN_ID_SIZE];
} Change;

static void change_cancel(Op *op) { (void)op; /* what is on its way is answered soon */ }

static void change_free(Op *op) { free(op); }

static void changed(void *arg, const Err *outcome) { op_finish(arg, outcome); }

static Journal *check_journal(lua_State *L)
{
    Journal *journal = vm_of(L)->engine->journal;
    if (!journal) luaL_error(L, "no journal is open");
    return journal;
}

/* -- ended ------------------------------------------------------------------------------------- */

static int ended_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static const OpKind END = {"cli.end_run", change_cancel, ended_push, change_free};

/* cli.end_run(row, status, body, { number, ... }) -> true | nil, err: the last record of a run that
 * nobody carries, and its row; these messages of its inbox are taken. `row` is the run's of
 * cli.list_runs: where it went on since, this is refused (invalid). */
int cli_end_run(lua_State *L)
{
    Journal *journal = check_journal(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t      status_len, body_len;
    const char *status = luaL_checklstring(L, 2, &status_len),
               *body = luaL_checklstring(L, 3, &body_len);
    int64_t now = clock_wall(loop_clock(vm_of(L)->engine->loop));
    RunRow  row = {.run = opt_bytes(L, 1, "run"),
                   .parent = opt_bytes(L, 1, "parent"),
                   .agent = opt_bytes(L, 1, "agent"),
                   .task = opt_bytes(L, 1, "task"),
                   .status = {status, status_len},
                   .started_ms = opt_integer(L, 1, "started", 0),
                   .ended_ms = now};
    Record  last = {.run = row.run,
                    .seq = opt_integer(L, 1, "records", 0) + 1,
                    .time_ms = now,
                    .kind = STR("run.finished"),
                    .body = {body, body_len}};
    luaL_argcheck(L, row.run.len > 0, 1, "run is missing");
    luaL_checktype(L, 4, LUA_TTABLE);
    op_may_wait(L);
    Change *change = mem_new(sizeof *change);
    change->op.kind = &END;
    journal_claim(journal, row.run, NULL, NULL); /* where it fails, so does the append */
    journal_append(journal, &last, DURABLE_POWER, changed, &change->op);
    journal_put_run(journal, &row);
    for (lua_Integer i = 1; lua_rawgeti(L, 4, i) == LUA_TNUMBER; i++) {
        journal_take(journal, row.run, lua_tointeger(L, -1));
        lua_pop(L, 1);
    }
    journal_release(journal, row.run);
    return op_await(L, &change->op);
}

/* -- copied ------------------------------------------------------------------------------------ */

static int fork_push(Op *op, lua_State *L)
{
    lua_pushstring(L, ((Change *)op)->run);
    return 1;
}

static const OpKind FORK = {"cli.fork_run", change_cancel, fork_push, change_free};

/* cli.fork_run(id, at, body) -> id of a new run | nil, err: one that has the records of `id` up to
 * the seq `at`, and after them run.resumed with `body`; see journal_fork */
int cli_fork_run(lua_State *L)
{
    Journal     *journal = check_journal(L);
    size_t       of_len, body_len;
    const char  *of = luaL_checklstring(L, 1, &of_len), *body = luaL_checklstring(L, 3, &body_len);
    lua_Integer  at = luaL_checkinteger(L, 2);
    const Clock *clock = loop_clock(vm_of(L)->engine->loop);
    op_may_wait(L);
    Change *change = mem_new(sizeof *change);
    change->op.kind = &FORK;
    run_make_id(clock, change->run);
    Record next = {.run = str_from(change->run),
                   .seq = at + 1,
                   .time_ms = clock_wall(clock),
                   .kind = STR("run.resumed"),
                   .body = {body, body_len}};
    journal_fork(journal, (Str){of, of_len}, &next, changed, &change->op);
    return op_await(L, &change->op);
}
