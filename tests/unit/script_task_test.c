/* Tasks: stopping what does not end, and cancellation that cannot be outrun. */
#include "script_rig.h"

static bool holds(const char *text, const char *part) { return strstr(text, part) != NULL; }

#define CHECK_HOLDS(got, part)                                                                     \
    do {                                                                                           \
        const char *text_ = (got);                                                                 \
        if (!holds(text_, part)) {                                                                 \
            tap_failed = true;                                                                     \
            printf("# %s:%d: \"%s\" does not contain \"%s\"\n", __FILE__, __LINE__, text_, part);  \
        }                                                                                          \
    } while (0)

static const char *run_tool(Rig *rig, const char *body, int timeout_ms)
{
    char name[30], text[4000], host[300];
    snprintf(name, sizeof name, "tool%zu.lua", rig->file_count);
    snprintf(text, sizeof text, "return { run = function(input, call) %s\nend }", body);
    rig_file(rig, name, text);
    snprintf(host, sizeof host,
             "return run:tool({ entry = file '%s', name = 't', timeout_ms = %d, grant = {} }, {})",
             name, timeout_ms);
    return rig_eval(rig, host);
}

TEST(an_endless_loop_in_a_tool_is_stopped_at_its_timeout)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK_TEXT(run_tool(&rig, "while true do end", 30),
               "nil | timeout: tool t: no result within 0.0 s");
    CHECK_TEXT(run_tool(&rig, "return 'next'", 1000), "next");
    rig_close(&rig);
}

TEST(other_work_goes_on_beside_an_endless_loop)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "loop.lua", "return { run = function() while true do end end }");
    rig_file(
        &rig, "count.lua",
        "return { run = function(n) local s = 0 for i = 1, 100000 do s = s + i end return s end }");
    CHECK_TEXT(
        rig_eval(
            &rig,
            "local counted = 0\n"
            "local _, key = run:race {\n"
            "  loop = function() return run:tool({ entry = file 'loop.lua', name = 'loop', "
            "timeout_ms = 60000, grant = {} }, {}) end,\n"
            "  work = function()\n"
            "    for i = 1, 20 do counted = counted + run:decide(file 'count.lua', 'run', i) end\n"
            "    run:sleep(5)\n"
            "    return true\n"
            "  end,\n"
            "}\n"
            "return counted, key"),
        "100001000000 | work");
    rig_close(&rig);
}

/* Each of these caught its cancellation, or had it raised where nothing looked, and held the
 * process for ever. */
TEST(cancellation_cannot_be_swallowed)
{
    static const char *const BODIES[] = {
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function(e) return e end) end",
        "xpcall(function() while true do end end, function() while true do end end) while true do "
        "end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "local function nest(n) while true do coroutine.resume(coroutine.create(function()"
        "  if n == 0 then while true do end end nest(n - 1) end)) end end nest(6)",
        "while true do pcall(table.sort, { 3, 2, 1 }, function() while true do end end) end",
        "local x <close> = setmetatable({}, { __close = function() while true do end end }) while "
        "true do end",
        "local co = coroutine.create(function() local x <close> = setmetatable({},"
        "  { __close = function() while true do end end }) while true do end end)"
        "while true do coroutine.resume(co) coroutine.close(co) end",
        "local ok = pcall(function() while true do end end) return 'finished all the same'",
    };
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        Rig rig;
        rig_open(&rig, REAL_CLOCK);
        const char *shown = run_tool(&rig, BODIES[i], 20);
        if (!holds(shown, "nil | timeout") && !holds(shown, "nil | limit")) {
            tap_failed = true;
            printf("# %s gave %s\n", BODIES[i], shown);
        }
        rig_close(&rig);
    }
}

TEST(a_script_that_catches_its_cancellation_at_a_wait_is_told_again_at_the_next)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    rig_file(&rig, "wait.lua",
             "return { run = function(run) for i = 1, 3 do pcall(run.sleep, 1000) end return "
             "'outrun' end }");
    CHECK_TEXT(rig_eval(&rig, "local value, key = run:race {\n"
                              "  slow = function() return run:script(file 'wait.lua', 'run') end,\n"
                              "  fast = function() run:sleep(10) return 'won' end }\n"
                              "return value, key"),
               "won | fast");
    CHECK_INT(loop_now(rig.engine->loop), 10);
    rig_close(&rig);
}

TEST(a_tool_that_returns_after_its_timeout_has_timed_out)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK_HOLDS(run_tool(&rig, "pcall(function() while true do end end)", 10), "nil | timeout");
    rig_close(&rig);
}

