/* A project's Lua, offered and admitted. Which of it is, lua/lib/trust.lua decides. */
#include "bind_cli.h"

enum { ROOMS_MAX = 16 };

static void push_offered(lua_State *L, const Source *source)
{
    lua_createtable(L, 0, 5);
    lua_pushstring(L, source->path);
    lua_setfield(L, -2, "entry");
    lua_pushstring(L, source->file);
    lua_setfield(L, -2, "file");
    lua_pushstring(L, source->real);
    lua_setfield(L, -2, "real");
    lua_pushstring(L, source->refused);
    lua_setfield(L, -2, "problem");
    if (source->hash[0]) {
        lua_pushstring(L, source->hash);
        lua_setfield(L, -2, "hash");
    }
}

/* { [file] = true } of what was in force before the last cli.refresh. */
static void push_previous(lua_State *L, const Source *source)
{
    lua_newtable(L);
    for (; source; source = source->next) {
        if (source->refused || source->hidden) continue;
        lua_pushboolean(L, true);
        lua_setfield(L, -2, source->file);
    }
}

/* cli.read_project(root, { { folder, entry or nil, deep = bool }, ... }) ->
 * { { entry, file, real, hash, problem }, ... }, { [file] = true } | nil, err. Reads every Lua
 * file, and keeps what it read: it is that which admit_project puts into force. The second: files
 * of which another version was in force before cli.refresh, and can stay so. */
int cli_read_project(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *root = luaL_checkstring(L, 1);
    Room        rooms[ROOMS_MAX];
    Err         err;
    err_clear(&err);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, 2);
    luaL_argcheck(L, count <= ROOMS_MAX, 2, "too many rooms");
    for (lua_Unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        rooms[i] = (Room){.folder = opt_text(L, -1, "folder", ""),
                          .entry = opt_text(L, -1, "entry", NULL),
                          .deep = opt_flag(L, -1, "deep")};
        lua_pop(L, 1); /* the list keeps the texts */
    }
    sources_free(&engine->offered);
    for (lua_Unsigned i = 0; i < count; i++)
        if (engine_read_room(engine, root, &rooms[i], &err) != ST_OK) {
            sources_free(&engine->offered);
            return bind_push_failure(L, &err);
        }
    lua_newtable(L);
    lua_Integer at = 0;
    for (const Source *source = engine->offered; source; source = source->next) {
        push_offered(L, source);
        lua_rawseti(L, -2, ++at);
    }
    push_previous(L, engine->previous);
    return 2;
}

/* Names in a table at the top of the stack whose value is false: they stay as they were. */
static void keep_previous(lua_State *L, Engine *engine, int verdicts)
{
    for (lua_pushnil(L); lua_next(L, verdicts); lua_pop(L, 1))
        if (lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
            (void)engine_keep_previous(engine, luaL_checkstring(L, -2));
}

/* cli.admit_project{ [file] = true, or why it is refused, or false: the version from before
 * cli.refresh stays }: what is not named is forgotten, as if it were not there. */
int cli_admit_project(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (Source *source = engine->offered, *next; source; source = next) {
        next = source->next;
        int type = lua_getfield(L, 1, source->file);
        if (type == LUA_TSTRING || lua_toboolean(L, -1))
            engine_admit(engine, source, type == LUA_TSTRING ? lua_tostring(L, -1) : NULL);
        lua_pop(L, 1);
    }
    sources_free(&engine->offered);
    lua_settop(L, 1);
    keep_previous(L, engine, 1);
    sources_free(&engine->previous);
    return 0;
}

/* -- a process that stays ---------------------------------------------------------------------- */

/* cli.refresh(keep_project): looks anew at every Lua file that was loaded; a project's are to be
 * admitted anew, unless `keep_project`. No run may be under way. */
int cli_refresh(lua_State *L)
{
    engine_refresh(vm_of(L)->engine, lua_toboolean(L, 1));
    return 0;
}

static void push_trials(lua_State *L, const Engine *engine, const Source *source)
{
    for (; source; source = source->next) {
        if (!source_on_trial(engine, source)) continue;
        lua_createtable(L, 0, 4);
        lua_pushstring(L, source->path);
        lua_setfield(L, -2, "path");
        lua_pushstring(L, source->file);
        lua_setfield(L, -2, "file");
        lua_pushstring(L, layer_name(source->layer));
        lua_setfield(L, -2, "layer");
        lua_pushboolean(L, source->hidden);
        lua_setfield(L, -2, "gone");
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

/* cli.on_trial() -> { { path, file, layer, gone }, ... }: what changed since cli.refresh and can be
 * taken back. */
int cli_on_trial(lua_State *L)
{
    const Engine *engine = vm_of(L)->engine;
    lua_newtable(L);
    push_trials(L, engine, engine->sources);
    push_trials(L, engine, engine->project);
    return 1;
}

static void add_file(void *arg, const char *file)
{
    lua_State *L = arg;
    lua_pushstring(L, file);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* cli.revert(name?) -> { file, ... }: takes back what is on trial under this path or file, or all
 * of it; the version before is in force again. */
int cli_revert(lua_State *L)
{
    const char *name = luaL_optstring(L, 1, NULL);
    lua_newtable(L);
    (void)engine_revert(vm_of(L)->engine, name, add_file, L);
    return 1;
}
