/* What ships comes compiled, as long as its text is that of the build. */
#include "../../host/script/shipped.c"

#include "../../host/base/limits.h"
#include "../../host/base/mem.h"
#include "script_rig.h"

#include <lauxlib.h>

static const char PATH[] = "lua/lib/text.lua";

static char *text_of(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (!file) exit(1);
    char *text = mem_new(LIMIT_SCRIPT);
    *len = fread(text, 1, LIMIT_SCRIPT - 1, file);
    fclose(file);
    return text;
}

TEST(what_ships_is_found_with_its_code_and_its_hash)
{
    Shipped found;
    size_t  len;
    char   *text = text_of(PATH, &len), hash[HASH_HEX_SIZE];
    CHECK(shipped_find(STR(PATH), (Str){text, len}, &found));
    CHECK(str_equal(found.text, (Str){text, len}));
    hash_hex(found.text, hash);
    CHECK_TEXT(found.hash, hash);

    lua_State *L = luaL_newstate();
    CHECK_INT(luaL_loadbufferx(L, found.code.ptr, found.code.len, "elsewhere", "b"), LUA_OK);
    lua_Debug info;
    CHECK_INT(lua_getinfo(L, ">S", &info), 1);
    CHECK_TEXT(info.source, "@lua/lib/text.lua");
    lua_close(L);
    free(text);
}

TEST(a_file_that_was_edited_is_not_what_shipped)
{
    Shipped found;
    size_t  len;
    char   *text = text_of(PATH, &len);
    text[len - 2] ^= 1;
    CHECK(!shipped_find(STR(PATH), (Str){text, len}, &found));
    text[len - 2] ^= 1;
    CHECK(!shipped_find(STR(PATH), (Str){text, len - 1}, &found));
    CHECK(!shipped_find(STR("lua/lib/other.lua"), (Str){text, len}, &found));
    CHECK(!shipped_find(STR("lua/lib/text.lu"), (Str){text, len}, &found));
    CHECK(!shipped_find(STR(""), (Str){text, len}, &found));
    free(text);
}

/* -- how the engine takes it ------------------------------------------------------------------- */

static const char SHIPS[] = "return { run = function() return 'its text' end }";
static Buf        code;

static int keep(lua_State *L, const void *bytes, size_t len, void *arg)
{
    Err err;
    (void)L;
    err_clear(&err);
    return buf_append(arg, (Str){bytes, len}, &err) != ST_OK;
}

/* Has other code for the text SHIPS than would be compiled of it. */
static bool find_other(Str path, Str text, Shipped *out)
{
    if (!str_ends(path, STR("ships.lua")) || !str_is(text, SHIPS)) return false;
    *out = (Shipped){.text = STR(SHIPS), .code = buf_str(&code), .hash = "the hash that ships"};
    return true;
}

static void compile_other(void)
{
    lua_State *L = luaL_newstate();
    buf_init(&code, 10000);
    CHECK_INT(luaL_loadstring(L, "return { run = function() return 'its code' end }"), LUA_OK);
    CHECK_INT(lua_dump(L, keep, &code, 0), 0);
    lua_close(L);
}

TEST(code_that_ships_is_run_in_place_of_the_text_and_only_for_it)
{
    Rig rig;
    compile_other();
    rig_open(&rig, REAL_CLOCK);
    rig.engine->shipped = find_other;
    rig_file(&rig, "ships.lua", SHIPS);
    CHECK_TEXT(rig_eval(&rig, "return run:script(file 'ships.lua', 'run')"), "its code");
    CHECK_TEXT(rig_eval(&rig, "return run:sources()[file 'ships.lua']"), "the hash that ships");
    rig_close(&rig);

    rig_open(&rig, REAL_CLOCK);
    rig.engine->shipped = find_other;
    rig_file(&rig, "ships.lua", "return { run = function() return 'an edited text' end }");
    CHECK_TEXT(rig_eval(&rig, "return run:script(file 'ships.lua', 'run')"), "an edited text");
    rig_close(&rig);
    buf_clear(&code);
}

int main(void) { return rig_run(); }
