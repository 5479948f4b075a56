/* Descriptors, threads, wakers and signals. */
#include "loop_rig.h"

#include <pthread.h>
#include <sys/socket.h>

typedef struct Pair {
    int    near, far;
    Watch *watch;
    char   got[64];
    int    events;
} Pair;

static void read_some(void *arg, int fd, int events)
{
    Pair   *pair = arg;
    char    byte;
    ssize_t got = read(fd, &byte, 1);
    pair->events = events;
    if (got == 1) {
        strncat(pair->got, &byte, 1);
    } else {
        note(got == 0 ? "end" : "error");
        watch_set(pair->watch, 0);
        loop_stop(loop);
    }
}

static void pair_open(Pair *pair, WatchReady *ready)
{
    int fds[2];
    Err err;
    memset(pair, 0, sizeof *pair);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    pair->near = fds[0];
    pair->far = fds[1];
    CHECK(watch_new(loop, pair->near, ready, pair, &pair->watch, &err) == ST_OK);
}

static void pair_close(Pair *pair)
{
    watch_free(pair->watch);
    close(pair->near);
    if (pair->far >= 0) close(pair->far);
}

TEST(a_watch_reports_for_as_long_as_there_is_something)
{
    Pair pair;
    rig_loop(false);
    pair_open(&pair, read_some);
    watch_set(pair.watch, WATCH_READ);
    CHECK(write(pair.far, "abc", 3) == 3);
    close(pair.far);
    pair.far = -1;
    CHECK(loop_run(loop));
    CHECK_TEXT(pair.got, "abc");
    CHECK_TEXT(calls, "end");
    pair_close(&pair);
    rig_end();
}

static void write_once(void *arg, int fd, int events)
{
    Pair *pair = arg;
    CHECK(events == WATCH_WRITE);
    CHECK(write(fd, "x", 1) == 1);
    watch_set(pair->watch, 0);
    note("w");
}

TEST(a_watch_that_is_stopped_no_longer_keeps_the_loop)
{
    Pair pair;
    rig_loop(false);
    pair_open(&pair, write_once);
    watch_set(pair.watch, WATCH_WRITE);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "w");
    pair_close(&pair);
    rig_end();
}

static void free_own(void *arg, int fd, int events)
{
    Pair *pair = arg;
    (void)fd, (void)events;
    note("f");
    watch_free(pair->watch);
    pair->watch = NULL;
}

TEST(a_watch_may_be_freed_in_its_own_callback_and_its_descriptor_used_again)
{
    rig_loop(false);
    for (int i = 0; i < 3; i++) {
        Pair pair; /* the same numbers each time, closed right after the watch was freed */
        pair_open(&pair, free_own);
        watch_set(pair.watch, WATCH_READ);
        CHECK(write(pair.far, "x", 1) == 1);
        CHECK(!loop_run(loop));
        pair_close(&pair);
        pair_open(&pair, read_some); /* before libuv has closed the handle */
        watch_set(pair.watch, WATCH_READ);
        CHECK(write(pair.far, "y", 1) == 1);
        close(pair.far);
        pair.far = -1;
        CHECK(loop_run(loop));
        CHECK_TEXT(pair.got, "y");
        pair_close(&pair);
    }
    CHECK_TEXT(calls, "fendfendfend");
    rig_end();
}

static Pair *victim;

static void free_the_other(void *arg, int fd, int events)
{
    (void)events;
    char byte;
    CHECK(read(fd, &byte, 1) == 1);
    Pair *pair = arg;
    Pair *other = pair == victim ? pair + 1 : victim;
    note("1");
    watch_free(pair->watch);
    watch_free(other->watch);
    close(other->near);
    pair->watch = other->watch = NULL;
    other->near = open("/dev/null", O_RDONLY | O_CLOEXEC); /* takes the number at once */
}

TEST(a_watch_that_is_freed_in_the_same_round_is_not_called)
{
    Pair pairs[2];
    rig_loop(false);
    victim = pairs;
    for (int i = 0; i < 2; i++) {
        pair_open(&pairs[i], free_the_other);
        watch_set(pairs[i].watch, WATCH_READ);
        CHECK(write(pairs[i].far, "x", 1) == 1);
    }
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "1");
    for (int i = 0; i < 2; i++) pair_close(&pairs[i]);
    rig_end();
}

static int errors;

static void count_errors(void *arg, int fd, int events)
{
    (void)arg, (void)fd;
    CHECK_INT(events, WATCH_READ | WATCH_WRITE);
    if (++errors == 3) loop_stop(loop);
}

/* Symptom: a watch on a broken pipe reported once and was deaf afterwards. Cause: libuv stops a
 * handle when poll reports an error; our watch still counted as set. */
TEST(a_descriptor_in_error_is_reported_until_its_owner_stops)
{
    Err    err;
    int    ends[2];
    Watch *watch;
    rig_loop(false);
    errors = 0;
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK(watch_new(loop, ends[1], count_errors, NULL, &watch, &err) == ST_OK);
    close(ends[0]);
    watch_set(watch, WATCH_WRITE);
    CHECK(loop_run(loop));
    CHECK_INT(errors, 3);
    watch_set(watch, 0);
    CHECK(!loop_run(loop));
    watch_free(watch);
    close(ends[1]);
    rig_end();
}

TEST(what_cannot_be_watched_is_an_error)
{
    Err    err;
    Watch *watch = NULL;
    rig_loop(false);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(watch_new(loop, fd, read_some, NULL, &watch, &err) == ST_IO);
    CHECK(err.text[0] != '\0');
    close(fd);
    watch_free(NULL);
    rig_end();
}

/* -- threads ----------------------------------------------------------------------------------- */

