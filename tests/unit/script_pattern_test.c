/* The counting pattern functions against stock Lua's, in one state: the same values or the same
 * error for generated calls; and what stock would chew on for minutes ends at its budget. */
#include "../../host/base/limits.h"
#include "../../host/script/bounds.h"
#include "../../host/script/task.h"
#include "tap.h"

#include <stdint.h>

typedef struct Bench {
    Vm         vm; /* as far as the functions look at it: quota and work */
    lua_State *L;
    int        stock, ours; /* indices of the two library tables */
} Bench;

static void bench_open(Bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->vm.kind = VM_RUN;
    bench->vm.outside_began = INT64_MAX / 2; /* no call takes too long */
    bench->vm.quota = 64 * MB;
    bench->L = luaL_newstate();
    *(Vm **)lua_getextraspace(bench->L) = &bench->vm;
    luaL_checkstack(bench->L, 500, NULL);
    luaopen_base(bench->L);
    lua_settop(bench->L, 0);
    luaopen_string(bench->L);
    bench->stock = lua_gettop(bench->L);
    luaopen_string(bench->L);
    bench->ours = lua_gettop(bench->L);
    bound_string(bench->L);
}

static void bench_close(Bench *bench) { lua_close(bench->L); }

/* -- generated calls --------------------------------------------------------------------------- */

typedef struct Random {
    uint64_t state;
} Random;

static unsigned below(Random *random, unsigned bound)
{
    random->state = random->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random->state >> 33) % bound;
}

typedef struct Text {
    char   bytes[400];
    size_t len;
} Text;

static void add(Text *text, const char *bytes, size_t len)
{
    if (text->len + len > sizeof text->bytes) return;
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

static void add_one_of(Text *text, Random *random, const char *const *parts, unsigned count)
{
    const char *part = parts[below(random, count)];
    add(text, part, strlen(part));
}

#define ONE_OF(text, random, parts) add_one_of(text, random, parts, sizeof(parts) / sizeof *(parts))

static void make_subject(Text *text, Random *random)
{
    static const char LETTERS[] = "aaaabbbcA1_ ()[]%-.^$\0\xe9\n";
    text->len = 0;
    for (unsigned count = below(random, 14); count > 0; count--)
        add(text, &LETTERS[below(random, sizeof LETTERS - 1)], 1);
}

static void make_set(Text *text, Random *random)
{
    static const char *const MEMBERS[] = {"a",   "b",  "c",   "a-c",  "-",  "]",   "^", "%a",
                                          "%]",  "%-", "0-9", "%d",   "%S", "A-%", "%", "--",
                                          "c-a", "[",  "a-",  "%a-z", ".",  "$"};
    add(text, "[^", 1 + (below(random, 4) == 0));
    for (unsigned count = below(random, 4); count > 0; count--) ONE_OF(text, random, MEMBERS);
    if (below(random, 200) == 0) add(text, "\0", 1);
    if (below(random, 40) != 0) add(text, "]", 1);
}

static void make_item(Text *text, Random *random)
{
    static const char *const SINGLE[] = {"a",  "a",  "b",  "b",  "c",  "A",  ".",  ".",  "%a", "%A",
                                         "%w", "%s", "%S", "1",  "%d", "%p", "%u", "%l", "%x", "%g",
                                         "%c", "%W", "%.", "%%", "%z", "%Z", "_",  "-",  "]",  "$",
                                         "^",  "%q", "%P", "%D", "%U", "%L", "%X", "%G", "%C"};
    static const char *const SUFFIX[] = {"", "", "", "", "*", "+", "-", "?", "*", "**"};
    static const char *const SPECIAL[] = {
        "(", "(",  ")",  ")",    "()",   "%1",   "%2",      "%bab",   "%b()", "%f[%a]",
        "$", "^",  "%0", "%f",   "%b",   "%ba",  "%f[^a]",  "%f[%z]", "%9",   "(a)",
        "%", "[]", "(.", "(.-)", "(a*)", "(b?)", "%f[%w]*", "%bxx",   "%1*",  "(%1)"};
    unsigned kind = below(random, 20);
    if (kind < 13) {
        ONE_OF(text, random, SINGLE);
        ONE_OF(text, random, SUFFIX);
    } else if (kind < 15) {
        make_set(text, random);
        ONE_OF(text, random, SUFFIX);
    } else if (kind == 15 && below(random, 20) == 0) {
        add(text, "\0", 1);
    } else {
        ONE_OF(text, random, SPECIAL);
    }
}

static void make_pattern(Text *text, Random *random)
{
    text->len = 0;
    if (below(random, 8) == 0) add(text, "^", 1);
    for (unsigned count = below(random, 7); count > 0; count--) make_item(text, random);
    if (below(random, 10) == 0) add(text, "$", 1);
}

/* What gsub puts in: a text, a table, or one of three functions. */
static void push_replacement(Bench *bench, Random *random)
{
    static const char *const TEXTS[] = {"",   "x", "%0", "<%0>",    "%1", "%2%1",
                                        "%%", "%", "%x", "[%1|%2]", "%9", "a%0%"};
    static const char *const CODE[] = {
        "return { a = 'A', ab = 7, b = false, [''] = '-', [1] = 'one' }",
        "return function(...) return (...) end",
        "return function(a, b) return b and a .. ':' .. b end",
        "return function(a) if a == 'b' then return {} end return nil end"};
    lua_State *L = bench->L;
    unsigned   kind = below(random, 16);
    if (kind < 11) {
        lua_pushstring(L, TEXTS[below(random, sizeof TEXTS / sizeof *TEXTS)]);
    } else if (kind == 11) {
        lua_pushinteger(L, 42);
    } else {
        if (luaL_loadstring(L, CODE[kind - 12]) != LUA_OK) abort();
        lua_call(L, 0, 1);
    }
}

static void push_some_init(lua_State *L, Random *random)
{
    if (below(random, 3) != 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)below(random, 40) - 20);
}

