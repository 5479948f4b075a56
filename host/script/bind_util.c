#include "bind.h"

const char *opt_text(lua_State *L, int table, const char *key, const char *otherwise)
{
    lua_getfield(L, table, key);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return otherwise;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "'%s' is %s; it should be text", key, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); /* the table keeps it */
    return text;
}

lua_Integer opt_integer(lua_State *L, int table, const char *key, lua_Integer otherwise)
{
    int whole = 1;
    lua_getfield(L, table, key);
    lua_Integer value = lua_isnil(L, -1) ? otherwise : lua_tointegerx(L, -1, &whole);
    if (!whole) luaL_error(L, "'%s' is no whole number", key);
    lua_pop(L, 1);
    return value;
}

bool opt_flag(lua_State *L, int table, const char *key)
{
    lua_getfield(L, table, key);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}
