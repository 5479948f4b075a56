/* Timers and the two clocks. */
#include "loop_rig.h"

static void fired(void *arg) { note(arg); }

TEST(timers_fire_by_deadline_and_ties_in_the_order_they_were_set)
{
    static const struct {
        const char *name;
        int64_t     deadline;
    } SET[] = {{"c", 30}, {"a", 10}, {"d", 30}, {"b", 20}, {"e", 30}, {"z", 600000}, {"0", 0}};
    Timer *timers[7];
    rig_loop(true);
    for (int i = 0; i < 7; i++) {
        timers[i] = timer_new(loop, fired, (void *)(uintptr_t)SET[i].name);
        timer_set(timers[i], SET[i].deadline);
    }
    CHECK(!loop_run(loop)); /* nothing left that could wake it */
    CHECK_TEXT(calls, "0abcdez");
    CHECK_INT(loop_now(loop), 600000);
    for (int i = 0; i < 7; i++) timer_free(timers[i]);
    rig_end();
}

static void fired_last(void *arg)
{
    note(arg);
    loop_stop(loop);
}

TEST(a_clock_that_skips_jumps_to_the_next_timer_and_never_while_something_is_under_way)
{
    rig_loop(false);
    loop_skip_waits(loop);
    int64_t start = loop_now(loop), wall = clock_wall(loop_clock(loop));
    Timer  *late = timer_new(loop, fired, (void *)(uintptr_t) "l");
    Timer  *soon = timer_new(loop, fired_last, (void *)(uintptr_t) "s");
    timer_set(late, start + 3600000);
    loop_hold(loop);
    timer_set(soon, start + 5);
    CHECK(loop_run(loop));
    CHECK_TEXT(calls, "s");
    CHECK(loop_now(loop) < start + 3600000);
    loop_release(loop);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "sl");
    CHECK(loop_now(loop) >= start + 3600000);
    CHECK(clock_wall(loop_clock(loop)) >= wall + 3500000); /* loop_now is older than `wall` */
    timer_free(late);
    timer_free(soon);
    rig_end();
}

static uint32_t seed = 12345;

static uint32_t next_random(void) { return seed = seed * 1664525u + 1013904223u; }

static int64_t last_seen;
static int     seen_count;

static void in_order(void *arg)
{
    CHECK(*(int64_t *)arg >= last_seen && *(int64_t *)arg == loop_now(loop));
    last_seen = *(int64_t *)arg;
    seen_count++;
}

TEST(many_timers_that_are_set_moved_and_stopped_keep_their_order)
{
    enum { MANY = 500 };
    Timer  *timers[MANY];
    int64_t deadlines[MANY];
    bool    set[MANY] = {false};
    int     wanted = 0;
    rig_loop(true);
    last_seen = seen_count = 0;
    for (int i = 0; i < MANY; i++) timers[i] = timer_new(loop, in_order, &deadlines[i]);
    for (int round = 0; round < 5 * MANY; round++) {
        uint32_t i = next_random() % MANY;
        set[i] = next_random() % 4 != 0;
        deadlines[i] = next_random() % 1000;
        if (set[i])
            timer_set(timers[i], deadlines[i]);
        else
            timer_stop(timers[i]);
    }
    for (int i = 0; i < MANY; i++) wanted += set[i];
    CHECK(!loop_run(loop));
    CHECK_INT(seen_count, wanted);
    for (int i = 0; i < MANY; i++) timer_free(timers[i]);
    rig_end();
}

typedef struct Own {
    Timer *timer, *other;
    int    left;
} Own;

static void free_both(void *arg)
{
    Own *own = arg;
    note("x");
    timer_free(own->timer);
    timer_free(own->other);
}

TEST(a_timer_may_free_itself_and_another_that_is_due)
{
    Own own;
    rig_loop(true);
    own.timer = timer_new(loop, free_both, &own);
    own.other = timer_new(loop, fired, "never");
    timer_set(own.timer, 5);
    timer_set(own.other, 5);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "x");
    rig_end();
}