/* Calls the function `name` of a library with copies of the `argc` values from `args` on. gmatch's
 * iterator is run to its end. Leaves the outcome as a list. */
static void push_outcome(lua_State *L, int library, const char *name, int args, int argc)
{
    lua_newtable(L);
    int list = lua_gettop(L), count = 0;
    lua_getfield(L, library, name);
    for (int i = 0; i < argc; i++) lua_pushvalue(L, args + i);
    bool failed = lua_pcall(L, argc, LUA_MULTRET, 0) != LUA_OK;
    lua_pushboolean(L, failed);
    lua_rawseti(L, list, ++count);
    if (!failed && strcmp(name, "gmatch") == 0) {
        for (int rounds = 0; rounds < 40 && !failed; rounds++) {
            lua_settop(L, list + 1);
            lua_pushvalue(L, -1);
            failed = lua_pcall(L, 0, LUA_MULTRET, 0) != LUA_OK;
            int results = lua_gettop(L) - list - 1;
            if (results == 0) break;
            for (int i = 0; i < results; i++) {
                lua_pushvalue(L, list + 2 + i);
                lua_rawseti(L, list, ++count);
            }
            lua_pushliteral(L, "next");
            lua_rawseti(L, list, ++count);
        }
        lua_settop(L, list);
        return;
    }
    for (int at = list + 1, last = lua_gettop(L); at <= last; at++) {
        lua_pushvalue(L, at);
        lua_rawseti(L, list, ++count);
    }
    lua_settop(L, list);
}

static bool lists_equal(lua_State *L, int a, int b)
{
    lua_Unsigned count = lua_rawlen(L, a);
    if (count != lua_rawlen(L, b)) return false;
    for (lua_Integer i = 1; i <= (lua_Integer)count; i++) {
        int type = lua_rawgeti(L, a, i);
        lua_rawgeti(L, b, i);
        bool equal = lua_rawequal(L, -1, -2) || (type == LUA_TTABLE && lua_istable(L, -1));
        lua_pop(L, 2);
        if (!equal) return false;
    }
    return true;
}

