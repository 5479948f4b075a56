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

/* cli.read_project(root, { { folder, entry or nil, deep = bool }, ... }) ->
 * { { entry, file, real, hash, problem }, ... } | nil, err. Reads every Lua file, and keeps what it
 * read: it is that which admit_project puts into force. */
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
    return 1;
}

/* cli.admit_project{ [file] = true, or why it is refused }: what is not named is forgotten, as if
 * it were not there. */
int cli_admit_project(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (Source *source = engine->offered, *next; source; source = next) {
        next = source->next;
        int type = lua_getfield(L, 1, source->file);
        if (type != LUA_TNIL)
            engine_admit(engine, source, type == LUA_TSTRING ? lua_tostring(L, -1) : NULL);
        lua_pop(L, 1);
    }
    sources_free(&engine->offered);
    return 0;
}
