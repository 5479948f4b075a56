/* group.h -- several functions side by side: run.all and run.race.
 *
 * Why     Parallel work is more coroutines of the script's own VM; they switch only where they
 * wait, so scripts need no locks. Use     In Lua: results, err, partial = all { a = function() ...
 * end, ... } value, key = race { a = function() ... end, ... } A function fails when it raises, or
 * returns nil and an error. The first failure in `all` cancels the others; what had finished is the
 * third result. The first success in `race` cancels the others; when all fail, the last failure is
 * the result.
 */
#ifndef HOST_SCRIPT_GROUP_H
#define HOST_SCRIPT_GROUP_H

#include "../run/run.h"

#include <lua.h>

int group_all(lua_State *L); /* the table of functions is the last argument */
int group_race(lua_State *L);

/* The function at the top of the stack as a task of its own that belongs to `run`: cancelling the
 * run ends it and leaves the caller to go on. Answers its value, or nil and an error. */
int group_scope(lua_State *L, Run *run);

#endif