static void show_list(lua_State *L, const char *who, int list)
{
    printf("#   %s:", who);
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, list); i++) {
        lua_rawgeti(L, list, i);
        printf(" {%s}", luaL_tolstring(L, -1, NULL));
        lua_pop(L, 2);
    }
    printf("\n");
}

/* Compares one call whose arguments stand from `args` on; shows what differs. */
static bool same(Bench *bench, const char *name, int args)
{
    lua_State *L = bench->L;
    int        argc = lua_gettop(L) - args + 1;
    push_outcome(L, bench->stock, name, args, argc);
    push_outcome(L, bench->ours, name, args, argc);
    bool equal = lists_equal(L, lua_gettop(L) - 1, lua_gettop(L));
    if (!equal) {
        printf("# %s('%s', '%s')\n", name, lua_tostring(L, args), lua_tostring(L, args + 1));
        show_list(L, "stock", lua_gettop(L) - 1);
        show_list(L, "ours", lua_gettop(L));
    }
    lua_settop(L, args - 1);
    return equal;
}

static bool compare_generated(Bench *bench, Random *random)
{
    static const char *const NAMES[] = {"find", "match", "gmatch", "gsub"};
    lua_State               *L = bench->L;
    int                      args = lua_gettop(L) + 1;
    const char              *name = NAMES[below(random, 4)];
    Text                     subject, pattern;
    make_subject(&subject, random);
    make_pattern(&pattern, random);
    lua_pushlstring(L, subject.bytes, subject.len);
    lua_pushlstring(L, pattern.bytes, pattern.len);
    if (strcmp(name, "gsub") == 0) push_replacement(bench, random);
    push_some_init(L, random);
    if (strcmp(name, "find") == 0) lua_pushboolean(L, below(random, 6) == 0);
    return same(bench, name, args);
}

TEST(generated_calls_answer_what_stock_Lua_answers)
{
    Bench    bench;
    Random   random = {20240229};
    unsigned different = 0;
    bench_open(&bench);
    for (int i = 0; i < 300000 && different < 10; i++)
        different += !compare_generated(&bench, &random);
    CHECK_INT(different, 0);
    bench_close(&bench);
}

/* -- chosen calls ------------------------------------------------------------------------------ */

static bool same_call(Bench *bench, const char *name, const char *subject, const char *pattern)
{
    int args = lua_gettop(bench->L) + 1;
    lua_pushstring(bench->L, subject);
    lua_pushstring(bench->L, pattern);
    if (strcmp(name, "gsub") == 0) lua_pushliteral(bench->L, "<%0>");
    return same(bench, name, args);
}

/* `count` times `part`, on the stack. */
static const char *repeated(lua_State *L, const char *part, int count)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    while (count-- > 0) luaL_addstring(&buffer, part);
    luaL_pushresult(&buffer);
    return lua_tostring(L, -1);
}

TEST(every_byte_is_in_the_classes_that_stock_Lua_puts_it_in)
{
    Bench bench;
    char  all[256], pattern[] = "[%a]";
    bench_open(&bench);
    for (int c = 0; c < 256; c++) all[c] = (char)c;
    for (int class = 1; class < 128; class ++) {
        pattern[2] = (char)class;
        for (int form = 0; form < 2; form++) {
            int args = lua_gettop(bench.L) + 1;
            lua_pushlstring(bench.L, all, sizeof all);
            lua_pushlstring(bench.L, form ? pattern : pattern + 1, form ? 4 : 2);
            lua_pushliteral(bench.L, "");
            CHECK(same(&bench, "gsub", args));
        }
    }
    bench_close(&bench);
}

TEST(a_set_answers_the_same_after_it_was_read_for_all_bytes)
{
    static const char *const SETS[] = {"[^%w%-_%.~]", "[]a-c]", "[^]]",    "[%a-z]",
                                       "[a-]",        "[^%S]+", "[%]%[-]", "[z-a]"};
    Bench                    bench;
    bench_open(&bench);
    const char *subject = repeated(bench.L, "az-] [b_%20~.\t\xff", 100);
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++)
        CHECK(same_call(&bench, "gsub", subject, SETS[i]));
    CHECK(same_call(&bench, "find", subject,
                    "[a][z][-][]][ ][[][b][_][%%][2][0]")); /* more than are kept */
    bench_close(&bench);
}

