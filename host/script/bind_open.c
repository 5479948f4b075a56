/* cli.open_run: from what a verb and the settings say to a run with its workspace. */
#include "bind_cli.h"

#include "../base/mem.h"
#include "../files/draft.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* The list of texts at spec[key], ending in NULL, in memory that Lua frees; the table keeps the
 * texts. NULL where there is none. */
static const char *const *read_list(lua_State *L, int spec, const char *key)
{
    enum { MOST = 1000 };
    if (lua_getfield(L, spec, key) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    if (!lua_istable(L, -1)) luaL_error(L, "open_run: %s is a list of texts", key);
    lua_Unsigned count = lua_rawlen(L, -1);
    if (count > MOST) luaL_error(L, "open_run: more than %d %s", MOST, key);
    const char **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
    for (lua_Unsigned i = 0; i < count; i++) {
        size_t len;
        if (lua_rawgeti(L, -2, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "open_run: %s is a list of texts", key);
        list[i] = lua_tolstring(L, -1, &len);
        if (strlen(list[i]) != len) luaL_error(L, "open_run: %s holds a NUL byte", key);
        lua_pop(L, 1);
    }
    list[count] = NULL;
    lua_remove(L, -2);
    return list;
}

/* settings.Sandbox of lua/lib/settings.lua; nothing said is the narrowest. */
static void read_sandbox(lua_State *L, int spec, WorkspaceSpec *into)
{
    static const char *const MODES[] = {"none", "proxy", "host", NULL};
    static const char *const KEYS[] = {"network", "hosts", "show", "pass", NULL};
    if (lua_getfield(L, spec, "sandbox") == LUA_TNIL) return;
    luaL_checktype(L, -1, LUA_TTABLE);
    int table = lua_gettop(L);
    opt_only(L, table, "open_run: sandbox", KEYS);
    lua_getfield(L, table, "network");
    into->network = (NetworkMode)luaL_checkoption(L, -1, "none", MODES);
    into->hosts = read_list(L, table, "hosts");
    into->show = read_list(L, table, "show");
    into->pass = read_list(L, table, "pass");
}

static size_t read_size(lua_State *L, int table, const char *key)
{
    lua_Integer value = opt_integer(L, table, key, 0);
    if (value < 0) luaL_error(L, "open_run: %s is below 0", key);
    return (size_t)value;
}

/* settings.Limits; what is not said stays the sandbox's own. */
static void read_limits(lua_State *L, int spec, WorkspaceSpec *into)
{
    static const char *const KEYS[] = {"time_ms",   "time_most_ms", "cpu_ms", "memory",
                                       "processes", "file_size",    "output", NULL};
    if (lua_getfield(L, spec, "limits") == LUA_TNIL) return;
    luaL_checktype(L, -1, LUA_TTABLE);
    int table = lua_gettop(L);
    opt_only(L, table, "open_run: limits", KEYS);
    into->wall_most_ms = (int64_t)read_size(L, table, "time_most_ms");
    into->limits = (ExecLimits){
        .wall_ms = (int64_t)read_size(L, table, "time_ms"),
        .cpu_ms = (int64_t)read_size(L, table, "cpu_ms"),
        .memory = read_size(L, table, "memory"),
        .processes = read_size(L, table, "processes"),
        .file_size = read_size(L, table, "file_size"),
        .output = read_size(L, table, "output"),
    };
}

/* { device =, inode = } as cli.stat has them */
static void read_folder(lua_State *L, int at, WorkspaceSpec *into)
{
    static const char *const KEYS[] = {"device", "inode", NULL};
    if (lua_getfield(L, at, "folder") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        int table = lua_gettop(L);
        opt_only(L, table, "open_run: folder", KEYS);
        into->device = (dev_t)opt_integer(L, table, "device", 0);
        into->inode = (ino_t)opt_integer(L, table, "inode", 0);
    }
    lua_pop(L, 1);
}

Status bind_open_workspace(lua_State *L, int at, Workspace **out, Err *err)
{
    Engine       *engine = vm_of(L)->engine;
    WorkspaceSpec spec = {.path = opt_text(L, at, "workspace", NULL),
                          .helper = engine->helper,
                          .unconfined = opt_flag(L, at, "unconfined")};
    spec.pins = read_list(L, at, "pins");
    read_sandbox(L, at, &spec);
    read_limits(L, at, &spec);
    read_folder(L, at, &spec);
    bind_check_roots(L, at, "open_run");
    *out = NULL;
    if (!spec.path) return ST_OK;
    RootGrant *roots = bind_copy_roots(L, at);
    char      *store = mem_text(engine->store);
    spec.roots = roots;
    Status status = workspace_new(engine->loop, &spec, store ? dirname(store) : NULL, out, err);
    free(store);
    bind_free_roots(roots);
    if (status != ST_OK || !engine->store || !workspace_holds(*out, engine->store)) return status;
    err_set(err, ST_DENIED, "workspace %s: it holds the journal, which %s links to", (*out)->path,
            engine->store);
    workspace_release(*out);
    *out = NULL;
    return err->status;
}

bool bind_read_past(lua_State *L, int at, RunPast *past)
{
    static const char *const KEYS[] = {"id", "seq", "started", NULL};
    if (lua_getfield(L, at, "past") == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    int table = lua_gettop(L);
    opt_only(L, table, "past", KEYS);
    *past = (RunPast){.id = opt_text(L, table, "id", NULL),
                      .seq = opt_integer(L, table, "seq", 0),
                      .started_ms = opt_integer(L, table, "started", 0)};
    if (!past->id || strlen(past->id) >= RUN_ID_SIZE || past->seq < 1 || past->started_ms < 0)
        luaL_error(L, "past: { id, seq, started } of a run that has records");
    return true; /* the table stays on the stack, and keeps the text */
}

/* The pins that hold against everything that the run may do; NULL where it may do more. */
static const char *const *firm_pins(lua_State *L, int spec)
{
    bool firm = !opt_flag(L, spec, "unconfined");
    if (lua_getfield(L, spec, "roots") == LUA_TTABLE) {
        lua_Unsigned count = lua_rawlen(L, -1);
        for (lua_Unsigned i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i);
            firm = firm && !opt_flag(L, lua_gettop(L), "write");
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return firm ? read_list(L, spec, "pins") : NULL;
}

/* cli.open_run{ agent, task, workspace = path or nil, folder = { device =, inode = } or nil: which
 * one has to stand at that path, pins = paths or nil, unconfined = bool,
 * roots = { { path =, write = } ... } or nil, sandbox = settings.Sandbox or nil, limits =
 * settings.Limits or nil, past = { id =, seq =, started = } or nil: of a run that goes on } -> run
 * | nil, err. Pins stay read-only where they lie in the workspace; roots are what calls of this run
 * may be granted outside it. Waits until it is noted how the workspace is: what the run writes
 * there that later runs would obey asks first. */
int cli_open_run(lua_State *L)
{
    Engine    *engine = vm_of(L)->engine;
    Workspace *workspace = NULL;
    Run       *run = NULL;
    RunPast    past;
    Err        err;
    err_clear(&err);
    luaL_checktype(L, 1, LUA_TTABLE);
    op_may_wait(L);
    bool        goes_on = bind_read_past(L, 1, &past);
    const char *agent = opt_text(L, 1, "agent", ""), *task = opt_text(L, 1, "task", "");
    Status      status = bind_open_workspace(L, 1, &workspace, &err);
    if (status == ST_OK)
        status = run_new(engine->loop, engine->journal, NULL, workspace, agent, task,
                         goes_on ? &past : NULL, &run, &err);
    workspace_release(workspace);
    if (status != ST_OK) return bind_push_failure(L, &err);
    if (run->workspace) root_tag(run->workspace->root, draft_tag(str_from(run->id)));
    run->next_sibling = engine->runs;
    engine->runs = run;
    bind_sweep_copies(engine);
    return written_note(L, run, firm_pins(L, 1));
}
