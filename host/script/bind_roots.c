/* Paths outside the workspace that one tool was granted, as scripts name them. */
#include "bind.h"

#include "../base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOTS_MAX = 64 };

void bind_check_roots(lua_State *L, int table, const char *what)
{
    if (lua_getfield(L, table, "roots") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_Unsigned count = lua_rawlen(L, -1);
        if (count > ROOTS_MAX) luaL_error(L, "%s: more than %d roots", what, ROOTS_MAX);
        for (lua_Unsigned i = 1; i <= count; i++) {
            if (lua_rawgeti(L, -1, (lua_Integer)i) != LUA_TTABLE)
                luaL_error(L, "%s: roots are tables with path and write", what);
            if (opt_text(L, lua_gettop(L), "path", "")[0] != '/')
                luaL_error(L, "%s: root %d has no absolute path", what, (int)i);
            opt_flag(L, lua_gettop(L), "write");
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

RootGrant *bind_copy_roots(lua_State *L, int table)
{
    lua_getfield(L, table, "roots");
    size_t     count = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
    RootGrant *roots = mem_new((count + 1) * sizeof *roots);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        int root = lua_gettop(L);
        roots[i].path = mem_text(opt_text(L, root, "path", ""));
        roots[i].writes = opt_flag(L, root, "write");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return roots;
}

void bind_free_roots(RootGrant *roots)
{
    for (size_t i = 0; roots && roots[i].path; i++) free((char *)(uintptr_t)roots[i].path);
    free(roots);
}