TEST(captures_and_levels_end_where_stock_Lua_ends_them)
{
    Bench bench;
    bench_open(&bench);
    lua_State *L = bench.L;
    CHECK(same_call(&bench, "find", "aaa", repeated(L, "()", 32)));
    CHECK(same_call(&bench, "find", "aaa", repeated(L, "()", 33)));
    for (int levels = 195; levels <= 205; levels++) {
        CHECK(same_call(&bench, "find", "aaa", repeated(L, "a?", levels)));
        CHECK(same_call(&bench, "match", "aaa", repeated(L, "a-", levels)));
        CHECK(same_call(&bench, "gsub", "aaa", repeated(L, "a*", levels)));
        lua_settop(L, bench.ours);
    }
    bench_close(&bench);
}

/* Calls ours; the error's text, or "" when there was none. */
static const char *error_of(Bench *bench, const char *name, const char *subject,
                            const char *pattern)
{
    lua_State *L = bench->L;
    lua_getfield(L, bench->ours, name);
    lua_pushstring(L, subject);
    lua_pushstring(L, pattern);
    lua_pushliteral(L, "");
    int argc = strcmp(name, "gsub") == 0 ? 3 : 2;
    lua_pop(L, 3 - argc);
    bench->vm.work = 0; /* the hook came since */
    return lua_pcall(L, argc, 0, 0) == LUA_OK ? "" : lua_tostring(L, -1);
}

TEST(what_takes_too_many_steps_ends_with_an_error_that_names_the_pattern)
{
    Bench bench;
    bench_open(&bench);
    lua_State  *L = bench.L;
    const char *many = repeated(L, "a", 100000), *blanks = repeated(L, " ", 99999);
    const char *start = "pattern took more than 20800000 steps: '";
    CHECK(strstr(error_of(&bench, "find", many, ".-b"), start));
    CHECK(strstr(error_of(&bench, "find", many, ".-b"), "'.-b'"));
    CHECK(strstr(error_of(&bench, "match", many, "(a*)*(a*)*(a*)(a*)b"), start));
    CHECK(strstr(error_of(&bench, "match", many, "^.-.-.-.-x"), start));
    CHECK(strstr(error_of(&bench, "find", many, "%bab"), start));
    lua_pushfstring(L, "%sx", blanks);
    CHECK(strstr(error_of(&bench, "gsub", lua_tostring(L, -1), "%s+$"), start));
    const char *named = error_of(&bench, "find", many, repeated(L, ".-", 100));
    CHECK_TEXT(named, "");
    lua_pushfstring(L, "%sx", repeated(L, "a-", 100));
    named = error_of(&bench, "find", many, lua_tostring(L, -1));
    const char *quote = strchr(named, '\'');
    CHECK(quote && strcspn(quote + 1, "'") == 60);
    bench_close(&bench);
}

TEST(a_long_pattern_is_work_too)
{
    Bench bench;
    bench_open(&bench);
    lua_State *L = bench.L;
    lua_pushfstring(L, "[%s]", repeated(L, "b", 100000));
    const char *set = lua_tostring(L, -1);
    luaL_gsub(L, "S*S*S*S*S*S*S*S*S*S*c", "S", "[bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbba]");
    const char *sets = lua_tostring(L, -1);
    const char *many = repeated(L, "a", 100000);
    CHECK(strstr(error_of(&bench, "find", many, set), "steps: '[bbb"));
    CHECK(strstr(error_of(&bench, "find", many, sets), "steps: '[bbb"));
    lua_pushfstring(L, "^(%s)%%1%%1$", many);
    CHECK_TEXT(error_of(&bench, "find", many, lua_tostring(L, -1)), "");
    bench_close(&bench);
}

