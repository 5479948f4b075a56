/* What a script could do to whoever shares its process: each is stopped by name, within its limit,
 * while a script of another run in the same process goes on beside it. */
#include "../../host/base/clock.h"
#include "script_rig.h"

enum { TIMEOUT_MS = 60, WITHIN_MS = 20000 /* far above every limit, below for ever */ };

/* Runs `body` as a tool of the rig's run, beside a script of a child run with a VM of its own,
 * which waits and works in turns until the first has ended. */
static const char *beside(Rig *rig, const char *body, int timeout_ms)
{
    char name[30], text[4000], host[1200];
    snprintf(name, sizeof name, "bomb%zu.lua", rig->file_count);
    snprintf(text, sizeof text,
             "local json = require 'lib.json'\nreturn { run = function(input, call) %s\nend }",
             body);
    rig_file(rig, name, text);
    rig_file(rig, "other.lua",
             "return { run = function(run) local sum = 0\n"
             "  for i = 1, 20 do for k = 1, 1000 do sum = sum + k end run.sleep(1) end\n"
             "  return sum end }");
    snprintf(host, sizeof host,
             "local other = run:child { agent = 'other', task = 'b' }\n"
             "local both = run:all {\n"
             "  bomb = function() local v, err = run:tool({ entry = file '%s', name = 't', "
             "timeout_ms = %d, grant = {} }, {})\n"
             "    return err and (err.code .. ': ' .. err.message) or 'value: ' .. tostring(v) "
             "end,\n"
             "  other = function() return other:script(file 'other.lua', 'run') end }\n"
             "other:close()\n"
             "return both.other, both.bomb",
             name, timeout_ms);
    return rig_eval(rig, host);
}

typedef struct Bomb {
    const char *what, *body;
    const char *want; /* how its message begins, or any of several, between bars */
} Bomb;

static bool begins_with_one_of(const char *text, const char *wants)
{
    while (*wants) {
        size_t len = strcspn(wants, "|");
        if (strncmp(text, wants, len) == 0) return true;
        wants += len + (wants[len] == '|');
    }
    return false;
}

static void run_bombs(const Bomb *bombs, size_t count, int timeout_ms)
{
    static const char OTHER[] = "10010000 | ";
    for (size_t i = 0; i < count; i++) {
        Rig     rig;
        Clock   clock = {0};
        int64_t from = clock_now(&clock);
        rig_open(&rig, REAL_CLOCK);
        const char *shown = beside(&rig, bombs[i].body, timeout_ms);
        bool        unharmed = strncmp(shown, OTHER, sizeof OTHER - 1) == 0;
        const char *said = unharmed ? shown + sizeof OTHER - 1 : shown;
        if (!unharmed || !begins_with_one_of(said, bombs[i].want) ||
            clock_now(&clock) - from > WITHIN_MS) {
            tap_failed = true;
            printf("# %s: %s\n", bombs[i].what, shown);
        }
        rig_close(&rig);
    }
}

#define RUN_BOMBS(timeout_ms, ...)                                                                 \
    static const Bomb bombs[] = {__VA_ARGS__};                                                     \
    run_bombs(bombs, sizeof bombs / sizeof bombs[0], timeout_ms)
#define BOMBS(...)         RUN_BOMBS(TIMEOUT_MS, __VA_ARGS__)
#define PATIENT_BOMBS(...) RUN_BOMBS(WITHIN_MS, __VA_ARGS__)

TEST(loops_without_end)
{
    BOMBS(
        {"while", "while true do end", "timeout|limit"},
        {"goto", "::again:: goto again", "timeout|limit"},
        {"repeat in pcall", "repeat pcall(function() while true do end end) until false",
         "timeout|limit"},
        {"tail calls", "local function f() return f() end return f()", "timeout|limit"},
        {"an iterator", "for _ in function() return 1 end do end", "timeout|limit"},
        {"for to the last integer", "for i = 1, math.maxinteger do end", "timeout|limit"},
        {"a hidden coroutine",
         "local co = coroutine.wrap(function() while true do coroutine.yield() end end) "
         "while true do co() end",
         "timeout|limit"},
        {"coroutines in coroutines",
         "local function deep(n) return coroutine.wrap(function() if n == 0 then while true do end "
         "end deep(n - 1)() end) end while true do pcall(deep(100)) end",
         "timeout|limit"});
}