TEST(what_is_to_be_closed_is_closed_on_cancellation_and_may_wait_on_an_error)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_script(&rig, "local seen = {}\n"
                                "pcall(function()\n"
                                "  local x <close> = setmetatable({}, { __close = function() "
                                "run.sleep(5) seen[1] = 'closed' end })\n"
                                "  error 'oops'\n"
                                "end)\n"
                                "return seen[1]"),
               "closed");
    CHECK_HOLDS(rig_script(&rig, "local x <close> = setmetatable({}, { __close = function() "
                                 "run.sleep(5) end }) error 'oops'"),
                "oops");
    CHECK_INT(loop_now(rig.engine->loop), 10);
    rig_close(&rig);
}

TEST(memory_beyond_the_quota_ends_that_task_only)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK_HOLDS(
        run_tool(&rig, "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end", 0),
        "nil | limit: ");
    CHECK_HOLDS(run_tool(&rig, "return ('x'):rep(100 * 1024 * 1024)", 0),
                "nil | limit: string.rep: a result of");
    CHECK_TEXT(run_tool(&rig, "local s = 'x' while true do s = s .. s end", 0),
               "nil | limit: the script's memory quota of 64 MB is used up");
    CHECK_TEXT(run_tool(&rig, "return 'fine'", 0), "fine");
    rig_close(&rig);
}

TEST(recursion_without_end_is_an_error_of_the_script)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK_HOLDS(run_tool(&rig, "local function f() return 1 + f() end return f()", 0), "nil | ");
    CHECK_HOLDS(run_tool(&rig, "local function f() return pcall(f) end return tostring(f())", 0),
                "true");
    CHECK_HOLDS(run_tool(&rig, "return ('x'):rep(200, '('):gsub('x', '(')", 0), "(");
    CHECK_TEXT(run_tool(&rig, "return 'fine'", 0), "fine");
    rig_close(&rig);
}

TEST(waiting_where_nothing_may_wait_is_an_error_that_says_so)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_HOLDS(
        rig_script(&rig, "table.sort({ 1, 2, 3 }, function(a, b) run.sleep(1) return a < b end)"),
        "cannot wait here: inside a sort comparator");
    CHECK_HOLDS(rig_script(&rig, "return ('aaa'):gsub('a', function() run.sleep(1) end)"),
                "cannot wait here: inside a sort comparator");
    CHECK_HOLDS(rig_script(&rig, "coroutine.wrap(function() run.sleep(1) end)()"), "use run.all");
    CHECK_HOLDS(rig_script(&rig, "coroutine.yield(1)"), "outside a coroutine");
    rig_close(&rig);
}

TEST(the_coroutine_of_a_branch_is_nobody_elses_to_resume)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(
        rig_script(&rig,
                   "local co\n"
                   "local all = run.all {\n"
                   "  a = function() co = coroutine.running() run.sleep(100) return 'slept' end,\n"
                   "  b = function() run.sleep(1)\n"
                   "    return tostring(pcall(coroutine.resume, co)) .. "
                   "tostring(pcall(coroutine.close, co)) end }\n"
                   "return all.a, all.b"),
        "slept | falsefalse");
    rig_close(&rig);
}

TEST(an_error_object_that_cannot_be_shown_ends_the_task_all_the_same)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    CHECK_HOLDS(run_tool(&rig,
                         "error(setmetatable({}, { __tostring = function() while true do "
                         "pcall(function() while true do end end) end end }))",
                         0),
                "no text");
    CHECK_HOLDS(
        run_tool(&rig, "error(setmetatable({}, { __index = function() error('no') end }))", 0),
        "script");
    CHECK_HOLDS(run_tool(&rig, "error()", 0), "script: nil");
    CHECK_HOLDS(run_tool(&rig, "error({ code = 'denied', message = 'not today' })", 0),
                "denied: not today");
    rig_close(&rig);
}

TEST(a_call_that_a_tool_keeps_grants_nothing_after_it_has_ended)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "keep.lua",
             "local kept\nreturn { run = function(input, call)\n"
             "  if kept then return tostring(select(2, pcall(kept.read, 'x'))) end\n"
             "  kept = call return 'kept' end }");
    CHECK_HOLDS(rig_eval(&rig, "local spec = { entry = file 'keep.lua', name = 't', timeout_ms = "
                               "0, grant = { read = true } }\n"
                               "return run:tool(spec, {}), run:tool(spec, {})"),
                "kept | this call has ended");
    rig_close(&rig);
}

TEST(closing_a_vm_ends_a_close_that_would_never_return)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "held.lua",
             "return { run = function(run)\n"
             "  local x <close> = setmetatable({}, { __close = function()\n"
             "    while true do pcall(function() while true do end end) end end })\n"
             "  run.sleep(100000)\nend }");
    CHECK_TEXT(rig_eval(&rig,
                        "local child = run:child { agent = 'a', task = 'b' }\n"
                        "run:race { function() return child:script(file 'held.lua', 'run') end,\n"
                        "           function() run:sleep(1) child:close() return true end }\n"
                        "return 'closed'"),
               "closed");
    rig_close(&rig);
}

int main(void) { return rig_run(); }
