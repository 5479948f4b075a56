/* canned.h -- what the canned server streams, for benches that do the same work without a host; and
 * how it is started.
 *
 * Use     pid_t pid = canned_start(build, url, sizeof url); ... canned_stop(pid);
 */
#ifndef TESTS_BENCH_CANNED_H
#define TESTS_BENCH_CANNED_H

#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* One piece of a streamed text: the data of its event. */
#define CANNED_DELTA                                                                               \
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","            \
    "\"text\":\" the next few words\"}}"

/* 0 where it does not start. */
static inline pid_t canned_start(const char *build, char *url, size_t size)
{
    char                       program[PATH_MAX], port[16] = "";
    char                      *argv[] = {program, NULL};
    int                        ends[2];
    pid_t                      pid = 0;
    posix_spawn_file_actions_t actions;
    snprintf(program, sizeof program, "%s/tests/bench/canned_server", build);
    if (pipe(ends) != 0) return 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int failed = posix_spawn(&pid, program, &actions, NULL, argv, NULL);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    ssize_t got = failed ? 0 : read(ends[0], port, sizeof port - 1);
    close(ends[0]);
    if (got <= 0) return 0;
    snprintf(url, size, "http://127.0.0.1:%d", atoi(port));
    return pid;
}

static inline void canned_stop(pid_t pid)
{
    if (pid <= 0) return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

#endif
