/* loop_rig.h -- what the tests of the loop share: a loop, and a log of what was called in order. */
#ifndef TESTS_UNIT_LOOP_RIG_H
#define TESTS_UNIT_LOOP_RIG_H

#include "../../host/base/mem.h"
#include "../../host/loop/loop.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static Loop *loop;
static char  calls[400]; /* one letter or word a call */

static inline void note(const char *word)
{
    snprintf(calls + strlen(calls), sizeof calls - strlen(calls), "%s", word);
}

static inline void rig_loop(bool virtual_clock)
{
    Err err;
    calls[0] = '\0';
    CHECK(loop_new(&loop, virtual_clock, &err) == ST_OK);
}

static inline void rig_end(void)
{
    CHECK_INT(loop_objects(loop), 0);
    loop_free(loop);
}

/* The program's tests, after what libuv opens once a process (signal pipe, threads) is open. */
static inline void rig_nothing(void *arg) { (void)arg; }
static inline void rig_done(void *arg, bool abandoned) { (void)arg, (void)abandoned; }
static inline int  rig_run(void)
{
    rig_loop(false);
    work_start(loop, rig_nothing, rig_done, NULL);
    loop_run(loop);
    loop_free(loop);
    return tap_run();
}

#endif
