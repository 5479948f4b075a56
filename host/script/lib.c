/* The base environment of every VM: stock Lua without what reaches outside or spoils others. Built
 * up from an empty table, so that nothing is offered that nobody thought of. */
#include "../base/limits.h"
#include "bounds.h"
#include "lib_guard.h"
#include "task.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char BASE[] = "perigee.base"; /* registry: the shared, read-only globals */
static const char FROZEN[] =
    "perigee.frozen"; /* in a proxy's metatable, which no script can read */

static int sorted_pairs(lua_State *L);

static int refuse_write(lua_State *L)
{
    bool named = lua_type(L, 2) == LUA_TSTRING || lua_type(L, 2) == LUA_TNUMBER;
    return luaL_error(L, "this table is read-only (field '%s')", /* of others: no address */
                      named ? luaL_tolstring(L, 2, NULL) : luaL_typename(L, 2));
}

static int walk_frozen(lua_State *L)
{
    lua_settop(L, 2);
    return lua_next(L, lua_upvalueindex(1)) ? 2 : 0;
}

/* Upvalue 1: the table behind the proxy. */
static int pairs_frozen(lua_State *L)
{
    if (vm_of(L)->kind != VM_HOST) {
        lua_pushcfunction(L, sorted_pairs);
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_call(L, 1, 1);
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, walk_frozen, 1);
    return 1;
}

static int len_frozen(lua_State *L)
{
    lua_pushinteger(L, luaL_len(L, lua_upvalueindex(1)));
    return 1;
}

void lib_freeze(lua_State *L)
{
    luaL_checkstack(L, 6, NULL);
    int source = lua_gettop(L);
    lua_newtable(L);
    lua_createtable(L, 0, 6);
    lua_pushvalue(L, source);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, source);
    lua_pushcclosure(L, pairs_frozen, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushvalue(L, source);
    lua_pushcclosure(L, len_frozen, 1);
    lua_setfield(L, -2, "__len");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, true);
    lua_setfield(L, -2, FROZEN);
    lua_setmetatable(L, -2);
    lua_replace(L, source);
}

bool lib_push_frozen(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index)) return false;
    lua_pushstring(L, FROZEN);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 2);
        return false;
    }
    lua_pushliteral(L, "__index");
    lua_rawget(L, -3);
    lua_replace(L, -3);
    lua_pop(L, 1);
    return true;
}

static int safe_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (lib_push_frozen(L, 1)) return luaL_error(L, "this table is read-only");
    lua_rawset(L, 1);
    return 1;
}

/* A metatable is a plain table: `__mode` may be put there at any time, past every check that a
 * function could make. Weak tables would let a chain see the collector, and chains of weak keys
 * cost it quadratic time in a call that nothing interrupts. Lua looks the field up by the one
 * interned text that it made for its name. That text is overwritten here: "__mode" is then a key
 * like any other, and the name that Lua looks for is one that nobody knows. Must stand before
 * anything else holds the text. Checked by doing: a Lua of another make would be refused. */
static void disarm_weak_tables(lua_State *L)
{
    static bool checked; /* once a process */
    const char *name = lua_pushliteral(L, "__mode");
    if (getentropy((char *)(uintptr_t)name, strlen("__mode")) != 0)
        luaL_error(L, "no random bytes");
    lua_pop(L, 1);
    if (checked) return;
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_newtable(L);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_gc(L, LUA_GCCOLLECT);
    lua_pushnil(L);
    if (!lua_next(L, -2)) luaL_error(L, "weak tables cannot be switched off in this Lua");
    lua_pop(L, 3);
    checked = true;
}

/* __gc would run code at times that nobody chose; set later, neither it nor __mode does anything.
 */
static int safe_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    lua_settop(L, 2);
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "__gc is not available here");
        lua_pushliteral(L, "__mode");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "weak tables are not available here");
        lua_settop(L, 2);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* Text chunks only (bytecode can crash the VM), in the base environment unless one is given. */
