/* Stock functions that could hold the loop, outrun a cancellation or show an address, each behind a
 * guard. What runs Lua code is stopped by the hook (task.c); what loops in C is bounded here. */
#include "lib_guard.h"

#include "bounds.h"
#include "task.h"

#include <string.h>

enum { LENGTH_MOST = 1 << 24 }; /* entries of a table that one C function walks */

/* The stock function, called in this one's own frame, so that it may yield; it has no upvalues
 * itself. */
static int call_stock(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(1))(L); }

/* What stood there before, also when that is a guard itself. */
static int call_inner(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Replaces a field of the table at the top by `guard`, whose upvalue 1 is what stood there. */
static void guard_field(lua_State *L, const char *name, lua_CFunction guard)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, guard, 1);
    lua_setfield(L, -2, name);
}

/* -- coroutines of the script's own ------------------------------------------------------------ */

static int finish_body(lua_State *L, int status, lua_KContext context)
{
    (void)context;
    if (status != LUA_OK && status != LUA_YIELD) return lua_error(L);
    return lua_gettop(L);
}

/* An error that the hook raises leaves the hook switched off until a pcall catches it. Caught here,
 * and raised again, it cannot leave a coroutine whose __close would run unwatched. */
static int body(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return finish_body(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, finish_body), 0);
}

/* create and wrap: upvalue 1 is the stock one. */
static int make_coroutine(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushcclosure(L, body, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Upvalue 1: what stock `wrap` made. Catches no error, and lets no cancellation be caught above. */
static int wrapped(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    int code = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    task_check(L);
    task_tick(L);
    return code == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static int safe_wrap(lua_State *L)
{
    make_coroutine(L);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

/* resume and close catch errors: a cancellation goes on from here. */
static int resume_or_close(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    if (lua_pushthread(co) == 1) {
        lua_pop(co, 1);
        return luaL_error(L, "this coroutine is the host's; only those that the script made can be "
                             "resumed or closed");
    }
    lua_pop(co, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    task_check(L);
    task_tick(L);
    return lua_gettop(L);
}

/* The host's own coroutines wait for ops: nobody else may get hold of one. */
static int safe_running(lua_State *L)
{
    if (!task_of(L)) return call_stock(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_pushboolean(L, true);
    return 2;
}

static int safe_yield(lua_State *L)
{
    if (task_of(L)) return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int safe_isyieldable(lua_State *L)
{
    lua_pushboolean(L, !task_of(L) && lua_isyieldable(L));
    return 1;
}

void guard_coroutine(lua_State *L)
{
    guard_field(L, "create", make_coroutine);
    guard_field(L, "wrap", safe_wrap);
    guard_field(L, "resume", resume_or_close);
    guard_field(L, "close", resume_or_close);
    guard_field(L, "running", safe_running);
    guard_field(L, "yield", safe_yield);
    guard_field(L, "isyieldable", safe_isyieldable);
}

/* -- base -------------------------------------------------------------------------------------- */

/* Upvalue 1: the script's handler. Where the hook raises, it is switched off meanwhile. */
static int guarded_handler(lua_State *L)
{
    if (task_is_stopping(L)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int safe_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    return call_stock(L);
}

void guard_base(lua_State *L) { guard_field(L, "xpcall", safe_xpcall); }

/* -- table ------------------------------------------------------------------------------------- */

/* The length that a script's own __len tells may differ each time it is asked. */
static void check_length(lua_State *L)
{
    if (!lua_istable(L, 1)) return;
    if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL) {
        if (!lua_iscfunction(L, -1))
            luaL_error(L, "this function takes plain tables, not one with a __len of its own");
        lua_pop(L, 1);
    }
    if (luaL_len(L, 1) > LENGTH_MOST) luaL_error(L, "the table is longer than %d", LENGTH_MOST);
}

static int plain_table(lua_State *L)
{
    check_length(L);
    return call_inner(L);
}

void guard_table(lua_State *L)
{
    static const char *const WALKERS[] = {"insert", "remove", "sort", "concat", NULL};
    bound_table(L);
    for (const char *const *name = WALKERS; *name; name++) guard_field(L, *name, plain_table);
}

/* -- string ------------------------------------------------------------------------------------ */

/* %s of a table would show its address, %p shows any. */
static int safe_format(lua_State *L)
{
    size_t      len;
    const char *format = luaL_checklstring(L, 1, &len); /* may hold NUL, and ends in one */
    for (const char *at = format, *end = format + len;
         at < end && (at = memchr(at, '%', (size_t)(end - at))) != NULL;) {
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (*at == 'p')
            return luaL_error(
                L, "format: '%%p' shows an address, and runs repeat but addresses do not");
        at++;
    }
    for (int i = 2, top = lua_gettop(L); i <= top; i++) {
        int kind = lua_type(L, i);
        if (kind < LUA_TTABLE && kind != LUA_TLIGHTUSERDATA) continue;
        lua_pushcfunction(L, lib_tostring);
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        lua_replace(L, i);
    }
    return call_inner(L);
}

void guard_string(lua_State *L)
{
    bound_string(L);
    guard_field(L, "format", safe_format);
}
