/* Compiles the Lua that ships, at build time, for shipped.c: `shipped_gen BYTES FILE...` writes the
 * texts and their code one after the other to BYTES, and prints as C where each of them is.
 *
 * A file that does not compile ends the build, with its line.
 */
#include "../base/buf.h"
#include "../base/hash.h"
#include "../base/limits.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *why)
{
    fprintf(stderr, "shipped_gen: %s: %s\n", what, why);
    exit(1);
}

static void read_text(const char *path, Buf *text)
{
    Err    err;
    size_t got;
    FILE  *file = fopen(path, "rb");
    err_clear(&err);
    if (!file) die(path, strerror(errno));
    do {
        if (buf_reserve(text, 16 * KB, &err) != ST_OK) die(path, err.text);
        got = fread(text->ptr + text->len, 1, 16 * KB, file);
        text->len += got;
    } while (got > 0);
    if (ferror(file)) die(path, "it cannot be read");
    fclose(file);
}

static int take(lua_State *L, const void *bytes, size_t len, void *arg)
{
    Err err;
    (void)L;
    err_clear(&err);
    return buf_append(arg, (Str){bytes, len}, &err) != ST_OK;
}

static void compile(const char *path, const Buf *text, Buf *code)
{
    char       name[600];
    lua_State *L = luaL_newstate();
    if (!L) die(path, "no memory");
    snprintf(name, sizeof name, "@%s", path); /* as in vm.c */
    if (luaL_loadbufferx(L, text->ptr, text->len, name, "t") != LUA_OK)
        die(path, lua_tostring(L, -1));
    if (lua_dump(L, take, code, 0) != 0) die(path, "its code is too long");
    lua_close(L);
}

static size_t put(FILE *out, const Buf *bytes)
{
    size_t at = (size_t)ftell(out);
    if (fwrite(bytes->ptr, 1, bytes->len, out) != bytes->len) die("write", strerror(errno));
    return at;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    if (argc < 3) die("usage", "shipped_gen BYTES FILE...");
    FILE *out = fopen(argv[1], "wb");
    if (!out) die(argv[1], strerror(errno));
    qsort(argv + 2, (size_t)argc - 2, sizeof *argv, by_bytes);
    printf("#define SHIPPED_FILE \"%s\"\n#define SHIPPED_LUA \"%s\"\n", argv[1], lua_ident);
    printf("static const Place PLACES[] = {\n");
    for (int i = 2; i < argc; i++) {
        Buf  text, code;
        char hash[HASH_HEX_SIZE];
        buf_init(&text, LIMIT_SCRIPT);
        buf_init(&code, 2 * LIMIT_SCRIPT);
        read_text(argv[i], &text);
        compile(argv[i], &text, &code);
        hash_hex(buf_str(&text), hash);
        size_t text_at = put(out, &text), code_at = put(out, &code);
        printf("    {\"%s\", \"%s\", %zu, %zu, %zu, %zu},\n", argv[i], hash, text_at, text.len,
               code_at, code.len);
        buf_clear(&text);
        buf_clear(&code);
    }
    printf("};\n");
    if (fclose(out) != 0 || fflush(stdout) != 0) die(argv[1], strerror(errno));
    return 0;
}
