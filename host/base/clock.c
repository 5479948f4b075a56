#include "clock.h"

#include <time.h>

static const int64_t VIRTUAL_EPOCH_MS = 1767225600000;

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now(const Clock *clock)
{
    return clock->is_virtual ? clock->virtual_ms : read_ms(CLOCK_MONOTONIC) + clock->skipped_ms;
}

int64_t clock_wall(const Clock *clock)
{
    return clock->is_virtual ? VIRTUAL_EPOCH_MS + clock->virtual_ms
                             : read_ms(CLOCK_REALTIME) + clock->skipped_ms;
}

int64_t clock_deadline(const Clock *clock, int64_t timeout_ms)
{
    int64_t deadline;
    if (timeout_ms < 0 || __builtin_add_overflow(clock_now(clock), timeout_ms, &deadline))
        return DEADLINE_NEVER;
    return deadline;
}
