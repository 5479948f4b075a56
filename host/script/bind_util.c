#include "bind.h"

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

int64_t opt_amount(lua_State *L, int table, const char *what, const char *key, const char *reader)
{
    int whole = 1, top = lua_gettop(L);
    if (raw_field(L, table, key) == LUA_TNIL) {
        lua_settop(L, top);
        return 0;
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        vm_push_entry(L, reader);
        lua_getfield(L, -1, "parse");
        lua_pushvalue(L, -3);
        lua_call(L, 1, 2);
        if (lua_isnil(L, -2)) {
            lua_getfield(L, -1, "message");
            luaL_error(L, "%s: %s: %s", what, key, lua_tostring(L, -1));
        }
        lua_pop(L, 1);
    }
    lua_Integer value = lua_tointegerx(L, -1, &whole);
    if (!whole) luaL_error(L, "%s: %s is no whole number", what, key);
    if (value <= 0) luaL_error(L, "%s: %s is not above 0", what, key);
    lua_settop(L, top);
    return value;
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
