#include "shipped.h"

#include <lua.h>
#include <stdlib.h>
#include <string.h>

typedef struct Place {
    const char *path, *hash;
    size_t      text, text_len, code, code_len; /* in shipped_bytes */
} Place;

/* Made by shipped_gen.c: SHIPPED_LUA, SHIPPED_FILE and PLACES, in the order of their paths. */
#include "shipped_table.h"

extern const char shipped_bytes[];

__asm__(".pushsection .rodata\n"
        ".hidden shipped_bytes\n"
        ".globl shipped_bytes\n"
        "shipped_bytes: .incbin \"" SHIPPED_FILE "\"\n"
        ".popsection\n");

static int compare(const void *key, const void *place)
{
    const Str *path = key;
    Str        other = str_from(((const Place *)place)->path);
    int        order = memcmp(path->ptr, other.ptr, path->len < other.len ? path->len : other.len);
    return order ? order : path->len < other.len ? -1 : path->len > other.len;
}

bool shipped_find(Str path, Str text, Shipped *out)
{
    const Place *place =
        bsearch(&path, PLACES, sizeof PLACES / sizeof PLACES[0], sizeof PLACES[0], compare);
    if (!place) return false;
    *out = (Shipped){.text = {shipped_bytes + place->text, place->text_len}, .hash = place->hash};
    if (!str_equal(text, out->text)) return false;
    /* The header that Lua itself looks at tells 5.4 from 5.3, but not one release of 5.4 from the
     * next. */
    if (strcmp(lua_ident, SHIPPED_LUA) == 0)
        out->code = (Str){shipped_bytes + place->code, place->code_len};
    return true;
}
