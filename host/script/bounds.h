/* bounds.h -- library functions that look at what a call would cost before they begin.
 *
 * Why     A hook comes between instructions; a C function that was asked for 1e9 rounds has none.
 * Use     As each library is opened, before its table is frozen.
 * Errors  What would not fit the VM's quota, or would take too many rounds, raises at once.
 */
#ifndef HOST_SCRIPT_BOUNDS_H
#define HOST_SCRIPT_BOUNDS_H

#include "vm.h"

/* Replace functions of the library at the top: find match gmatch gsub rep format; concat insert
 * move remove sort. The others are linear in what already fits the quota, or bounded by the stack.
 */
void bound_string(lua_State *L);
void bound_table(lua_State *L);

#endif