typedef struct Job {
    pthread_t ran_on;
    bool      ran, abandoned;
} Job;

static void run_job(void *arg)
{
    Job *job = arg;
    job->ran_on = pthread_self();
    job->ran = true;
}

static void job_done(void *arg, bool abandoned)
{
    Job *job = arg;
    job->abandoned = abandoned;
    note(abandoned ? "a" : "d");
}

TEST(work_runs_on_another_thread_and_is_done_on_this_one)
{
    for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
        Job job = {0};
        rig_loop(is_virtual);
        work_start(loop, run_job, job_done, &job);
        CHECK(!loop_run(loop));
        CHECK(job.ran && !job.abandoned && !pthread_equal(job.ran_on, pthread_self()));
        CHECK_TEXT(calls, "d");
        rig_end();
    }
}

TEST(abandoned_work_is_still_done_so_that_it_can_be_freed)
{
    Job job = {0};
    rig_loop(false);
    work_abandon(work_start(loop, run_job, job_done, &job));
    CHECK(!loop_run(loop));
    CHECK(job.abandoned);
    rig_end();
}

TEST(freeing_the_loop_waits_for_abandoned_work)
{
    Job job = {0};
    rig_loop(false);
    work_abandon(work_start(loop, run_job, job_done, &job));
    loop_free(loop);
    CHECK(job.ran && job.abandoned);
}

static void late(void *arg) { note(arg); }

TEST(virtual_time_stands_still_while_a_thread_works)
{
    Job job = {0};
    rig_loop(true);
    Timer *timer = timer_new(loop, late, "t");
    timer_set(timer, 1);
    work_start(loop, run_job, job_done, &job);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "dt");
    timer_free(timer);
    rig_end();
}

static Waker *waker;

static void *wake_from_thread(void *arg)
{
    (void)arg;
    waker_wake(waker);
    return NULL;
}

static void woken(void *arg)
{
    (void)arg;
    note("w");
    loop_release(loop);
}

TEST(a_thread_wakes_the_loop_which_waits_for_it_while_held)
{
    for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
        Err       err;
        pthread_t thread;
        rig_loop(is_virtual);
        CHECK(waker_new(loop, woken, NULL, &waker, &err) == ST_OK);
        Timer *timer = timer_new(loop, late, "t");
        if (is_virtual) timer_set(timer, 1);
        loop_hold(loop);
        CHECK(pthread_create(&thread, NULL, wake_from_thread, NULL) == 0);
        CHECK(!loop_run(loop));
        CHECK_TEXT(calls, is_virtual ? "wt" : "w");
        pthread_join(thread, NULL);
        timer_free(timer);
        waker_free(waker);
        waker_free(NULL);
        rig_end();
    }
}

static int ready_left;

static bool take_ready(void *arg)
{
    (void)arg;
    if (ready_left == 0) return false;
    ready_left = 0;
    note("r");
    return false;
}

static void make_ready(void *arg)
{
    (void)arg;
    ready_left = 1;
}

/* Symptom: with a virtual clock time ran ahead of what a callback had made ready. Cause: the jump
 * to the next timer was decided before the callbacks of that round; and libuv did not look at
 * wakers and signals at all when nothing else was there. */
TEST(virtual_time_does_not_overtake_what_a_callback_made_ready)
{
    Err err;
    rig_loop(true);
    ready_left = 0;
    CHECK(waker_new(loop, make_ready, NULL, &waker, &err) == ST_OK);
    Timer *timer = timer_new(loop, late, "t");
    timer_set(timer, 1);
    loop_on_turn(loop, take_ready, NULL);
    waker_wake(waker);
    CHECK(!loop_run(loop));
    CHECK_TEXT(calls, "rt");
    timer_free(timer);
    waker_free(waker);
    rig_end();
}

TEST(a_waker_that_is_woken_and_freed_does_not_call)
{
    Err err;
    rig_loop(false);
    CHECK(waker_new(loop, make_ready, NULL, &waker, &err) == ST_OK);
    ready_left = 0;
    waker_wake(waker);
    waker_free(waker);
    CHECK(!loop_run(loop));
    CHECK_INT(ready_left, 0);
    rig_end();
}

/* -- signals ----------------------------------------------------------------------------------- */

static bool busy_turn(void *arg)
{
    (void)arg;
    return true;
}

static void signal_seen(void *arg, int signo)
{
    (void)arg;
    CHECK_INT(signo, SIGUSR1);
    note("S");
    loop_stop(loop);
}

TEST(a_signal_is_seen_although_the_turn_always_has_more)
{
    Err      err;
    Signals *signals;
    rig_loop(false);
    CHECK(signals_new(loop, SIGUSR1, signal_seen, NULL, &signals, &err) == ST_OK);
    loop_on_turn(loop, busy_turn, NULL);
    raise(SIGUSR1);
    CHECK(loop_run(loop));
    CHECK_TEXT(calls, "S");
    signals_free(signals);
    rig_end();
}

TEST(a_signal_is_seen_on_the_loop_and_alone_does_not_keep_it)
{
    Err      err;
    Signals *signals;
    rig_loop(false);
    CHECK(signals_new(loop, SIGUSR1, signal_seen, NULL, &signals, &err) == ST_OK);
    CHECK(!loop_run(loop));
    raise(SIGUSR1);
    loop_hold(loop);
    CHECK(loop_run(loop));
    loop_release(loop);
    CHECK_TEXT(calls, "S");
    signals_free(signals);
    signals_free(NULL);
    CHECK(signals_new(loop, SIGKILL, signal_seen, NULL, &signals, &err) == ST_IO);
    rig_end();
}

int main(void) { return rig_run(); }
