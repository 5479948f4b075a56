/* The `call` of a tool: its files, its commands, and nothing that its `needs` do not name. */
#include "bind.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char CALL[] = "perigee.call"; /* what a tool's closures hold: a CallHandle */

/* The VM closes before the call that began in it is freed, or long after: whoever goes first lets
 * go of the other. */
static int handle_gone(lua_State *L)
{
    CallHandle *handle = lua_touserdata(L, 1);
    if (handle->grant) handle->grant->handle = NULL;
    handle->grant = NULL;
    return 0;
}

void bind_free_call(void *arg)
{
    CallGrant *grant = arg;
    if (!grant) return;
    if (grant->handle) grant->handle->grant = NULL;
    for (char **program = grant->programs; *program; program++) free(*program);
    free(grant->programs);
    bind_free_roots(grant->roots);
    for (char **host = grant->hosts; host && *host; host++) free(*host);
    free(grant->hosts);
    for (char **secret = grant->secrets; secret && *secret; secret++) free(*secret);
    free(grant->secrets);
    free(grant->tool);
    free(grant->call);
    free(grant->state);
    free(grant->settings);
    free(grant->held);
    hold_drop(grant->hold);
    free(grant);
}

CallGrant *call_grant(lua_State *L)
{
    CallHandle *handle = lua_touserdata(L, lua_upvalueindex(1));
    if (!handle->grant)
        luaL_error(L, "this call has ended; a tool has only the `call` that it was given now");
    return handle->grant;
}

static bool holds(const char *folder, Str path)
{
    size_t len = strlen(folder);
    return path.len >= len && memcmp(path.ptr, folder, len) == 0 &&
           (path.len == len || path.ptr[len] == '/');
}

const RootGrant *call_root(const CallGrant *grant, Str path)
{
    const RootGrant *found = NULL;
    const Workspace *workspace = grant->run->workspace;
    if (path.len == 0 || path.ptr[0] != '/' || (workspace && holds(workspace->path, path)))
        return NULL;
    for (size_t i = 0; grant->roots && grant->roots[i].path; i++)
        if (holds(grant->roots[i].path, path) && (!found || grant->roots[i].writes))
            found = &grant->roots[i];
    return found;
}

/* -- commands ---------------------------------------------------------------------------------- */

static int call_exec(lua_State *L)
{
    CallGrant *grant = call_grant(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!grant->execs)
        return luaL_error(
            L, "tool %s: a command needs `needs = { exec = { \"PROGRAM\" } }` in its file",
            grant->tool);
    op_may_wait(L);
    return bind_exec(L, grant->run, grant, 1);
}

static void push_host_run(lua_State *L, void *run) { bind_push_run(L, run); }

/* A line for whoever watches: the host's own service writes it down, so that events and journal
 * have it. */
static int call_log(lua_State *L)
{
    CallGrant *grant = call_grant(L);
    (void)luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushstring(L, grant->tool);
    CrossSpec spec = {.vm = VM_HOST,
                      .run = grant->run,
                      .entry = "lua/lib/services.lua",
                      .field = "log",
                      .object = push_host_run,
                      .object_arg = grant->run};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 1, 2));
}

/* Where this is the tool's first call in its run, `call.state` is not there; nor are settings of
 * most tools. */
static int no_such_field(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(name, "state") == 0 || strcmp(name, "settings") == 0) return 0;
    return luaL_error(L,
                      "call has no '%s'; it has exec, http, page, jobs, read, write, hold, list, "
                      "info, log, state, settings, interrupted, workspace and sandbox",
                      luaL_tolstring(L, 2, NULL));
}

static void push_rules(lua_State *L, const HostRules *rules)
{
    lua_createtable(L, (int)rules->count, 0);
    for (size_t i = 0; i < rules->count; i++) {
        const HostRule *rule = &rules->items[i];
        bool            brackets = rule->host.is_literal && rule->host.address.is_v6;
        lua_pushfstring(L, brackets ? "[%s%s]" : "%s%s", rule->below ? "*." : "", rule->host.name);
        if (rule->port != 0) {
            lua_pushfstring(L, ":%d", rule->port);
            lua_concat(L, 2);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* What the commands of this call may reach: { network, hosts }. */
static void push_sandbox(lua_State *L, const CallGrant *grant)
{
    static const char *const MODES[] = {
        [NETWORK_NONE] = "none", [NETWORK_PROXY] = "proxy", [NETWORK_HOST] = "host"};
    Workspace *workspace = grant->run->workspace;
    lua_createtable(L, 0, 2);
    lua_pushstring(L, MODES[workspace ? workspace->network : NETWORK_NONE]);
    lua_setfield(L, -2, "network");
    if (workspace && !grant->hosts) {
        push_rules(L, &workspace->hosts);
    } else {
        lua_newtable(L);
        for (size_t i = 0; grant->hosts && grant->hosts[i]; i++) {
            lua_pushstring(L, grant->hosts[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
    lua_setfield(L, -2, "hosts");
    lib_freeze(L);
}

/* Sets a field of the table at the top to what `text` says; not at all where that is NULL. It was
 * encoded by the host, so it can be read. */
static void set_json(lua_State *L, const char *field, const char *text)
{
    if (!text) return;
    lua_getfield(L, LUA_REGISTRYINDEX, "perigee.json");
    lua_getfield(L, -1, "decode");
    lua_remove(L, -2);
    lua_pushstring(L, text);
    lua_call(L, 1, 1);
    lua_setfield(L, -2, field);
}

void bind_push_call(lua_State *L, void *arg)
{
    static const luaL_Reg METHODS[] = {{"exec", call_exec},        {"read", bind_file_read},
                                       {"write", bind_file_write}, {"hold", bind_file_hold},
                                       {"list", bind_file_list},   {"info", bind_file_info},
                                       {"log", call_log},          {"http", bind_call_http},
                                       {"page", bind_call_page},   {NULL, NULL}};
    CallGrant            *grant = arg;
    luaL_newlibtable(L, METHODS);
    CallHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->grant = NULL;
    if (luaL_newmetatable(L, CALL)) {
        lua_pushcfunction(L, handle_gone);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    handle->grant = grant;
    grant->handle = handle;
    if (grant->execs) {
        bind_push_jobs(L);
        lua_setfield(L, -3, "jobs");
    }
    luaL_setfuncs(L, METHODS, 1);
    set_json(L, "state", grant->state); /* what its last call in this run left */
    set_json(L, "settings", grant->settings);
    lua_pushboolean(L, grant->interrupted);
    lua_setfield(L, -2, "interrupted");
    lua_pushstring(L, grant->run->workspace ? grant->run->workspace->path : NULL);
    lua_setfield(L, -2, "workspace");
    push_sandbox(L, grant);
    lua_setfield(L, -2, "sandbox");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_such_field);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lib_freeze(L);
}