TEST(recursion_without_end)
{
    BOMBS({"Lua", "local function f() return 1 + f() end f()", "script|limit|timeout"},
          {"gsub's callback", "local function f() return (('a'):gsub('a', f)) end f()",
           "script|limit|timeout"},
          {"a sort's order", "local function f() table.sort({ 2, 1 }, f) return true end f()",
           "script|limit|timeout"},
          {"__tostring",
           "local t = {} setmetatable(t, { __tostring = function() return tostring(t) end "
           "}) tostring(t)",
           "script|limit|timeout"},
          {"__index",
           "local t = setmetatable({}, { __index = function(t, k) return t[k .. ''] end }) "
           "return t.x",
           "script|limit|timeout"},
          {"a chain of __index",
           "local t = {} for i = 1, 3000 do t = setmetatable({}, { __index = t }) end return t.x",
           "script|value: nil"},
          {"__concat",
           "local t t = setmetatable({}, { __concat = function(a, b) return a .. b end }) "
           "return t .. t",
           "script|limit|timeout"},
          {"__eq",
           "local m = {} m.__eq = function(a, b) return a == b end "
           "return setmetatable({}, m) == setmetatable({}, m)",
           "script|limit|timeout"},
          {"__pairs",
           "local t t = setmetatable({}, { __pairs = function(x) return pairs(x) end }) "
           "for _ in pairs(t) do end",
           "script|limit|timeout"},
          {"pcall", "local function f() return pcall(f) end return tostring(f())",
           "script|limit|value"},
          {"load", "local s = ('('):rep(100000) .. '1' return tostring(load('return ' .. s))",
           "value|script"},
          {"a pattern", "return (('x'):rep(300000):match(('('):rep(40) .. 'x'))", "script"},
          {"nested JSON", "return json.decode(('['):rep(1000000))", "value|invalid|limit"},
          {"JSON of itself", "local t = {} t.t = t return json.encode(t)", "script"});
}

