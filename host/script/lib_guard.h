/* lib_guard.h -- puts guards before stock functions; each takes the library's table at the top. */
#ifndef HOST_SCRIPT_LIB_GUARD_H
#define HOST_SCRIPT_LIB_GUARD_H

#include "vm.h"

void guard_base(lua_State *L); /* xpcall */
void guard_coroutine(lua_State *L);
void guard_table(lua_State *L);
void guard_string(lua_State *L);

/* require "cjson": encode, decode and null of lua-cjson, bounded. lib_cjson.c */
int cjson_open_bounded(lua_State *L);

/* require "lib.rank"; lib_rank.c */
int rank_open(lua_State *L);

/* require "lib.address"; lib_address.c */
int address_open(lua_State *L);

/* tostring without addresses. lib.c */
int lib_tostring(lua_State *L);

#endif
