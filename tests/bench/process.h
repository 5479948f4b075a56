/* process.h -- what one process costs, from start to exit.
 *
 * Use     Cost cost = process_measure("my_bench", argv, envp);
 * Units   Milliseconds and megabytes. The peak is that of the process or of any that it waited for.
 * Errors  A process that cannot start or ends badly ends the bench with 1: there is no number then.
 */
#ifndef TESTS_BENCH_PROCESS_H
#define TESTS_BENCH_PROCESS_H

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef struct Cost {
    double wall_ms, peak_mb, cpu_ms;
} Cost;

static inline double process_ms_of(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

/* Runs argv[0] with nothing on its input and outputs; it has to end with `wanted`. `who` is the
 * bench, for its messages. */
static inline Cost process_measure_ending(const char *who, char *const *argv, char *const *envp,
                                          int wanted)
{
    posix_spawn_file_actions_t actions;
    struct rusage              used;
    pid_t                      pid;
    int                        status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    double from = bench_now_us();
    int    failed = posix_spawn(&pid, argv[0], &actions, NULL, argv, envp);
    if (failed || wait4(pid, &status, 0, &used) != pid) {
        fprintf(stderr, "%s: %s: %s\n", who, argv[0], strerror(failed ? failed : errno));
        exit(1);
    }
    double took = bench_now_us() - from;
    posix_spawn_file_actions_destroy(&actions);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted) {
        fprintf(stderr, "%s: %s ended with %d\n", who, argv[0],
                WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        exit(1);
    }
    return (Cost){took / 1e3, (double)used.ru_maxrss / 1024,
                  process_ms_of(used.ru_utime) + process_ms_of(used.ru_stime)};
}

static inline Cost process_measure(const char *who, char *const *argv, char *const *envp)
{
    return process_measure_ending(who, argv, envp, 0);
}

#endif
