/* Places in a line, as lua/lib has them: waiting, and what ends it. */
#include "script_rig.h"

TEST(a_place_that_is_free_is_granted_at_once_and_another_waits_until_its_time_is_over)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_eval(&rig, "local a, b = run:place('x', 1), run:place('x', 1)\n"
                              "return a.granted, b.granted, b.ahead, b.taken, a:wait(0)"),
               "true | false | 0 | 1 | true");
    CHECK_TEXT(rig_eval(&rig, "local a <close> = run:place('y', 1)\n"
                              "local c <close> = run:place('y', 1)\n"
                              "return c:wait(50)"),
               "nil | timeout: no place became free in time");
    rig_close(&rig);
}

TEST(who_waits_goes_on_when_a_place_is_left)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_eval(&rig, "local a, b = run:place('x', 1), run:place('x', 1)\n"
                              "local done = run:all { function() return b:wait(60000) end,\n"
                              "  function() a:leave() return 'left' end }\n"
                              "b:leave()\n"
                              "local ok, why = pcall(b.wait, b, 1)\n"
                              "return done[1], done[2], ok, (tostring(why))"),
               "true | left | false | the place was left");
    rig_close(&rig);
}

TEST(a_wider_line_lets_in_more)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_eval(&rig, "local a, b, c = run:place('x', 1), run:place('x', 1),\n"
                              "  run:place('x', 1)\n"
                              "a:leave(2)\n"
                              "return b.granted, c.granted"),
               "true | true");
    rig_close(&rig);
}

TEST(a_cancelled_wait_leaves_the_line)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_eval(&rig, "local a <close> = run:place('x', 1)\n"
                              "local last\n"
                              "run:race { function() local b <close> = run:place('x', 1)\n"
                              "    b:wait(60000) end,\n"
                              "  function() last = run:place('x', 1) run:sleep(1) end }\n"
                              "return last.ahead, last.taken"),
               "0 | 1");
    rig_close(&rig);
}

TEST(a_place_is_for_one_who_waits)
{
    Rig rig;
    rig_open(&rig, VIRTUAL_CLOCK);
    CHECK_TEXT(rig_eval(&rig, "local a, b = run:place('x', 1), run:place('x', 1)\n"
                              "local done, err = run:all { function() return b:wait(10) end,\n"
                              "  function() return pcall(b.wait, b, 10) end,\n"
                              "  function() a:leave() end }\n"
                              "return done[1], done[2], b.granted"),
               "true | false | true");
    rig_close(&rig);
}

int main(void) { return rig_run(); }
