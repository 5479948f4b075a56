/* Stock functions that could hold the loop or the machine, behind a look at their arguments. The hook
 * counts instructions of scripts; what runs in C has to be bounded before it begins. */
#include "vm.h"

#include "../base/limits.h"

#include <lua-cjson.h>

enum {
    PLAIN_LENGTH_MAX = 1 << 25, /* elements; more than any quota holds */
    CLAIMED_LENGTH_MAX = 1 << 20, /* where a metatable says how long it is, or what stands there */
    CJSON_DEPTH_MAX = 500,
};

/* In the same frame, so that its errors bear the name that the script used. Stock functions of string
 * and table have no upvalues. */
static int call_stock(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(1))(L); }

static void check_span(lua_State *L, lua_Integer span)
{
    bool claimed = lua_getmetatable(L, 1);
    if (claimed) lua_pop(L, 1);
    if (span > (claimed ? CLAIMED_LENGTH_MAX : PLAIN_LENGTH_MAX))
        luaL_error(L, "table: %I elements are more than one call may visit", (LUAI_UACINT)span);
}

static lua_Integer span_of(lua_Integer first, lua_Integer last)
{
    lua_Unsigned span = (lua_Unsigned)last - (lua_Unsigned)first;
    return last < first ? 0 : span > LUA_MAXINTEGER ? LUA_MAXINTEGER : (lua_Integer)span;
}

/* insert, remove, sort: what they visit is as long as the table says that it is. */
static int guard_length(lua_State *L)
{
    if (lua_istable(L, 1)) check_span(L, luaL_len(L, 1));
    return call_stock(L);
}

/* concat(t, sep, i, j) */
static int guard_concat(lua_State *L)
{
    if (lua_istable(L, 1)) {
        lua_Integer first = luaL_optinteger(L, 3, 1);
        lua_Integer last = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
        check_span(L, span_of(first, last));
    }
    return call_stock(L);
}

/* move(t, from, to, at[, into]) */
static int guard_move(lua_State *L)
{
    if (lua_istable(L, 1)) {
        lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
        check_span(L, span_of(first, last));
    }
    return call_stock(L);
}

/* Stock rep checks the size of its result; one of no size it builds step by step all the same. */
static int guard_rep(lua_State *L)
{
    size_t len, between = 0;
    luaL_checklstring(L, 1, &len);
    if (!lua_isnoneornil(L, 3)) luaL_checklstring(L, 3, &between);
    if (len + between == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    return call_stock(L);
}

static void wrap(lua_State *L, const char *name, lua_CFunction guard)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, guard, 1);
    lua_setfield(L, -2, name);
}

int guard_open_table(lua_State *L)
{
    luaopen_table(L);
    wrap(L, "insert", guard_length);
    wrap(L, "remove", guard_length);
    wrap(L, "sort", guard_length);
    wrap(L, "concat", guard_concat);
    wrap(L, "move", guard_move);
    return 1;
}

int guard_open_string(lua_State *L)
{
    luaopen_string(L);
    wrap(L, "rep", guard_rep);
    return 1;
}

/* -- lua-cjson: its buffer is none of the VM's quota, ends the process when it is full, and its depth
 * is the C stack's ------------------------------------------------------------------------------- */

static int call_cjson(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Adds the most bytes that the value at the top may become. */
static void measure(lua_State *L, int depth, size_t *sum)
{
    if (depth > CJSON_DEPTH_MAX) luaL_error(L, "cjson.encode: nested deeper than %d levels", CJSON_DEPTH_MAX);
    if (lua_type(L, -1) == LUA_TSTRING)
        *sum += 6 * lua_rawlen(L, -1) + 4;
    else
        *sum += 40;
    if (*sum > LIMIT_REQUEST) luaL_error(L, "cjson.encode: it may become more than %d MB", (int)(LIMIT_REQUEST / MB));
    if (!lua_istable(L, -1)) return;
    luaL_checkstack(L, 4, "cjson.encode");
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        measure(L, depth + 1, sum);
        lua_pushvalue(L, -2);
        measure(L, depth + 1, sum);
        lua_pop(L, 1);
    }
}

static int guard_encode(lua_State *L)
{
    size_t sum = 0;
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    measure(L, 1, &sum);
    return call_cjson(L);
}

static int guard_decode(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len <= LIMIT_JSON, 1, "more than 16 MB");
    lua_settop(L, 1);
    return call_cjson(L);
}

/* Without what changes its limits: they hold for every file of the VM. */
int guard_open_cjson(lua_State *L)
{
    static const char *const KEPT[] = {"encode", "decode", "null", "_NAME", "_VERSION", NULL};
    lua_createtable(L, 0, 5);
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    for (const char *const *name = KEPT; *name; name++) {
        lua_getfield(L, -1, *name);
        lua_setfield(L, -3, *name);
    }
    lua_pop(L, 1);
    wrap(L, "encode", guard_encode);
    wrap(L, "decode", guard_decode);
    return 1;
}
