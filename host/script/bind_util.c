#include "bind.h"

#include <stdlib.h>
#include <string.h>

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

Str opt_bytes(lua_State *L, int table, const char *key)
{
    Str bytes = {opt_text(L, table, key, ""), 0};
    if (raw_field(L, table, key) == LUA_TSTRING) lua_tolstring(L, -1, &bytes.len);
    lua_pop(L, 1);
    return bytes;
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

int64_t opt_time(lua_State *L, int table, const char *what, const char *key)
{
    static const struct {
        const char *unit;
        int64_t     ms;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t ms = 0;
    if (raw_field(L, table, key) == LUA_TSTRING) {
        char  *unit;
        double value = strtod(lua_tostring(L, -1), &unit);
        for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0] && ms == 0; i++)
            if (strcmp(unit, UNITS[i].unit) == 0 && value > 0 && value < 1e6)
                ms = (int64_t)(value * (double)UNITS[i].ms);
        if (ms == 0)
            luaL_error(L, "%s: %s is '%s'; write it as \"20s\", \"4m\" or milliseconds", what, key,
                       lua_tostring(L, -1));
    } else if (!lua_isnil(L, -1)) {
        ms = luaL_checkinteger(L, -1);
        if (ms <= 0) luaL_error(L, "%s: %s is not above 0", what, key);
    }
    lua_pop(L, 1);
    return ms;
}

void opt_only(lua_State *L, int table, const char *what, const char *const *known)
{
    table = lua_absindex(L, table);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue; /* the list part is somebody else's business */
        const char *const *at = known;
        while (*at && strcmp(*at, lua_tostring(L, -2)) != 0) at++;
        if (*at) continue;
        luaL_Buffer list;
        luaL_buffinit(L, &list);
        for (at = known; *at; at++) {
            if (at != known) luaL_addstring(&list, ", ");
            luaL_addstring(&list, *at);
        }
        luaL_pushresult(&list);
        luaL_error(L, "%s: unknown key '%s'; known are %s", what, lua_tostring(L, -3),
                   lua_tostring(L, -1));
    }
}
