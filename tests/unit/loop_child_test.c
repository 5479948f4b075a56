/* Children: how they end, what they are given, and that none is left behind. The shell stands for
 * any program. */
#include "loop_rig.h"

#include <sys/socket.h>
#include <sys/wait.h>

typedef struct Ended {
    int    exit_code, signal, times;
    Child *child;
} Ended;

static void on_ended(void *arg, int exit_code, int signo)
{
    Ended *ended = arg;
    ended->exit_code = exit_code;
    ended->signal = signo;
    ended->times++;
}

static Status spawn_shell(const char *script, const int *fds, size_t fd_count, Ended *ended,
                          Err *err)
{
    static const int  NULLS[3] = {-1, -1, 2};
    const char *const argv[] = {"sh", "-c", script, NULL};
    const char *const envp[] = {"ONLY=this", NULL};
    ChildSpec         spec = {"/bin/sh", argv, envp, fds ? fds : NULLS, fds ? fd_count : 3};
    memset(ended, 0, sizeof *ended);
    return child_spawn(loop, &spec, on_ended, ended, &ended->child, err);
}

static void run_shell(const char *script, Ended *ended)
{
    Err err;
    CHECK(spawn_shell(script, NULL, 0, ended, &err) == ST_OK);
    CHECK(!loop_run(loop));
    CHECK_INT(ended->times, 1);
    child_kill(ended->child, SIGKILL); /* nothing any more */
    child_free(ended->child);
}

static bool has_children(void) { return waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD; }

TEST(an_exit_code_arrives_also_on_a_virtual_clock)
{
    for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
        Ended ended;
        rig_loop(is_virtual);
        run_shell("exit 7", &ended);
        CHECK_INT(ended.exit_code, 7);
        CHECK_INT(ended.signal, 0);
        run_shell("exit 0", &ended);
        CHECK_INT(ended.exit_code, 0);
        rig_end();
    }
    CHECK(!has_children());
}

TEST(a_child_that_dies_of_a_signal_has_no_exit_code)
{
    Ended ended;
    rig_loop(false);
    run_shell("kill -TERM $$", &ended);
    CHECK_INT(ended.exit_code, -1);
    CHECK_INT(ended.signal, SIGTERM);
    rig_end();
}

TEST(a_child_can_be_killed_and_says_by_what)
{
    Err   err;
    Ended ended;
    rig_loop(false);
    CHECK(spawn_shell("while :; do read x || sleep 60; done", NULL, 0, &ended, &err) == ST_OK);
    CHECK(child_pid(ended.child) > 0);
    child_kill(ended.child, SIGKILL);
    CHECK(!loop_run(loop));
    CHECK_INT(ended.exit_code, -1);
    CHECK_INT(ended.signal, SIGKILL);
    child_free(ended.child);
    rig_end();
}

/* Symptom: a child that was freed alive stayed a zombie. Cause: libuv makes the pidfd non-blocking,
 * and waitid on a non-blocking pidfd does not wait. */
TEST(freeing_a_living_child_kills_and_reaps_it)
{
    Err   err;
    Ended ended;
    rig_loop(false);
    for (int i = 0; i < 20; i++) {
        CHECK(spawn_shell("exec sleep 60", NULL, 0, &ended, &err) == ST_OK);
        child_free(ended.child);
        CHECK(!has_children());
        CHECK_INT(ended.times, 0);
    }
    child_free(NULL);
    rig_end();
}

TEST(a_missing_program_is_an_error_that_names_it)
{
    Err               err;
    Child            *child = NULL;
    static const int  NULLS[3] = {-1, -1, -1};
    const char *const argv[] = {"none", NULL}, *const envp[] = {NULL};
    ChildSpec spec = {"/nonexistent/program", argv, envp, NULLS, 3};
    rig_loop(false);
    CHECK(child_spawn(loop, &spec, on_ended, NULL, &child, &err) == ST_IO);
    CHECK_INT(err.sys, ENOENT);
    CHECK_TEXT(err.text, "start /nonexistent/program: No such file or directory");
    CHECK(child == NULL && !has_children());
    rig_end();
}

static void read_all(int fd, char *out, size_t size)
{
    size_t  len = 0;
    ssize_t got;
    while (len < size - 1 && (got = read(fd, out + len, size - 1 - len)) > 0) len += (size_t)got;
    out[len] = '\0';
}

