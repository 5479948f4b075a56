/* Calls from one VM to another, plain data on its way, decisions, and functions side by side. */
#include "script_rig.h"

#define CHECK_HOLDS(got, part)                                                                     \
    do {                                                                                           \
        const char *text_ = (got);                                                                 \
        if (!strstr(text_, part)) {                                                                \
            tap_failed = true;                                                                     \
            printf("# %s:%d: \"%s\" does not contain \"%s\"\n", __FILE__, __LINE__, text_, part);  \
        }                                                                                          \
    } while (0)

/* -- plain data -------------------------------------------------------------------------------- */

TEST(plain_data_survives_crossing)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    rig_file(&rig, "echo.lua",
             "local json = require 'lib.json'\n"
             "return { run = function(...) return ... end, text = function(v) return "
             "json.encode(v) end,\n"
             "  same = function(v) return v == json.null, math.type(v) end }");
    CHECK_TEXT(
        rig_eval(&rig, "local bytes = {} for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end\n"
                       "bytes = table.concat(bytes):rep(300)\n"
                       "return run:decide(file 'echo.lua', 'run', bytes) == bytes"),
        "true");
    CHECK_TEXT(rig_eval(&rig, "return run:decide(file 'echo.lua', 'run', 1, 1.0, 9007199254740993, "
                              "-0.0, nil, true, 'x', nil)"),
               "1 | 1.0 | 9007199254740993 | -0.0 | nil | true | x | nil");
    CHECK_TEXT(
        rig_eval(
            &rig,
            "return run:decide(file 'echo.lua', 'text', "
            "json.decode('{\"z\":[],\"a\":{},\"n\":null,\"i\":[1,1.0]}', { ordered = true }))"),
        "{\"z\":[],\"a\":{},\"n\":null,\"i\":[1,1.0]}");
    CHECK_TEXT(rig_eval(&rig, "return run:decide(file 'echo.lua', 'same', json.null)"),
               "true | nil");
    CHECK_TEXT(
        rig_eval(
            &rig,
            "return run:decide(file 'echo.lua', 'text', { json.raw '[ 1 ]', json.array {}, {} })"),
        "[[ 1 ],[],{}]");
    CHECK_TEXT(rig_eval(&rig, "local t = run:decide(file 'echo.lua', 'run', { [1] = 'a', [3] = "
                              "'c', x = { y = 1 } }) return t[1], t[3], t.x.y"),
               "a | c | 1");
    rig_close(&rig);
}

TEST(what_cannot_cross_is_an_error_that_names_the_path)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    rig_file(&rig, "give.lua",
             "return {\n"
             "  fn = function() return { files = { 1, 2, function() end } } end,\n"
             "  cycle = function() local t = { a = {} } t.a.b = t return t end,\n"
             "  co = function() return { { coroutine.create(function() end) } } end,\n"
             "  key = function() return { x = { [1.5] = 1 } } end,\n"
             "  big = function() return ('x'):rep(17 * 1024 * 1024) end,\n"
             "  module = function() return require 'lib.json' end }");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'fn')"),
                "result.files[3] is a function; only plain data can be passed");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'cycle')"), "result.a.b.a.b");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'cycle')"),
                "is nested too deeply, or contains itself");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'co')"),
                "result[1][1] is a thread");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'key')"),
                "result.x has a key that is neither a string nor an integer");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'big')"),
                "result is too large: more than 16 MB");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'module')"),
                "is a function"); /* not an empty table */
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'fn', { x = print or run })"),
                "raised bug: argument.x is a userdata");
    CHECK_HOLDS(rig_eval(&rig, "local t = {} t[1] = t return run:decide(file 'give.lua', 'fn', t)"),
                "raised bug: argument[1][1]");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'give.lua', 'none')"),
                "'none' is nil; it should be a function");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'no.lua', 'none')"), "not_found");
    rig_close(&rig);
}

TEST(levels_of_tables_are_counted)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    rig_file(&rig, "echo.lua", "return { run = function(...) return ... end }");
    for (int levels = 64; levels <= 65; levels++) {
        char source[300];
        snprintf(source, sizeof source,
                 "local t = 'leaf' for _ = 1, %d do t = { t } end\n"
                 "local back = run:decide(file 'echo.lua', 'run', t)\n"
                 "for _ = 1, %d do back = back[1] end return back",
                 levels, levels);
        CHECK_HOLDS(rig_eval(&rig, source), levels == 64 ? "leaf" : "is nested too deeply");
    }
    rig_close(&rig);
}

