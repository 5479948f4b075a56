/* A sandboxed command whose output is read while it runs: run:command(spec) for verbs. */
#include "exec.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char COMMAND[] = "perigee.command";

typedef struct Part {
    struct Part *next;
    bool         is_error;
    size_t       len;
    char         bytes[];
} Part;

/* Held by its Lua handle and by the op that waits; the command's events come while it is there. */
typedef struct Watched {
    int        users;
    Workspace *workspace;    /* held: its space must outlive the command */
    Command   *command;      /* borrowed; NULL once it ended */
    Part      *first, *last; /* owned: read and not yet taken */
    size_t     queued;       /* bytes */
    bool       paused;
    bool       told; /* its end was handed out */
    Err        outcome;
    ExecEnd    end;
    Op        *waiting; /* borrowed; NULL when nobody waits */
} Watched;

static void release(Watched *watched)
{
    if (--watched->users > 0) return;
    command_drop(watched->command);
    while (watched->first) {
        Part *part = watched->first;
        watched->first = part->next;
        free(part);
    }
    workspace_release(watched->workspace);
    exec_end_clear(&watched->end);
    free(watched);
}

static void wake(Watched *watched)
{
    Op *op = watched->waiting;
    watched->waiting = NULL;
    if (op) op_finish_ok(op);
}

static void on_output(void *arg, bool is_error, Str bytes)
{
    Watched *watched = arg;
    Part    *part = mem_new(sizeof *part + bytes.len);
    part->is_error = is_error;
    part->len = bytes.len;
    memcpy(part->bytes, bytes.ptr, bytes.len);
    if (watched->last)
        watched->last->next = part;
    else
        watched->first = part;
    watched->last = part;
    watched->queued += bytes.len;
    if (watched->queued > LIMIT_EXEC_QUEUE && !watched->paused) {
        watched->paused = true;
        command_pause(watched->command, true);
    }
    wake(watched);
}

static void on_end(void *arg, SandboxResult *result)
{
    Watched *watched = arg;
    watched->command = NULL;
    exec_end_take(&watched->end, result, &watched->outcome);
    wake(watched);
}

/* -- waiting ----------------------------------------------------------------------------------- */

typedef struct NextOp {
    Op       op;      /* first */
    Watched *watched; /* held */
} NextOp;

static void next_free(Op *op)
{
    NextOp *next = (NextOp *)op;
    if (next->watched->waiting == op) next->watched->waiting = NULL;
    release(next->watched);
    free(next);
}

static void next_stop(Op *op)
{
    Watched *watched = ((NextOp *)op)->watched;
    if (watched->command)
        command_cancel(watched->command);
    else
        wake(watched);
}

static int push_end(lua_State *L, Watched *watched)
{
    watched->told = true;
    if (watched->outcome.status != ST_OK) {
        lua_pushnil(L);
        op_push_error(L, &watched->outcome);
        return 2;
    }
    lua_createtable(L, 0, 1);
    exec_end_push(&watched->end, L);
    lua_setfield(L, -2, "done");
    return 1;
}

static int next_push(Op *op, lua_State *L)
{
    Watched *watched = ((NextOp *)op)->watched;
    Part    *part = watched->first;
    if (!part) return push_end(L, watched);
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, part->bytes, part->len);
    lua_setfield(L, -2, part->is_error ? "stderr" : "stdout");
    watched->first = part->next;
    if (!watched->first) watched->last = NULL;
    watched->queued -= part->len;
    free(part);
    if (watched->paused && watched->queued < LIMIT_EXEC_QUEUE / 2 && watched->command) {
        watched->paused = false;
        command_pause(watched->command, false);
    }
    return 1;
}

static const OpKind NEXT = {"command.next", next_stop, next_push, next_free};

static Watched **check_command(lua_State *L) { return luaL_checkudata(L, 1, COMMAND); }

/* command:next() -> { stdout = bytes } | { stderr = bytes } | { done = ExecDone } | nil, err */
static int command_next(lua_State *L)
{
    Watched *watched = *check_command(L);
    op_may_wait(L);
    if (watched->told) return luaL_error(L, "the command has ended, and its end was told");
    if (watched->waiting) return luaL_error(L, "somebody else waits for this command already");
    NextOp *next = mem_new(sizeof *next);
    next->op.kind = &NEXT;
    next->watched = watched;
    watched->users++;
    if (watched->first || !watched->command)
        op_finish_ok(&next->op);
    else
        watched->waiting = &next->op;
    return op_await(L, &next->op);
}

static int command_gc(lua_State *L)
{
    Watched **box = check_command(L);
    if (*box) release(*box);
    *box = NULL;
    return 0;
}

/* What could not begin is told by the first `next`, as every other end. */
int bind_command(lua_State *L, Run *run, int at)
{
    static const ExecEvents EVENTS = {.on_output = on_output, .on_end = on_end};
    ExecAsked               asked = exec_read(L, run, NULL, at);
    Watched               **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, COMMAND)) {
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, command_next);
        lua_setfield(L, -2, "next");
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, command_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    Watched *watched = mem_new(sizeof *watched);
    watched->users = 1;
    watched->workspace = workspace_hold(run->workspace);
    exec_end_init(&watched->end);
    err_clear(&watched->outcome);
    *box = watched;
    if (command_begin(run->workspace, &asked.spec, asked.hosts, &EVENTS, watched, &watched->command,
                      &watched->outcome) != ST_OK)
        watched->command = NULL;
    return 1;
}
