/* A sandboxed command as an op: run:exec (verbs) and call.exec (tools) are the same path. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ExecOp {
    Op           op;        /* first */
    Workspace   *workspace; /* held: its space must outlive the command */
    SandboxExec *exec;      /* borrowed; NULL once it ended */
    Feed        *feed;      /* owned while it runs and somebody is shown what it prints; or NULL */
    Err          begun;
    int          exit_code, signal;
    const char  *limit;
    Buf          out, error, aside;
    bool         has_aside, aside_whole;
    size_t       out_dropped, error_dropped, out_head, error_head;
} ExecOp;

static void exec_free(Op *op)
{
    ExecOp *exec = (ExecOp *)op;
    workspace_release(exec->workspace);
    feed_drop(exec->feed);
    buf_clear(&exec->aside);
    buf_clear(&exec->out);
    buf_clear(&exec->error);
    free(exec);
}

static void exec_stopped(Op *op)
{
    ExecOp *exec = (ExecOp *)op;
    feed_drop(exec->feed);
    exec->feed = NULL;
    if (exec->exec) exec_cancel(exec->exec);
}

static void take(Buf *to, Buf *from)
{
    Buf empty;
    buf_init(&empty, from->limit);
    *to = *from;
    *from = empty;
}

static void exec_printed(void *arg, bool is_error, Str bytes)
{
    ExecOp *exec = arg;
    if (exec->feed) feed_take(exec->feed, is_error, bytes);
}

/* A command that ended at a limit did run: what it printed is of use, and `limit` says why it
 * ended. Only what never ran is an error. */
static void exec_ended(void *arg, SandboxResult *result)
{
    ExecOp *exec = arg;
    Err     outcome = result->err;
    exec->exec = NULL;
    feed_finish(exec->feed);
    exec->feed = NULL;
    exec->exit_code = result->exit_code;
    exec->signal = result->signal;
    exec->limit = result->limit;
    take(&exec->out, &result->out);
    take(&exec->error, &result->error);
    take(&exec->aside, &result->aside);
    exec->aside_whole = result->aside_whole;
    exec->out_dropped = result->out_dropped;
    exec->error_dropped = result->error_dropped;
    exec->out_head = result->out_head;
    exec->error_head = result->error_head;
    if (result->limit && (outcome.status == ST_TIMEOUT || outcome.status == ST_LIMIT))
        err_clear(&outcome);
    op_finish(&exec->op, &outcome);
}

void bind_push_kept(lua_State *L, Str kept, size_t head, size_t dropped)
{
    luaL_Buffer text;
    if (dropped == 0) {
        lua_pushlstring(L, kept.ptr, kept.len);
        return;
    }
    char note[80];
    int  len = snprintf(note, sizeof note, "\n[... %zu bytes left out ...]\n", dropped);
    luaL_buffinit(L, &text);
    luaL_addlstring(&text, kept.ptr, head);
    luaL_addlstring(&text, note, (size_t)len);
    luaL_addlstring(&text, kept.ptr + head, kept.len - head);
    luaL_pushresult(&text);
}

static int exec_push(Op *op, lua_State *L)
{
    ExecOp *exec = (ExecOp *)op;
    lua_createtable(L, 0, 8);
    lua_pushinteger(L, exec->exit_code);
    lua_setfield(L, -2, "exit_code");
    if (exec->signal) {
        lua_pushinteger(L, exec->signal);
        lua_setfield(L, -2, "signal");
    }
    if (exec->limit) {
        lua_pushstring(L, exec->limit);
        lua_setfield(L, -2, "limit");
    }
    bind_push_kept(L, buf_str(&exec->out), exec->out_head, exec->out_dropped);
    lua_setfield(L, -2, "stdout");
    bind_push_kept(L, buf_str(&exec->error), exec->error_head, exec->error_dropped);
    lua_setfield(L, -2, "stderr");
    lua_pushinteger(L, (lua_Integer)exec->out_dropped);
    lua_setfield(L, -2, "stdout_dropped");
    lua_pushinteger(L, (lua_Integer)exec->error_dropped);
    lua_setfield(L, -2, "stderr_dropped");
    if (exec->aside_whole && exec->has_aside) {
        lua_pushlstring(L, exec->aside.ptr, exec->aside.len);
        lua_setfield(L, -2, "aside");
    }
    return 1;
}

static const OpKind EXEC = {"exec", exec_stopped, exec_push, exec_free};

/* -- what the script asked for ----------------------------------------------------------------- */

enum { ARGS_MAX = 4096, VARIABLES_MAX = 200 };

bool bind_may_start(const CallGrant *grant, const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    if (!grant) return true;
    for (char **granted = grant->programs; *granted; granted++)
        if (strcmp(*granted, "*") == 0 || strcmp(*granted, name) == 0) return true;
    return false;
}

/* A list in memory that Lua frees, so that errors leak nothing. Ends in NULL. */
static const char **new_list(lua_State *L, size_t count)
{
    const char **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
    memset(list, 0, (count + 1) * sizeof *list);
    return list;
}