/* -- decisions --------------------------------------------------------------------------------- */

TEST(a_decision_that_loops_is_stopped_and_the_next_one_works)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "loop.lua", "return { run = function() while true do end end }");
    rig_file(&rig, "fine.lua", "return { run = function(x) return x + 1 end }");
    CHECK_TEXT(
        rig_eval(&rig, "local all, err = run:all {\n"
                       "  loop = function() return (tostring(select(2, run:decide(file 'loop.lua', "
                       "'run'))):gsub(': .*/', ': ')) end,\n"
                       "  a = function() return run:decide(file 'fine.lua', 'run', 1) end,\n"
                       "  b = function() return run:decide(file 'fine.lua', 'run', 2) end }\n"
                       "return all.a, all.b, all.loop"),
        "2 | 3 | limit: loop.lua:1: the script ran for more than 50000000 instructions: an endless loop?");
    CHECK_TEXT(rig_eval(&rig, "return run:decide(file 'fine.lua', 'run', 3)"), "4");
    rig_close(&rig);
}

TEST(a_decision_that_eats_all_memory_harms_no_other)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "eat.lua",
             "local kept = {}\nreturn { run = function() while true do kept[#kept + 1] = "
             "('x'):rep(1000) .. #kept end end }");
    rig_file(&rig, "fine.lua", "return { run = function(x) return x + 1 end }");
    CHECK_TEXT(rig_eval(&rig,
                        "local all = run:all {\n"
                        "  eat = function() return tostring(select(2, run:decide(file 'eat.lua', "
                        "'run'))) end,\n"
                        "  fine = function() return run:decide(file 'fine.lua', 'run', 1) end }\n"
                        "return all.fine, all.eat"),
               "2 | limit: the script's memory quota of 64 MB is used up");
    rig_close(&rig);
}

TEST(a_decision_cannot_wait)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_HOLDS(rig_decide(&rig, "coroutine.yield()"), "outside a coroutine");
    rig_file(&rig, "wait.lua", "return { run = function(run) return run end }");
    CHECK_HOLDS(rig_eval(&rig, "return run:decide(file 'wait.lua', 'run', run)"), "userdata");
    rig_close(&rig);
}

TEST(a_run_closed_while_its_decision_is_queued_leaves_nothing_behind)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(
        &rig, "slow.lua",
        "return { run = function() local s = 0 for i = 1, 3000000 do s = s + i end return s end }");
    CHECK_TEXT(rig_eval(&rig,
                        "local child = run:child { agent = 'a', task = 'b' }\n"
                        "local all = run:all {\n"
                        "  first = function() return run:decide(file 'slow.lua', 'run') end,\n"
                        "  queued = function() return child:decide(file 'slow.lua', 'run') end,\n"
                        "  close = function() run:sleep(0) child:close() return true end }\n"
                        "return all.first, all.queued"),
               "4500001500000 | 4500001500000");
    rig_close(&rig);
}

TEST(closing_the_engine_with_everything_under_way_leaves_nothing_behind)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_file(&rig, "loop.lua", "return { run = function() while true do end end }");
    rig_file(&rig, "wait.lua",
             "return { run = function(run) run.all { function() run.sleep(1e6 // 1 | 0) end,\n"
             "  function() run.race { function() run.sleep(1000000) end } end } end }");
    rig.source = "local child = run:child { agent = 'a', task = 'b' }\n"
                 "run:all { function() return run:decide(file 'loop.lua', 'run') end,\n"
                 "  function() return run:decide(file 'loop.lua', 'run') end,\n"
                 "  function() return run:script(file 'wait.lua', 'run') end,\n"
                 "  function() return child:tool({ entry = file 'loop.lua', name = 't', timeout_ms = "
                 "60000, grant = {} }, {}) end }";
    task_new(rig.engine->host, NULL, rig_main, &rig, NULL, NULL);
    /* two runs, a decision, two sleeps, a tool: each has a timer */
    while (loop_objects(rig.engine->loop) < rig.objects + 6 && sched_turn(&rig.engine->sched)) {}
    CHECK_INT(loop_objects(rig.engine->loop), rig.objects + 6);
    rig_close(&rig);
}

/* -- groups ------------------------------------------------------------------------------------ */

