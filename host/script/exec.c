#include "exec.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdio.h>
#include <string.h>

/* -- what the script asked for ----------------------------------------------------------------- */

enum { ARGS_MAX = 4096, VARIABLES_MAX = 200 };

bool exec_may_start(const CallGrant *grant, const char *program)
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
    if (!exec_may_start(grant, argv[0]))
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

static Str read_input(lua_State *L, int spec)
{
    size_t      len = 0;
    const char *input = opt_text(L, spec, "stdin", NULL);
    if (!input) return (Str){0};
    lua_pushliteral(L, "stdin");
    lua_rawget(L, spec);
    input = lua_tolstring(L, -1, &len);
    lua_pop(L, 1); /* the table keeps it */
    return (Str){input, len};
}

static ExecLimits read_limits(lua_State *L, int at)
{
    static const char TIME[] = "lua/lib/duration.lua", SIZE[] = "lua/lib/size.lua";
    lua_Integer       processes = opt_integer(L, at, "processes", 0);
    if (processes < 0) luaL_error(L, "exec: processes is not above 0");
    return (ExecLimits){
        .wall_ms = opt_amount(L, at, "exec", "timeout", TIME),
        .cpu_ms = opt_amount(L, at, "exec", "cpu", TIME),
        .memory = (size_t)opt_amount(L, at, "exec", "memory", SIZE),
        .processes = (size_t)processes,
        .file_size = (size_t)opt_amount(L, at, "exec", "file_size", SIZE),
        .output = (size_t)opt_amount(L, at, "exec", "output", SIZE),
    };
}

static ExecAsked read(lua_State *L, Run *run, const CallGrant *grant, int at,
                      const char *const *keys)
{
    luaL_checktype(L, at, LUA_TTABLE);
    if (!run->workspace) luaL_error(L, "exec: this run has no workspace");
    opt_only(L, at, "exec", keys);
    ExecAsked asked = {.hosts = grant ? (const char *const *)grant->hosts : NULL};
    asked.spec.argv = read_argv(L, at, grant);
    asked.spec.folder = opt_text(L, at, "cwd", NULL);
    asked.spec.limits = read_limits(L, at);
    asked.spec.writes = grant ? grant->writes : true;
    asked.spec.roots = grant ? grant->roots : NULL;
    asked.spec.input = read_input(L, at);
    asked.spec.variables = read_variables(L, at);
    asked.spec.aside = opt_flag(L, at, "aside") ? LIMIT_EXEC_ASIDE : 0;
    asked.show = opt_flag(L, at, "show");
    asked.title = opt_text(L, at, "title", NULL);
    return asked;
}

ExecAsked exec_read(lua_State *L, Run *run, const CallGrant *grant, int at)
{
    static const char *const KEYS[] = {"cwd",       "stdin",     "env", "timeout", "memory",
                                       "processes", "file_size", "cpu", "output",  NULL};
    static const char *const TOOLS[] = {"cwd",    "stdin",     "env",       "timeout",
                                        "memory", "processes", "file_size", "cpu",
                                        "output", "aside",     "show",      NULL};
    return read(L, run, grant, at, grant ? TOOLS : KEYS);
}

ExecAsked exec_read_job(lua_State *L, Run *run, const CallGrant *grant, int at)
{
    static const char *const KEYS[] = {"cwd",       "stdin", "env",    "memory", "processes",
                                       "file_size", "cpu",   "output", "title",  NULL};
    return read(L, run, grant, at, KEYS);
}

/* -- what it is told --------------------------------------------------------------------------- */

void exec_end_init(ExecEnd *end)
{
    memset(end, 0, sizeof *end);
    buf_init(&end->out, 0);
    buf_init(&end->error, 0);
    buf_init(&end->aside, 0);
}

void exec_end_clear(ExecEnd *end)
{
    buf_clear(&end->out);
    buf_clear(&end->error);
    buf_clear(&end->aside);
    denied_clear(&end->denied);
}

static void take(Buf *to, Buf *from)
{
    Buf empty;
    buf_init(&empty, from->limit);
    *to = *from;
    *from = empty;
}

void exec_end_take(ExecEnd *end, SandboxResult *result, Err *outcome)
{
    *outcome = result->err;
    end->exit_code = result->exit_code;
    end->signal = result->signal;
    end->limit = result->limit;
    take(&end->out, &result->out);
    take(&end->error, &result->error);
    take(&end->aside, &result->aside);
    end->aside_whole = result->aside_whole;
    end->out_dropped = result->out_dropped;
    end->error_dropped = result->error_dropped;
    end->out_head = result->out_head;
    end->error_head = result->error_head;
    end->usage = result->usage;
    end->wall_ms = result->wall_ms;
    end->allowed_ms = result->allowed_ms;
    denied_take(&end->denied, &result->denied);
    if (result->limit && (outcome->status == ST_TIMEOUT || outcome->status == ST_LIMIT))
        err_clear(outcome);
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

void exec_push_output(lua_State *L, Str kept, size_t head, size_t dropped)
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

static int64_t cpu_ms(const struct rusage *usage)
{
    return (int64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
           (int64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

static void push_usage(lua_State *L, const ExecEnd *end)
{
    lua_createtable(L, 0, 3);
    set_integer(L, "wall_ms", end->wall_ms);
    set_integer(L, "cpu_ms", cpu_ms(&end->usage));
    set_integer(L, "memory", (int64_t)end->usage.ru_maxrss * 1024); /* the kernel counts in KB */
}

static void push_denied(lua_State *L, const DeniedList *list)
{
    lua_createtable(L, (int)list->count, 0);
    for (size_t i = 0; i < list->count; i++) {
        lua_createtable(L, 0, 3);
        lua_pushstring(L, list->items[i].what);
        lua_setfield(L, -2, "what");
        lua_pushstring(L, list->items[i].name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, list->items[i].why);
        lua_setfield(L, -2, "why");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void exec_end_push(const ExecEnd *end, lua_State *L)
{
    lua_createtable(L, 0, 12);
    set_integer(L, "exit_code", end->exit_code);
    if (end->signal) set_integer(L, "signal", end->signal);
    if (end->limit) {
        lua_pushstring(L, end->limit);
        lua_setfield(L, -2, "limit");
    }
    exec_push_output(L, buf_str(&end->out), end->out_head, end->out_dropped);
    lua_setfield(L, -2, "stdout");
    exec_push_output(L, buf_str(&end->error), end->error_head, end->error_dropped);
    lua_setfield(L, -2, "stderr");
    set_integer(L, "stdout_dropped", (int64_t)end->out_dropped);
    set_integer(L, "stderr_dropped", (int64_t)end->error_dropped);
    if (end->aside_whole) {
        lua_pushlstring(L, end->aside.ptr, end->aside.len);
        lua_setfield(L, -2, "aside");
    }
    set_integer(L, "allowed_ms", end->allowed_ms);
    push_usage(L, end);
    lua_setfield(L, -2, "usage");
    push_denied(L, &end->denied);
    lua_setfield(L, -2, "denied");
    if (end->denied.more) set_integer(L, "denied_more", (int64_t)end->denied.more);
}