TEST(a_child_gets_its_descriptors_in_their_places_and_no_other)
{
    Err   err;
    Ended ended;
    char  text[200];
    int   out[2], extra[2];
    rig_loop(false);
    CHECK(pipe2(out, O_CLOEXEC) == 0);
    CHECK(pipe(extra) == 0); /* as a library would: inherited unless someone cares */
    int fds[] = {-1, out[1], out[1], out[1]};
    CHECK(spawn_shell("echo to-three >&3; for f in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do"
                      " [ -e /dev/fd/$f ] && printf '%s ' $f; done; read line || echo empty",
                      fds, 4, &ended, &err) == ST_OK);
    close(out[1]);
    CHECK(!loop_run(loop));
    read_all(out[0], text, sizeof text);
    CHECK_TEXT(text, "to-three\n0 1 2 3 empty\n");
    child_free(ended.child);
    close(out[0]);
    close(extra[0]);
    close(extra[1]);
    rig_end();
}

TEST(descriptors_that_stand_in_each_others_places_are_swapped)
{
    Err   err;
    Ended ended;
    char  one[40], two[40];
    int   a[2], b[2];
    rig_loop(false);
    CHECK(pipe2(a, O_CLOEXEC) == 0 && pipe2(b, O_CLOEXEC) == 0);
    /* the child gets the two writing ends each under the other's number */
    int high = a[1] > b[1] ? a[1] : b[1], low = a[1] > b[1] ? b[1] : a[1];
    int fds[64];
    for (int i = 0; i <= high; i++) fds[i] = -1;
    fds[high] = low;
    fds[low] = high;
    char script[100];
    snprintf(script, sizeof script, "echo low >/dev/fd/%d; echo high >/dev/fd/%d", low, high);
    CHECK(high < 64 && spawn_shell(script, fds, (size_t)high + 1, &ended, &err) == ST_OK);
    close(a[1]);
    close(b[1]);
    CHECK(!loop_run(loop));
    read_all(a[0], one, sizeof one);
    read_all(b[0], two, sizeof two);
    CHECK_TEXT(one, low == a[1] ? "high\n" : "low\n");
    CHECK_TEXT(two, low == a[1] ? "low\n" : "high\n");
    child_free(ended.child);
    close(a[0]);
    close(b[0]);
    rig_end();
}

TEST(a_child_gets_only_the_environment_it_is_given)
{
    Ended ended;
    rig_loop(false);
    setenv("PERIGEE_TEST_LEAK", "1", 1);
    run_shell("[ \"$ONLY\" = this ] && [ -z \"$PERIGEE_TEST_LEAK\" ]", &ended);
    CHECK_INT(ended.exit_code, 0);
    unsetenv("PERIGEE_TEST_LEAK");
    rig_end();
}

TEST(a_child_starts_with_default_signals_and_an_empty_mask)
{
    Ended    ended;
    sigset_t blocked, before;
    rig_loop(false);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    run_shell("kill -TERM $$; exit 3", &ended);
    CHECK_INT(ended.signal, SIGTERM);
    run_shell("kill -PIPE $$; exit 3", &ended);
    CHECK_INT(ended.signal, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    rig_end();
}

/* Symptom: every child seemed to have failed when the host was started by a program that ignores
 * SIGCHLD. Cause: the kernel then reaps children itself. */
TEST(exit_codes_arrive_although_our_parent_ignored_SIGCHLD)
{
    Ended ended;
    rig_loop(false);
    signal(SIGCHLD, SIG_IGN);
    run_shell("exit 9", &ended);
    CHECK_INT(ended.exit_code, 9);
    rig_end();
}

static void free_in_callback(void *arg, int exit_code, int signo)
{
    Ended *ended = arg;
    on_ended(arg, exit_code, signo);
    child_free(ended->child);
}

TEST(a_child_may_be_freed_in_its_own_callback)
{
    Err               err;
    Ended             ended = {0};
    static const int  NULLS[3] = {-1, -1, -1};
    const char *const argv[] = {"sh", "-c", "exit 4", NULL}, *const envp[] = {NULL};
    ChildSpec spec = {"/bin/sh", argv, envp, NULLS, 3};
    rig_loop(false);
    CHECK(child_spawn(loop, &spec, free_in_callback, &ended, &ended.child, &err) == ST_OK);
    CHECK(!loop_run(loop));
    CHECK_INT(ended.exit_code, 4);
    rig_end();
}

int main(void) { return rig_run(); }
