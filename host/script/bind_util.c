#include "bind.h"

/* Read raw: what an __index made up on the way would be gone before it is used. */
static int raw_field(lua_State *L, int table, const char *key)
{
    table = lua_absindex(L, table);
    lua_pushstring(L, key);
    return lua_rawget(L, table);
}

const char *opt_text(lua_State *L, int table, const char *key, const char *otherwise)
{
    raw_field(L, table, key);
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
    raw_field(L, table, key);
    lua_Integer value = lua_isnil(L, -1) ? otherwise : lua_tointegerx(L, -1, &whole);
    if (!whole) luaL_error(L, "'%s' is no whole number", key);
    lua_pop(L, 1);
    return value;
}

bool opt_flag(lua_State *L, int table, const char *key)
{
    raw_field(L, table, key);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}
