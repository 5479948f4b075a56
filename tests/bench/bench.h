/* bench.h -- what all benches share: a clock, medians, and one row of the table.
 *
 * Why     A time alone says more about the machine than about the program. Each row sets ours
 * beside a named floor that did the same work in the same run, turn by turn. Use     bench_head()
 * once (tests/bench/run does it through run_bench), then bench_row a measure. Units   The numbers
 * of a row share the unit that the row names.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline int bench_by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Sorts the samples; the upper middle one when their number is even. */
static inline double bench_median(double *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, bench_by_size);
    return samples[count / 2];
}

static inline void bench_row(const char *what, const char *unit, double ours,
                             const char *floor_name, double floor)
{
    printf("%-36s %10.2f %10.2f %-6s %7.2f  %s\n", what, ours, floor, unit, ours / floor,
           floor_name);
    fflush(stdout);
}

#endif