static void set_again(void *arg)
{
    Own *own = arg;
    note("r");
    if (--own->left > 0) timer_set(own->timer, loop_now(loop));
}

static bool turn(void *arg)
{
    (void)arg;
    note(".");
    return false;
}

TEST(a_timer_that_sets_itself_for_now_lets_the_others_and_the_turn_go_on)
{
    Own own = {.left = 3};
    rig_loop(true);
    own.timer = timer_new(loop, set_again, &own);
    own.other = timer_new(loop, fired, "o");
    loop_on_turn(loop, turn, NULL);
    timer_set(own.timer, 7);
    timer_set(own.other, 7);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, ".ro.r.r."); /* both, then one a round */
    timer_free(own.timer);
    timer_free(own.other);
    rig_end();
}

TEST(a_stopped_timer_and_one_set_for_never_do_not_fire)
{
    rig_loop(true);
    Timer *timer = timer_new(loop, fired, "x");
    timer_stop(timer);
    timer_set(timer, 5);
    timer_stop(timer);
    timer_set(timer, 5);
    timer_set(timer, DEADLINE_NEVER);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "");
    timer_free(timer);
    timer_free(NULL);
    rig_end();
}

static void stop(void *arg)
{
    note("s");
    loop_stop(arg);
}

TEST(stopping_leaves_later_timers_for_the_next_run)
{
    rig_loop(true);
    Timer *first = timer_new(loop, stop, loop), *second = timer_new(loop, stop, loop);
    timer_set(first, 10);
    timer_set(second, 20);
    CHECK(loop_run(loop));
    CHECK_INT(loop_now(loop), 10);
    CHECK(loop_run(loop));
    CHECK_INT(loop_now(loop), 20);
    CHECK(!loop_run(loop));
    timer_free(first);
    timer_free(second);
    rig_end();
}

TEST(a_real_clock_waits_until_the_deadline_and_not_less)
{
    rig_loop(false);
    Timer  *timer = timer_new(loop, stop, loop);
    int64_t deadline = loop_now(loop) + 5;
    timer_set(timer, deadline);
    CHECK(loop_run(loop));
    CHECK(loop_now(loop) >= deadline);
    timer_free(timer);
    rig_end();
}

static void ignore(void *arg, int fd, int events) { (void)arg, (void)fd, (void)events; }

/* Symptom: the loop hung although a timer was due. Cause: libuv fires its timers before it polls,
 * so an alarm of 0 ms was spent and the poll had no end. It needed a watch that stays quiet, since
 * without one the poll returns at once. */
TEST(a_timer_that_is_due_fires_although_a_quiet_descriptor_is_watched)
{
    for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
        Err    err;
        int    ends[2];
        Watch *watch;
        rig_loop(is_virtual);
        CHECK(pipe2(ends, O_CLOEXEC) == 0);
        CHECK(watch_new(loop, ends[0], ignore, NULL, &watch, &err) == ST_OK);
        watch_set(watch, WATCH_READ);
        Timer *timer = timer_new(loop, stop, loop);
        timer_set(timer, loop_now(loop));
        CHECK(loop_run(loop));
        timer_set(timer, loop_now(loop) - 1);
        CHECK(loop_run(loop));
        CHECK_TEXT(calls, "ss");
        timer_free(timer);
        watch_free(watch);
        close(ends[0]);
        close(ends[1]);
        rig_end();
    }
}

static bool ready_thrice(void *arg)
{
    int *left = arg;
    note("t");
    if (--*left == 0) loop_stop(loop);
    return *left > 0;
}

TEST(a_turn_that_has_more_is_called_again_before_time_passes)
{
    int left = 3;
    rig_loop(true);
    Timer *timer = timer_new(loop, fired, "late");
    timer_set(timer, 1);
    loop_on_turn(loop, ready_thrice, &left);
    CHECK(loop_run(loop));
    CHECK_TEXT(calls, "ttt");
    CHECK_INT(loop_now(loop), 0);
    timer_free(timer);
    rig_end();
}

int main(void) { return rig_run(); }