TEST(all_gives_each_result_by_its_key)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_script(&rig, "return json.encode((run.all { a = function() run.sleep(20) return "
                                "1 end, b = function() run.sleep(10) return 2 end,\n"
                                "  z = function() return 'first' end }))"),
               "{\"a\":1,\"b\":2,\"z\":\"first\"}");
    CHECK_INT(loop_now(rig.engine->loop), 20);
    rig_close(&rig);
}

TEST(the_first_failure_in_all_cancels_the_others_and_keeps_what_had_finished)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_script(&rig,
                          "local reached\n"
                          "local all, err, kept = run.all {\n"
                          "  done = function() run.sleep(5) return 'kept' end,\n"
                          "  fails = function() run.sleep(10) return nil, { code = 'denied', "
                          "message = 'no' } end,\n"
                          "  late = function() run.sleep(1000) reached = true return 1 end }\n"
                          "return all, tostring(err.code), json.encode(kept), reached"),
               "nil | denied | {\"done\":\"kept\"} | nil");
    CHECK_INT(loop_now(rig.engine->loop), 10);
    CHECK_TEXT(rig_script(&rig, "local all, err = run.all { function() error { code = 'mine', "
                                "message = 'raised' } end }\nreturn all, err.message"),
               "nil | raised");
    rig_close(&rig);
}

TEST(the_first_success_in_race_cancels_the_others)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_script(&rig,
                          "return run.race { slow = function() run.sleep(1000) return 's' end, bad "
                          "= function() return nil, { code = 'io', message = 'x' } end,\n"
                          "  quick = function() run.sleep(30) return 'q' end }"),
               "q | quick");
    CHECK_INT(loop_now(rig.engine->loop), 30);
    CHECK_TEXT(rig_script(&rig, "local v, err = run.race { function() run.sleep(1) return nil, { "
                                "code = 'io', message = 'first' } end,\n"
                                "  function() run.sleep(2) return nil, { code = 'io', message = "
                                "'last' } end }\nreturn v, err.message"),
               "nil | last");
    rig_close(&rig);
}

TEST(a_thousand_branches_are_allowed_and_one_more_is_not)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(
        rig_script(
            &rig,
            "local f = {} for i = 1, 1000 do f[i] = function() run.sleep(i % 7) return i end end\n"
            "local sum = 0 for _, v in ipairs(run.all(f)) do sum = sum + v end return sum"),
        "500500");
    CHECK_HOLDS(
        rig_script(&rig, "local f = {} for i = 1, 1001 do f[i] = function() end end run.all(f)"),
        "more than 1000 functions");
    CHECK_TEXT(rig_script(&rig, "return json.encode((run.all {}))"), "{}");
    CHECK_HOLDS(rig_script(&rig, "run.all { a = 1 }"), "'a' is a number; each entry is a function");
    CHECK_HOLDS(rig_script(&rig, "run.all()"), "a table of functions is expected");
    rig_close(&rig);
}

TEST(groups_within_groups_end_from_the_leaves_to_the_root)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_script(&rig,
                          "local order = {}\n"
                          "local function leaf(name) local x <close> = setmetatable({}, { __close "
                          "= function() order[#order + 1] = name end }) run.sleep(1000) end\n"
                          "run.race { function() local x <close> = setmetatable({}, { __close = "
                          "function() order[#order + 1] = 'branch' end })\n"
                          "    run.all { function() leaf 'a' end, function() leaf 'b' end } end,\n"
                          "  function() run.sleep(5) return true end }\n"
                          "return table.concat(order, ' ')"),
               "a b branch");
    rig_close(&rig);
}

TEST(a_run_that_is_cancelled_ends_what_it_began_and_begins_no_more)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    rig_file(&rig, "wait.lua",
             "return { run = function(run) run.sleep(100000) return 'slept' end }");
    CHECK_TEXT(rig_eval(&rig, "local child = run:child { agent = 'a', task = 'b' }\n"
                              "child:deadline_in(50)\n"
                              "local _, err = child:scope(function() return child:script(file "
                              "'wait.lua', 'run') end)\n"
                              "local _, again = child:script(file 'wait.lua', 'run')\n"
                              "local _, born = child:child { agent = 'a', task = 'b' }\n"
                              "child:close()\n"
                              "return err.code, again.code, born.code"),
               "limit | limit | limit");
    CHECK_INT(loop_now(rig.engine->loop), 50);
    rig_close(&rig);
}

int main(void) { return rig_run(); }
