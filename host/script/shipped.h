/* shipped.h -- the Lua that comes with the program, compiled when the program was built.
 *
 * Why     Compiling is most of what a start would cost: some 130 files, 20,000 lines. A file of the
 *         distribution that is still what it was at build time needs none of that, nor a hash. One
 *         that somebody edited has another text, and is compiled like any other: nothing has to be
 *         built anew for a change to count.
 *
 *         The code is a part of the program file, made by shipped_gen.c. None is ever read from a
 *         file of its own, in whose place somebody could put another.
 *
 *         It is linked into the program and into nothing else: main.c hands shipped_find to the
 *         engine, so that what tests link does not change with each line of Lua.
 * Use     Shipped same; if (shipped_find(STR("lua/lib/text.lua"), text, &same)) ...
 * Owner   The program: what is found lives as long as the process.
 * Thread  Any.
 */
#ifndef HOST_SCRIPT_SHIPPED_H
#define HOST_SCRIPT_SHIPPED_H

#include "../base/str.h"

typedef struct Shipped {
    Str         text;
    Str         code; /* what lua_dump makes of it; empty where another Lua made it than runs */
    const char *hash; /* SHA-256 of the text, in hex */
} Shipped;

typedef bool ShippedFind(Str path, Str text, Shipped *out);

/* Whether `path` ("tools/read.lua") shipped with just this `text`. */
bool shipped_find(Str path, Str text, Shipped *out);

#endif