TEST(linear_work_on_16_MB_passes)
{
    Bench bench;
    bench_open(&bench);
    lua_State  *L = bench.L;
    const char *text = repeated(L, "a word, 12 more; ", (int)(16 * MB / 17));
    CHECK_TEXT(error_of(&bench, "gsub", text, "%w+"), "");
    CHECK_TEXT(error_of(&bench, "gsub", text, "[^%w%-_%.~!,;:'abcdefghijklmnopqrstuvwxyz]"), "");
    CHECK_TEXT(error_of(&bench, "find", text, "^.-(%d+)[^x]*$"), "");
    CHECK_TEXT(error_of(&bench, "match", text, "nowhere%s*:"), "");
    CHECK_TEXT(error_of(&bench, "gsub", text, "%f[%w]%w+%s*(%d*)"), "");
    bench_close(&bench);
}

TEST(calls_inside_one_call_share_what_is_left)
{
    static const char CODE[] = "local gsub, find, text = ...\n"
                               "local errors = {}\n"
                               "gsub(text, '(%S*) ', function(s)\n"
                               "  local ok, err = pcall(find, s, '.-.-b')\n"
                               "  errors[#errors + 1] = err\n"
                               "end)\n"
                               "return #errors, errors[#errors]";
    Bench             bench;
    bench_open(&bench);
    lua_State *L = bench.L;
    if (luaL_loadstring(L, CODE) != LUA_OK) abort();
    lua_getfield(L, bench.ours, "gsub");
    lua_getfield(L, bench.ours, "find");
    lua_pushfstring(L, "%s ", repeated(L, "a", 4000));
    repeated(L, lua_tostring(L, -1), 40);
    lua_replace(L, -3);
    lua_settop(L, -2);
    CHECK_INT(lua_pcall(L, 3, 2, 0),
              LUA_OK); /* no hook here: as if no instruction came in between */
    CHECK_INT(lua_tointeger(L, -2), 40);
    const char *last = lua_tostring(L, -1);
    CHECK(last && strstr(last, "pattern: no steps are left for '.-.-b'"));
    CHECK(bench.vm.work < 310000000);
    bench_close(&bench);
}

TEST(after_an_expensive_call_the_hook_comes_soon_and_once)
{
    static const char CODE[] = "local find, text = ...\n"
                               "pcall(find, text, '.-b')\n"
                               "local sum = 0\n"
                               "for i = 1, 10 do sum = sum + i end\n"
                               "return sum";
    Bench             bench;
    bench_open(&bench);
    Task       task = {.vm = &bench.vm, .slice_began = clock_now(&(Clock){0})};
    lua_State *L = bench.L;
    bench.vm.current = &task;
    task_watch(L);
    int pace = lua_gethookcount(L);
    if (luaL_loadstring(L, CODE) != LUA_OK) abort();
    lua_getfield(L, bench.ours, "find");
    repeated(L, "a", 100000);
    CHECK_INT(lua_pcall(L, 2, 1, 0), LUA_OK);
    CHECK_INT(lua_tointeger(L, -1), 55);
    CHECK_INT(bench.vm.work, 0);
    CHECK_INT(lua_gethookcount(L), pace);
    bench_close(&bench);
}

TEST(the_host_vm_has_no_hook_and_each_call_its_own_budget)
{
    static const char CODE[] = "local find, text = ...\n"
                               "local last\n"
                               "for _ = 1, 20 do _, last = pcall(find, text, '.-.-b') end\n"
                               "return last";
    Bench             bench;
    bench_open(&bench);
    bench.vm.kind = VM_HOST;
    lua_State *L = bench.L;
    task_watch(L);
    CHECK(lua_gethook(L) == NULL);
    if (luaL_loadstring(L, CODE) != LUA_OK) abort();
    lua_getfield(L, bench.ours, "find");
    repeated(L, "a", 4000);
    CHECK_INT(lua_pcall(L, 2, 1, 0), LUA_OK);
    CHECK(strstr(lua_tostring(L, -1), "pattern took more than") != NULL);
    bench_close(&bench);
}

int main(void) { return tap_run(); }