static const char *const *read_argv(lua_State *L, int spec, const CallGrant *grant)
{
    size_t count = lua_rawlen(L, spec);
    if (count == 0 || count > ARGS_MAX)
        luaL_error(L, "exec: a command has 1 to %d words", ARGS_MAX);
    const char **argv = new_list(L, count);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, spec, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "exec: word %d is %s; it should be text", (int)i + 1,
                       luaL_typename(L, -1));
        argv[i] = lua_tostring(L, -1);
        if (strlen(argv[i]) != lua_rawlen(L, -1))
            luaL_error(L, "exec: word %d holds a NUL byte", (int)i + 1);
        lua_pop(L, 1);
    }
    if (!bind_may_start(grant, argv[0]))
        luaL_error(L,
                   "tool %s may not start '%s': its file has not listed it in "
                   "`needs = { exec = {...} }`",
                   grant->tool, argv[0]);
    return argv;
}

static const char *const *read_variables(lua_State *L, int spec)
{
    size_t count = 0;
    lua_pushliteral(L, "env");
    if (lua_rawget(L, spec) == LUA_TNIL) return NULL;
    luaL_checktype(L, -1, LUA_TTABLE);
    int          table = lua_gettop(L);
    const char **list = new_list(L, VARIABLES_MAX);
    lua_createtable(L, 8, 0); /* holds the texts until the spec was copied */
    int texts = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "exec: env is a table of texts");
        if (count == VARIABLES_MAX) luaL_error(L, "exec: more than %d variables", VARIABLES_MAX);
        luaL_checkstack(L, 5, NULL);
        lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
        list[count++] = lua_tostring(L, -1);
        lua_rawseti(L, texts, (lua_Integer)count);
    }
    return list;
}

/* "250ms", "20s", "4m", "1h", or milliseconds as a number. */
static int64_t read_time(lua_State *L, int spec, const char *key)
{
    static const struct {
        const char *unit;
        int64_t     ms;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t ms = 0;
    if (lua_getfield(L, spec, key) == LUA_TSTRING) {
        char  *unit;
        double value = strtod(lua_tostring(L, -1), &unit);
        for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0] && ms == 0; i++)
            if (strcmp(unit, UNITS[i].unit) == 0 && value > 0 && value < 1e6)
                ms = (int64_t)(value * (double)UNITS[i].ms);
        if (ms == 0)
            luaL_error(L, "exec: %s is '%s'; write it as \"20s\", \"4m\" or milliseconds", key,
                       lua_tostring(L, -1));
    } else if (!lua_isnil(L, -1)) {
        ms = luaL_checkinteger(L, -1);
        if (ms <= 0) luaL_error(L, "exec: %s is not above 0", key);
    }
    lua_pop(L, 1);
    return ms;
}

void bind_read_command(lua_State *L, const CallGrant *grant, int at, ExecSpec *spec)
{
    size_t len = 0;
    memset(spec, 0, sizeof *spec);
    spec->argv = read_argv(L, at, grant);
    spec->folder = opt_text(L, at, "cwd", NULL);
    spec->limits.memory = (size_t)opt_integer(L, at, "memory", 0);
    spec->limits.processes = (size_t)opt_integer(L, at, "processes", 0);
    spec->limits.output = (size_t)opt_integer(L, at, "output", 0);
    spec->writes = grant ? grant->writes : true;
    const char *input = opt_text(L, at, "stdin", NULL);
    if (input) {
        lua_pushliteral(L, "stdin");
        lua_rawget(L, at);
        lua_tolstring(L, -1, &len);
        lua_pop(L, 1);
    }
    spec->input = (Str){input, len};
    spec->variables = read_variables(L, at);
}

int bind_exec(lua_State *L, Run *run, const CallGrant *grant, int at)
{
    static const char *const KEYS[] = {"cwd",       "stdin",  "env",   "timeout", "memory",
                                       "processes", "output", "aside", "show",    NULL};
    ExecSpec                 spec;
    if (!run->workspace) return luaL_error(L, "exec: this run has no workspace");
    opt_only(L, at, "exec", KEYS);
    bind_read_command(L, grant, at, &spec);
    spec.limits.wall_ms = read_time(L, at, "timeout");
    bool watched = opt_flag(L, at, "show") && grant && grant->call;
    spec.aside = opt_flag(L, at, "aside") ? LIMIT_EXEC_ASIDE : 0;

    ExecOp                 *exec = mem_new(sizeof *exec);
    static const ExecEvents EVENTS = {.on_output = exec_printed, .on_end = exec_ended};
    exec->op.kind = &EXEC;
    exec->workspace = workspace_hold(run->workspace);
    buf_init(&exec->out, 0);
    buf_init(&exec->error, 0);
    buf_init(&exec->aside, 0);
    exec->has_aside = spec.aside > 0;
    if (watched) exec->feed = feed_new(vm_of(L)->engine, run, grant->call, grant->tool);
    err_clear(&exec->begun);
    if (exec_begin(run->workspace->space, &spec, &EVENTS, exec, &exec->exec, &exec->begun) != ST_OK)
        op_finish(&exec->op, &exec->begun);
    return op_await(L, &exec->op);
}