TEST(calls_that_would_never_come_back)
{
    BOMBS(
        {"string.rep", "return ('x'):rep(1 << 40)", "limit|script"},
        {"string.rep of a separator", "return (''):rep(1 << 40, 'xy')", "limit|script"},
        {"string.rep past every integer", "return ('xx'):rep(math.maxinteger)", "script|limit"},
        {"a pattern", "return (('a'):rep(40000):find(('a*'):rep(20) .. 'b'))",
         "limit|script|timeout"},
        {"blanks before no end", "return #(((' '):rep(100000) .. 'x'):gsub('%s+$', ''))",
         "value: 100001|limit|script|timeout"},
        {"balance", "return #(('('):rep(1000000):gsub('%b()', ''))", "limit|script|timeout|value"},
        {"table.concat",
         "return table.concat(setmetatable({}, { __len = function() return 1 << 53 "
         "end, __index = function() return 'x' end }))",
         "script"},
        {"table.concat of a range", "return table.concat({}, '', 1, 1 << 53)", "script"},
        {"table.concat of much",
         "local t = {} for i = 1, 200 do t[i] = ('x'):rep(1000000) end "
         "return #table.concat(t)",
         "limit|timeout"},
        {"table.move", "table.move({}, 1, 1 << 53, 2)", "script"},
        {"table.move down", "table.move({}, -(1 << 53), 1, 2)", "script"},
        {"table.unpack", "return table.unpack({}, 1, 1 << 53)", "script"},
        {"table.unpack around", "return table.unpack({}, math.mininteger, math.maxinteger)",
         "script"},
        {"table.insert",
         "local t = {} for i = 61, 0, -1 do t[1 << i] = 1 end "
         "table.insert(t, 1, 0)",
         "script|value"},
        {"table.sort without an order",
         "local t = {} for i = 1, 2000000 do t[i] = i end "
         "table.sort(t)",
         "script|timeout|limit"},
        {"table.sort with none that holds",
         "local t = {} for i = 1, 100000 do t[i] = i end "
         "table.sort(t, function() return true end)",
         "script|timeout|limit"},
        {"select", "return select('#', table.unpack({}, 1, 1e7))", "script"},
        {"string.byte", "return select('#', (('x'):rep(3000000)):byte(1, -1))", "script"},
        {"string.char", "return #string.char(table.unpack({}, 1, 1e7))", "script"},
        {"string.format", "return ('%99999d'):format(1)", "script"},
        {"string.format of widths", "return #(('%99d'):rep(20000)):format(1)", "script"},
        {"a number's text", "return tostring(2^1023) .. ('%.99f'):format(2^1023)",
         "value: 8.98|script"},
        {"utf8.char", "return #utf8.char(table.unpack({}, 1, 1e7))", "script"},
        {"utf8.codepoint", "return select('#', utf8.codepoint(('x'):rep(3000000), 1, -1))",
         "script"},
        {"utf8 over and over", "local s = ('x'):rep(8000000) while true do utf8.len(s) end",
         "timeout|limit"},
        {"utf8.offset", "local s = ('\\x80'):rep(8000000) while true do utf8.offset(s, 2, 1) end",
         "timeout|limit|script"},
        {"reversing", "local s = ('x'):rep(8000000) while true do s = s:reverse():upper() end",
         "timeout|limit"},
        {"comparing",
         "local a, b = ('x'):rep(8000000), ('x'):rep(8000000) .. 'y' "
         "while true do local _ = a < b end",
         "timeout|limit"},
        {"string.pack", "while true do ('!16 s8 s8'):pack(('x'):rep(1000000), 'y') end",
         "timeout|limit|script"},
        {"load of much", "return tostring(load(('x = 1\\n'):rep(1000000)))", "value: nil"},
        {"load over and over", "local s = ('x = 1\\n'):rep(100000) while true do load(s) end",
         "timeout|limit"},
        {"json over and over",
         "local s = '[' .. ('1,'):rep(100000) .. '1]' "
         "while true do json.decode(s) end",
         "timeout|limit"});
}

TEST(memory_without_end)
{
    BOMBS(
        {"a table", "local t = {} while true do t[#t + 1] = {} end", "limit|timeout"},
        {"keys", "local t, i = {}, 0 while true do i = i + 1 t['k' .. i] = i end", "limit|timeout"},
        {"tables in tables", "local t = {} while true do t = { t, {}, {}, {} } end",
         "limit|timeout"},
        {"a text", "local s = 'x' while true do s = s .. s end",
         "limit: the script's memory quota"},
        {"closures",
         "local f = function() end while true do local g = f f = function() return g "
         "end end",
         "limit|timeout"},
        {"coroutines",
         "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
         "limit|timeout"},
        {"suspended ones",
         "local t = {} while true do local co = coroutine.wrap(function() "
         "coroutine.yield(('x'):rep(10000) .. #t) end) co() t[#t + 1] = co end",
         "limit|timeout"},
        {"varargs", "local function f(...) return f(1, ...) end return f()",
         "script|limit|timeout"},
        {"around pcall",
         "local t = {} while true do pcall(function() while true do "
         "t[#t + 1] = ('x'):rep(100000) .. #t end end) end",
         "limit|timeout"},
        {"errors that hold all",
         "local e while true do local _, x = pcall(error, { e, "
         "('x'):rep(1000) .. tostring(e) }) e = x end",
         "limit|timeout"});
}

/* What is refused before it is read takes the time of looking through its text. */
TEST(json_that_would_take_many_times_its_bytes)
{
    PATIENT_BOMBS(
        {"JSON of empty objects",
         "local v, err = json.decode('[' .. ('{},'):rep(5000000) .. '1]') return err.message",
         "value: JSON of 15000003 bytes: its values would take"},
        {"JSON of numbers",
         "local v, err = json.decode('[' .. ('1,'):rep(7000000) .. '1]') return err.message",
         "value: JSON of 14000003 bytes: its values would take"},
        {"JSON of texts",
         "local v, err = json.decode('[' .. ('\"\",'):rep(5000000) .. '1]') return err.message",
         "value: JSON of 15000003 bytes: its values would take"});
}

