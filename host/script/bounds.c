#include "bounds.h"

#include "op.h"
#include "pattern.h"

#include <string.h>

enum {
    MOST_FORMATTED = 10000,      /* arguments of one format; a number may take microseconds */
    MOST_MOVED = 1 << 24,        /* elements */
    MOST_THROUGH_META = 1 << 20, /* elements, where each may call a C function */
    MOST_SORTED = 1 << 20,       /* elements, without a comparator that the hook could interrupt */
    SMALL = 64 * 1024,           /* bytes that are not worth a look */
};

#define MOST_COMPARED ((uint64_t)1200 * 1000 * 1000) /* bytes of one sort */

/* Each replacement is a closure over the function it guards, and goes on in it with the same
 * arguments. */
static int go_on(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(1))(L); }

static void check_room(lua_State *L, const char *what, uint64_t result, uint64_t needed)
{
    Vm *vm = vm_of(L);
    vm_charge(L, result / 4);
    if (needed <= SMALL || needed <= vm->quota - vm->used) return;
    if (needed <= vm->quota) {
        vm_charge(L, vm->used);
        lua_gc(L, LUA_GCCOLLECT);
        if (needed <= vm->quota - vm->used) return;
    }
    Err err;
    err_set(&err, ST_LIMIT,
            "%s: a result of %llu bytes does not fit what is left of the script's memory quota of "
            "%zu MB",
            what, (unsigned long long)result, vm->quota / MB);
    op_raise(L, &err);
}

/* -- string ------------------------------------------------------------------------------------ */

static int bound_rep(lua_State *L)
{
    size_t      len, separator_len;
    lua_Integer count;
    luaL_checklstring(L, 1, &len);
    count = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator_len);
    if (count <= 0 || (len == 0 && separator_len == 0)) {
        lua_pushliteral(L, "");
        return 1;
    }
    uint64_t each = len + separator_len;
    if (each > INT64_MAX / 2 / (uint64_t)count) return luaL_error(L, "resulting string too large");
    uint64_t total = each * (uint64_t)count - separator_len;
    check_room(L, "string.rep", total, total * 2); /* it is put together in a buffer, then copied */
    return go_on(L);
}

/* At least the length of the result: the literal text is left out, and so is what a width adds. */
static int bound_format(lua_State *L)
{
    size_t      len;
    const char *format = luaL_checklstring(L, 1, &len);
    uint64_t    total = 0;
    int         arg = 1;
    if (lua_gettop(L) > MOST_FORMATTED)
        return luaL_error(L, "string.format: %d arguments; at most %d", lua_gettop(L),
                          MOST_FORMATTED);
    for (const char *at = format, *end = format + len;
         (at = memchr(at, '%', (size_t)(end - at))) != NULL;) {
        at++;
        if (*at == '%') {
            at++;
            continue;
        }
        if (++arg > lua_gettop(L)) break;
        if (*at == 's' && lua_type(L, arg) == LUA_TSTRING) total += lua_rawlen(L, arg);
    }
    check_room(L, "string.format", total, total);
    return go_on(L);
}

/* -- table ------------------------------------------------------------------------------------- */

static bool has_meta(lua_State *L, int arg)
{
    if (!lua_getmetatable(L, arg)) return false;
    lua_pop(L, 1);
    return true;
}

/* Refuses `count` rounds over the tables at `a` and `b`, which may be the same. */
static void check_rounds(lua_State *L, const char *what, lua_Unsigned count, int a, int b)
{
    lua_Unsigned most = has_meta(L, a) || has_meta(L, b) ? MOST_THROUGH_META : MOST_MOVED;
    if (count > most)
        luaL_error(L, "%s: %I elements in one call; at most %I", what, (LUAI_UACINT)count,
                   (LUAI_UACINT)most);
    vm_charge(L, count * 8);
}

