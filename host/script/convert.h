/* convert.h -- plain data from one VM to another, by way of bytes.
 *
 *   value   N nil  0 null  T true  F false  I int64  D double  S length bytes
 *           A count value...           array (json.array, or a sequence)
 *           M count (key value)...     table; keys are strings or integers
 *           O keys object              an array of keys and a table: it remembers their order
 *           R length bytes             json.raw text, checked: one value on one line
 *
 * Why     VMs share nothing. Functions, coroutines, userdata and cycles do not cross.
 * Errors  Raised in the VM that gives the value, naming the path: "result.files[3] is a function".
 */
#ifndef HOST_SCRIPT_CONVERT_H
#define HOST_SCRIPT_CONVERT_H

#include "../base/buf.h"

#include <lua.h>

/* Appends `count` values from stack index `first` on; `what` names them in errors ("result").
 * Raises beyond LIMIT_DEPTH levels or the Buf's limit; the Buf then holds a part and is to be
 * cleared. */
void convert_write(lua_State *L, int first, int count, const char *what, Buf *out);

/* Pushes the values in `bytes`, which convert_write made; returns their count. Raises on memory
 * only. */
int convert_read(lua_State *L, Str bytes);

/* -- the kinds of table that JSON needs, shared with json.c ------------------------------------ */
extern const char CONVERT_ARRAY[]; /* name of the metatable of arrays, in the registry */
extern const char CONVERT_RAW[];   /* of json.raw: { text } */

/* Whether the table at `index` is written as an array. */
bool convert_is_array(lua_State *L, int index);

/* Pushes the list of keys of an object that remembers its order (true), or nothing. */
bool convert_push_order(lua_State *L, int index);

/* Whether the text at `index` is one JSON value without line ends: what stands in the journal as it
 * is must not close the object around it, nor begin a line of --events. json.c */
bool json_is_line(lua_State *L, int index);

/* Makes the table at the top remember the order of the keys in the list below it; pops the list. */
void convert_set_order(lua_State *L);

#endif