TEST(what_runs_when_something_ends)
{
    BOMBS({"__close that loops",
           "local x <close> = setmetatable({}, { __close = function() while true "
           "do end end }) return 1",
           "timeout|limit"},
          {"__close that raises for ever",
           "local m m = { __close = function() local x <close> = setmetatable({}, m) error 'no' "
           "end } "
           "local x <close> = setmetatable({}, m)",
           "script|limit|timeout"},
          {"__close in a coroutine that is never resumed",
           "local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = "
           "function() while true do end end }) coroutine.yield() end) coroutine.resume(co) "
           "return 'left'",
           "value: left"},
          {"__gc", "setmetatable({}, { __gc = function() while true do end end })", "script: "},
          {"__gc set later",
           "local m = {} setmetatable({}, m) m.__gc = function() while true do end "
           "end for i = 1, 1e5 do setmetatable({}, m) end",
           "script: "},
          {"an error object that loops",
           "error(setmetatable({}, { __tostring = function() while true do end end }))",
           "script: |limit|timeout"},
          {"an error object of error objects",
           "local e = {} e.code, e.message = setmetatable({}, { __tostring = error }), e error(e)",
           "script: "},
          {"a handler that loops", "xpcall(error, function() while true do end end)",
           "timeout|limit"},
          {"a handler that raises", "return tostring(select(2, xpcall(error, error)))",
           "value|script"},
          {"errors in errors",
           "local function f() local ok, e = xpcall(error, function() return f() "
           "end) return e end f()",
           "script|limit|timeout|value"});
}

TEST(what_is_shared_is_not_theirs)
{
    BOMBS({"a library table", "string.rep = nil", "script: "},
          {"a library table, raw", "rawset(string, 'rep', nil)", "script: "},
          {"the metatable of texts", "getmetatable('').__index = nil", "script: "},
          {"the collector", "collectgarbage('stop')", "script: "},
          {"the clock", "return os.time()", "script: "},
          {"the hook", "debug.sethook()", "script: "},
          {"the host's coroutine", "coroutine.close(coroutine.running())", "script: "},
          {"the arguments",
           "while true do setmetatable(input, { __index = input }) local _ = input.x "
           "end",
           "script: |timeout|limit"});
}

/* Weak tables would show the collector, and cost it quadratic time in a call of its own. */
TEST(no_table_is_weak_however_that_is_tried)
{
    static const char *const SET[] = {
        "m.__mode = 'k'",
        "rawset(m, '__mode', 'k')",
        "local _ENV = m __mode = 'k'",
        "m['__' .. 'mode'] = 'k'",
        "for k, v in pairs(json.decode '{\"__mode\":\"k\"}') do m[k] = v end",
        "setmetatable(m, { __index = {} }) m.__mode = 'k'",
    };
    for (size_t i = 0; i < sizeof SET / sizeof SET[0]; i++) {
        Rig  rig;
        char body[1000];
        rig_open(&rig, REAL_CLOCK);
        snprintf(body, sizeof body,
                 "local json = require 'lib.json'\n"
                 "local m = {} local t = setmetatable({}, m) do %s end\n"
                 "for i = 1, 1000 do t[{}] = i end\n"
                 "for i = 1, 200 do local s = ('x'):rep(500000) .. i end\n" /* many collections */
                 "setmetatable(t, nil) local ok, why = pcall(next, t) return why",
                 SET[i]);
        const char *shown = rig_script(&rig, body);
        if (!strstr(shown, "a key of type table has no order")) {
            tap_failed = true;
            printf("# %s: %s\n", SET[i], shown);
        }
        rig_close(&rig);
    }
}

TEST(a_decision_ends_by_its_instructions_and_the_next_one_is_asked_anew)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK(strstr(rig_decide(&rig, "while true do end"), "instructions") != NULL);
    CHECK_TEXT(rig_decide(&rig, "return 'next'"), "next");
    CHECK(
        strstr(rig_decide(&rig, "local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end"),
               "limit: ") != NULL);
    CHECK_TEXT(rig_decide(&rig, "return 'next'"), "next");
    rig_close(&rig);
}

int main(void) { return rig_run(); }