/* Ends at the first element that is none: there the stock function raises. */
static int bound_concat(lua_State *L)
{
    size_t separator_len;
    if (!lua_istable(L, 1)) return go_on(L);
    luaL_optlstring(L, 2, "", &separator_len);
    lua_Integer first = luaL_optinteger(L, 3, 1);
    lua_Integer last = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
    uint64_t    total = 0;
    if (first > last) return go_on(L);
    lua_settop(L, 4);
    if (has_meta(L, 1))
        check_rounds(L, "table.concat", (lua_Unsigned)last - (lua_Unsigned)first + 1, 1, 1);
    for (lua_Integer i = first;; i++) {
        int type = lua_rawgeti(L, 1, i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER) break;
        total += type == LUA_TSTRING ? lua_rawlen(L, -1) : 1;
        lua_pop(L, 1);
        if (i == last) break;
        total += separator_len;
    }
    lua_settop(L, 4);
    check_room(L, "table.concat", total, total);
    return go_on(L);
}

static int bound_move(lua_State *L)
{
    int to = lua_isnoneornil(L, 5) ? 1 : 5;
    if (lua_istable(L, 1) && lua_istable(L, to)) {
        lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
        if (last >= first)
            check_rounds(L, "table.move", (lua_Unsigned)last - (lua_Unsigned)first + 1, 1, to);
    }
    return go_on(L);
}

/* insert and remove in the middle move all that is behind, up to what the table says its length is.
 */
static int bound_shift(lua_State *L, const char *what)
{
    int         is_number;
    lua_Integer position = lua_tointegerx(L, 2, &is_number);
    if (lua_istable(L, 1) && is_number) {
        lua_Integer len = luaL_len(L, 1);
        if (position >= 1 && position < len)
            check_rounds(L, what, (lua_Unsigned)(len - position), 1, 1);
    }
    return go_on(L);
}

static int bound_insert(lua_State *L)
{
    return lua_gettop(L) == 3 ? bound_shift(L, "table.insert") : go_on(L);
}
static int bound_remove(lua_State *L) { return bound_shift(L, "table.remove"); }

/* An order function in Lua is interrupted by the hook. Without one the work is known before: how
 * many there are, and how long the texts are. */
static int bound_sort(lua_State *L)
{
    if (!lua_istable(L, 1)) return go_on(L);
    if (lua_iscfunction(L, 2))
        return luaL_error(L, "table.sort: the order function should be a Lua function; this one "
                             "cannot be interrupted");
    if (!lua_isnoneornil(L, 2)) return go_on(L);
    lua_Integer count = luaL_len(L, 1);
    uint64_t    bytes = 0, rounds = 1;
    if (count > MOST_SORTED)
        return luaL_error(
            L, "table.sort: %I elements in one call; at most %I without an order function",
            (LUAI_UACINT)count, (LUAI_UACINT)MOST_SORTED);
    for (lua_Integer i = 1; i <= count; i++, lua_pop(L, 1)) {
        int type = lua_rawgeti(L, 1, i);
        if (type == LUA_TNIL && count > 1)
            return luaL_error(L, "table.sort: element %I is nil", (LUAI_UACINT)i);
        if (type == LUA_TSTRING) bytes += lua_rawlen(L, -1);
    }
    for (lua_Integer i = count; i > 1; i /= 2) rounds++;
    if (bytes > MOST_COMPARED / rounds)
        return luaL_error(L, "table.sort: %I bytes in %I texts are too many to compare in one call",
                          (LUAI_UACINT)bytes, (LUAI_UACINT)count);
    vm_charge(L, ((uint64_t)count * 16 + bytes) * rounds);
    return go_on(L);
}

/* -- both -------------------------------------------------------------------------------------- */

static void guard(lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name; functions++) {
        lua_getfield(L, -1, functions->name);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

void bound_string(lua_State *L)
{
    static const luaL_Reg GUARDED[] = {{"rep", bound_rep}, {"format", bound_format}, {NULL, NULL}};
    pattern_install(L);
    guard(L, GUARDED);
}

void bound_table(lua_State *L)
{
    static const luaL_Reg GUARDED[] = {{"concat", bound_concat}, {"insert", bound_insert},
                                       {"move", bound_move},     {"remove", bound_remove},
                                       {"sort", bound_sort},     {NULL, NULL}};
    guard(L, GUARDED);
}
