#include "../../host/base/clock.h"
#include "tap.h"

TEST(a_virtual_clock_moves_only_when_told)
{
    Clock clock = {.is_virtual = true};
    CHECK_INT(clock_now(&clock), 0);
    CHECK_INT(clock_wall(&clock), 1767225600000); /* 2026-01-01T00:00:00Z */
    clock.virtual_ms = 1500;
    CHECK_INT(clock_now(&clock), 1500);
    CHECK_INT(clock_wall(&clock), 1767225601500);
}

TEST(a_real_clock_never_goes_back)
{
    Clock   clock = {0};
    int64_t last = clock_now(&clock);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now(&clock);
        CHECK(now >= last);
        last = now;
    }
    CHECK(clock_wall(&clock) > 1700000000000);
}

TEST(a_deadline_that_cannot_be_counted_never_comes)
{
    Clock clock = {.is_virtual = true, .virtual_ms = 100};
    CHECK_INT(clock_deadline(&clock, 50), 150);
    CHECK_INT(clock_deadline(&clock, 0), 100);
    CHECK_INT(clock_deadline(&clock, -1), DEADLINE_NEVER);
    CHECK_INT(clock_deadline(&clock, INT64_MAX), DEADLINE_NEVER);
    CHECK_INT(clock_deadline(&clock, INT64_MAX - 50), DEADLINE_NEVER);
}

int main(void) { return tap_run(); }