static int safe_load(lua_State *L)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    const char *name = luaL_optstring(L, 2, "=(load)");
    bool        has_environment = !lua_isnoneornil(L, 4);
    lua_settop(L, 4);
    if (len > LIMIT_SCRIPT) { /* compiling is one call that nothing interrupts */
        lua_pushnil(L);
        lua_pushfstring(L, "load: a chunk of %I bytes; at most %I", (LUAI_UACINT)len,
                        (LUAI_UACINT)LIMIT_SCRIPT);
        return 2;
    }
    if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_environment)
        lua_pushvalue(L, 4);
    else
        lib_push_environment(L);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    return 1;
}

/* tostring of a table without an address: runs repeat, addresses do not. */
int lib_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_callmeta(L, 1, "__tostring")) {
        if (!lua_isstring(L, -1)) return luaL_error(L, "'__tostring' must return a string");
        return 1;
    }
    switch (lua_type(L, 1)) {
    case LUA_TTABLE:
    case LUA_TFUNCTION:
    case LUA_TTHREAD:
    case LUA_TUSERDATA: lua_pushstring(L, luaL_typename(L, 1)); return 1;
    case LUA_TLIGHTUSERDATA:
        lua_pushstring(L, lua_touserdata(L, 1) ? "userdata" : "null");
        return 1;
    default: luaL_tolstring(L, 1, NULL); return 1;
    }
}

/* Order in which a walk visits keys: integers by value, then strings bytewise. */
static int before(lua_State *L, int a, int b)
{
    bool a_int = lua_isinteger(L, a), b_int = lua_isinteger(L, b);
    if (a_int != b_int) return a_int;
    return lua_compare(L, a, b, LUA_OPLT);
}

/* Lets keys[low + root] sink below what is larger. Stack neutral. */
static void sink(lua_State *L, int keys, lua_Integer low, lua_Integer root, lua_Integer count)
{
    for (lua_Integer child; (child = 2 * root + 1) < count; root = child) {
        lua_rawgeti(L, keys, low + child);
        if (child + 1 < count) {
            lua_rawgeti(L, keys, low + child + 1);
            if (before(L, -2, -1)) {
                lua_remove(L, -2);
                child++;
            } else {
                lua_pop(L, 1);
            }
        }
        lua_rawgeti(L, keys, low + root);
        if (!before(L, -1, -2)) {
            lua_pop(L, 2);
            return;
        }
        lua_rawseti(L, keys, low + child);
        lua_rawseti(L, keys, low + root);
    }
}

/* A heap sort: no order of the keys makes it slow, and nothing of Lua's runs meanwhile. */
void lib_sort(lua_State *L, int keys, lua_Integer low, lua_Integer high)
{
    lua_Integer count = high - low + 1;
    luaL_checkstack(L, 6, "sorting keys");
    for (lua_Integer root = count / 2 - 1; root >= 0; root--) sink(L, keys, low, root, count);
    while (--count > 0) {
        lua_rawgeti(L, keys, low);
        lua_rawgeti(L, keys, low + count);
        lua_rawseti(L, keys, low);
        lua_rawseti(L, keys, low + count);
        sink(L, keys, low, 0, count);
        if (count % 4096 == 0) task_tick(L);
    }
}

/* Upvalues: the table, its sorted keys, the position. */
static int walk_sorted(lua_State *L)
{
    for (;;) {
        lua_Integer at = lua_tointeger(L, lua_upvalueindex(3)) + 1;
        lua_pushinteger(L, at);
        lua_replace(L, lua_upvalueindex(3));
        if (lua_rawgeti(L, lua_upvalueindex(2), at) == LUA_TNIL) return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 2; /* skips what was removed */
        lua_pop(L, 2);
    }
}

/* The same program must do the same on resume, and a prompt must not change with a hash seed. */
static int sorted_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newtable(L);
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2) && lua_type(L, -2) != LUA_TSTRING)
            return luaL_error(L, "pairs: a key of type %s has no order", luaL_typename(L, -2));
        lua_pushvalue(L, -2);
        lua_rawseti(L, 2, ++count);
    }
    lib_sort(L, 2, 1, count);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, walk_sorted, 3);
    return 1;
}

/* next(t, key) in the same order as pairs; linear, since its use here is `next(t) == nil`. */
static int sorted_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool from_start = lua_isnil(L, 2);
    lua_pushnil(L); /* 3: the best key so far */
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        int key = lua_gettop(L) - 1;
        if (!lua_isinteger(L, key) && lua_type(L, key) != LUA_TSTRING)
            return luaL_error(L, "next: a key of type %s has no order", luaL_typename(L, key));
        if ((from_start || before(L, 2, key)) && (lua_isnil(L, 3) || before(L, key, 3)))
            lua_copy(L, key, 3);
    }
    if (lua_isnil(L, 3)) return 1;
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

