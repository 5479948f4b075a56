/* clock.h -- time as an argument: a real clock, and a virtual one that only tests move.
 *
 * Units   Milliseconds. `clock_now` is monotonic; `clock_wall` is Unix time (UTC).
 * Why     A test of a ten-minute deadline must not take ten minutes, nor depend on the machine.
 */
#ifndef HOST_BASE_CLOCK_H
#define HOST_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

typedef struct Clock {
    bool    is_virtual;
    int64_t virtual_ms; /* what a virtual clock shows; starts at 0 */
    int64_t skipped_ms; /* what a real one was moved on by, where waits are skipped */
} Clock;

int64_t clock_now(const Clock *clock);
int64_t clock_wall(const Clock *clock); /* a virtual clock's wall begins at 2026-01-01T00:00:00Z */

/* now + timeout, DEADLINE_NEVER when timeout is negative or the sum would overflow. */
int64_t clock_deadline(const Clock *clock, int64_t timeout_ms);

#endif
