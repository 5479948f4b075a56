/* lua-cjson for code that expects it. Its buffer lies outside any quota and its settings can be
 * turned until its recursion runs out of stack: so what goes in is measured, and nothing can be
 * set. */
#include "lib_guard.h"

#include "../base/limits.h"

#include <lua-cjson.h>

enum { DEPTH_MOST = 100 };

/* Roughly how long the value at the top will be as JSON; raises once it is more than `left`. */
static size_t weigh(lua_State *L, size_t left, int depth)
{
    size_t weight = 24;
    luaL_checkstack(L, 4, "cjson.encode");
    if (lua_type(L, -1) == LUA_TSTRING) weight += lua_rawlen(L, -1) * 6;
    if (weight > left) luaL_error(L, "cjson.encode: more than %d MB", (int)(LIMIT_REQUEST / MB));
    if (!lua_istable(L, -1)) return weight;
    if (depth >= DEPTH_MOST)
        luaL_error(L, "cjson.encode: nested deeper than %d levels, or it contains itself",
                   DEPTH_MOST);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) weight += lua_rawlen(L, -2) * 6;
        if (weight > left)
            luaL_error(L, "cjson.encode: more than %d MB", (int)(LIMIT_REQUEST / MB));
        weight += weigh(L, left - weight, depth + 1);
    }
    return weight;
}

static int encode(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    weigh(L, LIMIT_REQUEST, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int decode(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    lua_settop(L, 1);
    if (len > LIMIT_JSON)
        return luaL_error(L, "cjson.decode: more than %d MB", (int)(LIMIT_JSON / MB));
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

int cjson_open_bounded(lua_State *L)
{
    static const char *const KEPT[] = {"null", "_NAME", "_VERSION", NULL};
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    lua_newtable(L);
    for (const char *const *name = KEPT; *name; name++) {
        lua_getfield(L, -2, *name);
        lua_setfield(L, -2, *name);
    }
    lua_getfield(L, -2, "encode");
    lua_pushcclosure(L, encode, 1);
    lua_setfield(L, -2, "encode");
    lua_getfield(L, -2, "decode");
    lua_pushcclosure(L, decode, 1);
    lua_setfield(L, -2, "decode");
    return 1;
}