/* -- building ---------------------------------------------------------------------------------- */

static void copy_functions(lua_State *L, const char *const *names, int from, int to)
{
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, to, *names);
    }
}

typedef void Guard(lua_State *L);

static void add_library(lua_State *L, const char *name, lua_CFunction open,
                        const char *const *without, Guard *guard, int base)
{
    luaL_requiref(L, name, open, 0);
    if (guard) guard(L);
    for (; *without; without++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *without);
    }
    lib_freeze(L);
    lua_setfield(L, base, name);
}

static void protect_string_metatable(lua_State *L, int base)
{
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, base, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

static void open_base(lua_State *L, int base)
{
    static const char *const KEPT[] = {"assert",   "error",  "getmetatable", "ipairs", "pcall",
                                       "rawequal", "rawget", "rawlen",       "select", "tonumber",
                                       "type",     "xpcall", "_VERSION",     NULL};
    static const char *const PLAIN[] = {"pairs", "next", "tostring", "setmetatable", NULL};
    static const luaL_Reg    SAFE[] = {{"load", safe_load}, {"rawset", safe_rawset}, {NULL, NULL}};
    static const luaL_Reg    STRICT[] = {{"pairs", sorted_pairs},
                                         {"next", sorted_next},
                                         {"tostring", lib_tostring},
                                         {"setmetatable", safe_setmetatable},
                                         {NULL, NULL}};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    int stock = lua_gettop(L);
    copy_functions(L, KEPT, stock, base);
    copy_functions(L, PLAIN, stock, base);
    lua_pushvalue(L, base);
    luaL_setfuncs(L, SAFE, 0);
    if (vm_of(L)->kind != VM_HOST) luaL_setfuncs(L, STRICT, 0);
    guard_base(L);
    lua_settop(L, base);
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

/* What `require` gives by name without a file: our JSON, lua-cjson for code that expects it, and
 * the ranking, and what is known of addresses. */
static void open_modules(lua_State *L)
{
    lua_pushcfunction(L, json_open);
    lua_call(L, 0, 1);
    lib_freeze(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "perigee.json");
    lua_pushcfunction(L, cjson_open_bounded);
    lua_call(L, 0, 1);
    lib_freeze(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "perigee.cjson");
    lua_pushcfunction(L, rank_open);
    lua_call(L, 0, 1);
    lib_freeze(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "perigee.rank");
    lua_pushcfunction(L, address_open);
    lua_call(L, 0, 1);
    lib_freeze(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "perigee.address");
}

void lib_open(lua_State *L)
{
    static const char *const NONE[] = {NULL};
    static const char *const BYTECODE[] = {"dump", NULL};
    static const char *const SEED[] = {"randomseed", NULL};
    /* each VM's numbers are others: what is run again would take another way */
    static const char *const CHANCE[] = {"random", "randomseed", NULL};
    bool                     strict = vm_of(L)->kind != VM_HOST;
    if (strict) disarm_weak_tables(L);
    lua_newtable(L);
    int base = lua_gettop(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pop(L, 1);
    add_library(L, "string", luaopen_string, BYTECODE, strict ? guard_string : bound_string, base);
    add_library(L, "table", luaopen_table, NONE, strict ? guard_table : bound_table, base);
    add_library(L, "math", luaopen_math, strict ? CHANCE : SEED, NULL, base);
    add_library(L, "utf8", luaopen_utf8, NONE, NULL, base);
    add_library(L, "coroutine", luaopen_coroutine, NONE, guard_coroutine, base);
    protect_string_metatable(L, base);
    open_modules(L);
    open_base(L, base);
    lua_pushvalue(L, base);
    lua_setfield(L, LUA_REGISTRYINDEX, BASE);
    lua_settop(L, base - 1);
}

void lib_push_environment(lua_State *L)
{
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    lua_createtable(L, 0, 2);
    lua_getfield(L, LUA_REGISTRYINDEX, BASE);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
