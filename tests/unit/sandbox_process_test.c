/* Commands through the real interface: how they end, what they may use, what comes back. */
#include "sandbox_try.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

TEST(a_command_runs_and_its_output_comes_back)
{
    TRY_OPEN(t);
    try_sh(&t, "echo hello; pwd; echo oops >&2");
    CHECK_INT(t.err.status, ST_OK);
    CHECK_INT(t.code, 0);
    CHECK(t.out && strncmp(t.out, "hello\n/tmp/perigee-test-", 24) == 0);
    CHECK_TEXT(t.error, "oops\n");
    CHECK_INT(t.ends, 1);
    CHECK(t.seen > 0);
    try_close(&t);
}

TEST(an_exit_code_is_passed_on_and_is_never_a_failure_of_the_sandbox)
{
    TRY_OPEN(t);
    static const char *const scripts[] = {"exit 3", "exit 125", "exit 126", "exit 127", "exit 255"};
    static const int         codes[] = {3, 125, 126, 127, 255};
    for (size_t i = 0; i < 5; i++) {
        try_sh(&t, scripts[i]);
        CHECK_INT(t.err.status, ST_OK);
        CHECK_INT(t.code, codes[i]);
        CHECK_INT(t.signal, 0);
    }
    try_close(&t);
}

TEST(a_signal_ends_a_command_as_a_shell_says_it)
{
    TRY_OPEN(t);
    try_sh(&t, "kill -SEGV $$");
    CHECK_INT(t.err.status, ST_OK);
    CHECK_INT(t.signal, SIGSEGV);
    CHECK_INT(t.code, 128 + SIGSEGV);
    try_close(&t);
}

TEST(a_command_that_is_not_there_is_127_and_was_not_run)
{
    TRY_OPEN(t);
    try_argv(&t, (const char *const[]){"no-such-command", NULL});
    CHECK_INT(t.err.status, ST_NOT_FOUND);
    CHECK_INT(t.code, 127);
    CHECK(strstr(t.err.text, "no-such-command") != NULL);
    try_argv(&t, (const char *const[]){"./nothing", NULL});
    CHECK_INT(t.code, 127);
    try_close(&t);
}

TEST(a_command_that_is_no_program_is_126)
{
    TRY_OPEN(t);
    try_file(&t, "data", "just text\n");
    try_argv(&t, (const char *const[]){"./data", NULL});
    CHECK_INT(t.err.status, ST_DENIED);
    CHECK_INT(t.code, 126);
    CHECK(strstr(t.err.text, "EACCES") != NULL);
    try_close(&t);
}

TEST(a_command_is_looked_up_in_the_inner_path)
{
    TRY_OPEN(t);
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_OK);
    CHECK_INT(t.code, 0);
    t.spec.variables = (const char *const[]){"PATH=/nowhere", NULL};
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_NOT_FOUND);
    try_close(&t);
}

TEST(input_is_read_and_without_it_stdin_is_the_null_device)
{
    TRY_OPEN(t);
    try_sh(&t, "cat; readlink /proc/self/fd/0");
    CHECK_TEXT(t.out, "/dev/null\n");
    t.spec.input = STR("one\ntwo\n");
    try_sh(&t, "sort -r");
    CHECK_TEXT(t.out, "two\none\n");
    try_sh(&t, "sort -r /dev/stdin");
    CHECK_TEXT(t.out, "two\none\n");
    try_close(&t);
}

TEST(binary_output_is_kept_byte_by_byte)
{
    TRY_OPEN(t);
    try_sh(&t, "printf 'a\\000b\\377c'");
    CHECK_INT(t.out_len, 5);
    CHECK(t.out && memcmp(t.out, "a\0b\377c", 5) == 0);
    try_close(&t);
}

TEST(what_a_command_says_aside_comes_apart_from_its_outputs)
{
    TRY_OPEN(t);
    try_sh(&t, "[ -e /proc/self/fd/250 ] || echo closed");
    CHECK_TEXT(t.out, "closed\n");
    CHECK(!t.aside_whole);
    t.spec.aside = 20;
    try_argv(&t, (const char *const[]){"bash", "-c", "echo out; printf 'a\\0b' >&250; ls /proc/self/fd", NULL});
    CHECK_TEXT(t.out, "out\n0\n1\n2\n250\n3\n"); /* 3 is what ls looks at */
    CHECK(t.aside_whole);
    CHECK_INT(t.aside_len, 3);
    CHECK(memcmp(t.aside, "a\0b", 3) == 0);
    CHECK_INT(t.seen, t.out_len + 7); /* and what was closed */
    try_argv(&t, (const char *const[]){"bash", "-c", "seq 1000 >&250; echo on", NULL});
    CHECK_TEXT(t.out, "on\n");
    CHECK(!t.aside_whole);
    try_argv(&t, (const char *const[]){"bash", "-c", "true", NULL});
    CHECK(t.aside_whole);
    CHECK_INT(t.aside_len, 0);
    t.spec.limits.output = 10000;
    try_argv(&t, (const char *const[]){"bash", "-c", "yes >&250", NULL});
    CHECK_TEXT(t.limit, "output");
    try_close(&t);
}

TEST(of_long_output_the_head_and_the_tail_are_kept)
{
    TRY_OPEN(t);
    t.spec.limits.output = 1000;
    try_sh(&t, "seq 1 1000"); /* 3893 bytes */
    CHECK_INT(t.err.status, ST_OK);
    CHECK_INT(t.out_len, 1000);
    CHECK_INT(t.out_dropped, 2893);
    CHECK_INT(t.out_head, 500);
    CHECK_INT(t.seen, 3893);
    CHECK(t.out && strncmp(t.out, "1\n2\n3\n", 6) == 0);
    CHECK(t.out && strcmp(t.out + 1000 - 9, "999\n1000\n") == 0);
    try_close(&t);
}

TEST(output_beyond_sixteen_times_the_limit_kills)
{
    TRY_OPEN(t);
    t.spec.limits.output = 10000;
    try_sh(&t, "yes");
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK_TEXT(t.limit, "output");
    CHECK_INT(t.out_len, 10000);
    CHECK(t.out && strncmp(t.out, "y\ny\n", 4) == 0);
    try_close(&t);
}

TEST(the_wall_limit_sends_TERM_first)
{
    TRY_OPEN(t);
    t.spec.limits.wall_ms = 300;
    try_sh(&t, "trap 'echo bye; exit 9' TERM; sleep 1000 & wait");
    CHECK_INT(t.err.status, ST_TIMEOUT);
    CHECK_TEXT(t.limit, "wall");
    CHECK_TEXT(t.out, "bye\n");
    CHECK_INT(t.code, 9);
    try_close(&t);
}

TEST(who_ignores_TERM_is_killed)
{
    TRY_OPEN(t);
    t.spec.limits.wall_ms = 100;
    try_sh(&t, "trap '' TERM; while :; do sleep 1000; done");
    CHECK_INT(t.err.status, ST_TIMEOUT);
    CHECK_INT(t.signal, SIGKILL);
    try_close(&t);
}

static void cancel_at_output(void *arg, bool is_error, Str bytes)
{
    (void)is_error;
    (void)bytes;
    exec_cancel(*(SandboxExec **)arg);
}

typedef struct Cancelled {
    SandboxExec *exec; /* first */
    Try         *t;
} Cancelled;

static void cancelled_end(void *arg, SandboxResult *result)
{
    try_on_end(((Cancelled *)arg)->t, result);
}

TEST(cancel_kills_at_once_and_keeps_what_was_written)
{
    TRY_OPEN(t);
    static Cancelled  one;
    const ExecEvents  events = {.on_output = cancel_at_output, .on_end = cancelled_end};
    const char *const argv[] = {"/bin/sh", "-c", "trap '' TERM; echo begun; sleep 1000", NULL};
    t.spec.argv = argv;
    one.t = &t;
    CHECK_INT(exec_begin(t.space, &t.spec, &events, &one, &one.exec, &t.err), ST_OK);
    loop_run(t.loop);
    CHECK_INT(t.err.status, ST_CANCELLED);
    CHECK_TEXT(t.out, "begun\n");
    CHECK_INT(t.signal, SIGKILL);
    try_close(&t);
}

TEST(cancel_before_anything_ran_ends_too_and_not_from_inside)
{
    TRY_OPEN(t);
    SandboxExec *exec = try_begin(&t, (const char *const[]){"true", NULL});
    CHECK(exec != NULL);
    exec_cancel(exec);
    exec_cancel(exec);
    CHECK_INT(t.ends, 0);
    loop_run(t.loop);
    CHECK_INT(t.ends, 1);
    CHECK_INT(t.err.status, ST_CANCELLED);
    try_close(&t);
}

TEST(a_background_child_dies_with_the_command_and_holds_nothing_up)
{
    TRY_OPEN(t);
    try_sh(&t, "(setsid sleep 1000; echo survived > survived) & echo done");
    CHECK_INT(t.err.status, ST_OK);
    CHECK_TEXT(t.out, "done\n");
    try_sh(&t, "ls; ps -e -o comm= 2>/dev/null | grep -c sleep");
    CHECK_TEXT(t.out, "0\n");
    try_close(&t);
}

TEST(a_daemon_that_leaves_its_session_dies_as_well)
{
    TRY_OPEN(t);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/pipe", t.folder);
    CHECK_INT(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    try_sh(&t, "python3 -c 'import os,time\n"
               "if os.fork(): os._exit(0)\n"
               "os.setsid()\n"
               "if os.fork(): os._exit(0)\n"
               "f = os.open(\"pipe\", os.O_WRONLY); os.write(f, b\"x\"); time.sleep(1000)'\n"
               "head -c1 /dev/zero > /dev/null");
    CHECK_INT(t.err.status, ST_OK);
    struct pollfd state = {.fd = fd, .events = POLLIN};
    /* No writer is left: what was written may be there, and then the end. */
    char          bytes[8];
    poll(&state, 1, 0);
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
    CHECK_INT(read(fd, bytes, sizeof bytes), 0);
    close(fd);
    try_close(&t);
}

TEST(processor_time_is_bounded)
{
    TRY_OPEN(t);
    t.spec.limits.cpu_ms = 1000;
    try_argv(&t, (const char *const[]){"/bin/sh", "-c", "while :; do :; done", NULL});
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK_TEXT(t.limit, "cpu");
    CHECK(t.cpu_s > 0.5);
    try_close(&t);
}

TEST(a_file_is_bounded_and_descriptors_are)
{
    TRY_OPEN(t);
    t.spec.limits.file_size = 4096;
    t.spec.limits.descriptors = 20;
    try_sh(&t, "ulimit -n; ulimit -c; exec head -c 100000 /dev/zero > big");
    CHECK_TEXT(t.limit, "file");
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK_TEXT(t.out, "20\n0\n");
    try_close(&t);
}

TEST(memory_is_bounded_over_the_whole_tree)
{
    TRY_OPEN(t);
    t.spec.limits.memory = (size_t)200 << 20;
    try_sh(&t, "for i in 1 2 3; do python3 -c 'import time\nb = bytearray(100 << 20)\n"
               "for i in range(0, len(b), 4096): b[i] = 1\ntime.sleep(1000)' & done; wait");
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK_TEXT(t.limit, "memory");
    try_close(&t);
}

TEST(the_number_of_processes_is_bounded)
{
    TRY_OPEN(t);
    t.spec.limits.processes = 60;
    /* The kernel refuses the fork, or the watch kills when it next looks: never more than the
     * smallest bound that the kernel takes (301) in between. */
    try_sh(&t, "exec python3 -c 'import os, time\n"
               "n = 0\n"
               "try:\n"
               "  while n < 2000:\n"
               "    if os.fork() == 0: time.sleep(1000)\n"
               "    n += 1\n"
               "except OSError: pass\n"
               "print(n, flush=True)\n"
               "if n > 60: time.sleep(1000)'");
    CHECK(t.err.status == ST_OK || (t.limit && strcmp(t.limit, "processes") == 0));
    CHECK(t.out && atoi(t.out) <= 301);
    try_close(&t);
}

TEST(a_fork_bomb_leaves_the_run_and_the_machine_usable)
{
    TRY_OPEN(t);
    t.spec.limits.wall_ms = 1500;
    /* It ends by a limit, or by itself where its shell cannot fork any more; but it ends. */
    try_sh(&t, "b() { b | b & }; b 2>/dev/null; sleep 1000");
    CHECK_INT(t.ends, 1);
    t.spec.limits.wall_ms = 0;
    try_sh(&t, "echo well");
    CHECK_TEXT(t.out, "well\n");
    try_close(&t);
}

TEST(two_commands_of_a_run_go_side_by_side)
{
    TRY_OPEN(t);
    /* Each waits for the other: one after the other they would never end. */
    const char *const left[] = {"/bin/sh", "-c", "echo a > l; until [ -e r ]; do :; done", NULL};
    const char *const right[] = {"/bin/sh", "-c", "echo b > r; until [ -e l ]; do :; done", NULL};
    CHECK(try_begin(&t, left) != NULL);
    CHECK(try_begin(&t, right) != NULL);
    loop_run(t.loop);
    if (t.ends < 2) loop_run(t.loop);
    CHECK_INT(t.ends, 2);
    CHECK_INT(t.code, 0);
    try_close(&t);
}

/* A process of the command writes to a FIFO and stays; whoever reads sees the end when the last
 * writer is dead. */
static int open_fifo(const Try *t, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    if (mkfifo(path, 0600) != 0) abort();
    return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* Waits for "x", which says that the process stands. */
static bool wait_for_byte(int fd, int timeout_ms)
{
    char          byte = 0;
    struct pollfd state = {.fd = fd, .events = POLLIN};
    return poll(&state, 1, timeout_ms) == 1 && read(fd, &byte, 1) == 1;
}

static bool wait_for_end(int fd, int timeout_ms)
{
    char          byte;
    struct pollfd state = {.fd = fd, .events = POLLIN};
    return poll(&state, 1, timeout_ms) == 1 && read(fd, &byte, 1) == 0;
}

static const char STAYS[] = "(trap '' TERM HUP; exec > pipe; printf x; setsid sleep 1000) & wait";

static void stop_at_byte(void *arg, int fd, int events)
{
    (void)fd;
    (void)events;
    loop_stop(((Try *)arg)->loop);
}

static void space_ends_tree(bool unconfined)
{
    static Try t;
    Watch     *watch;
    Err        err;
    try_loop(&t);
    t.space_spec.unconfined = unconfined;
    CHECK(try_space(&t));
    int               fd = open_fifo(&t, "pipe");
    const char *const argv[] = {"/bin/sh", "-c", STAYS, NULL};
    CHECK(try_begin(&t, argv) != NULL);
    CHECK_INT(watch_new(t.loop, fd, stop_at_byte, &t, &watch, &err), ST_OK);
    watch_set(watch, WATCH_READ);
    loop_run(t.loop);
    watch_free(watch);
    CHECK(wait_for_byte(fd, 0));
    space_free(t.space);
    t.space = NULL;
    CHECK(wait_for_end(fd, unconfined ? 10000 : 0)); /* confined: dead when space_free returns */
    CHECK_INT(t.ends, 0);
    close(fd);
    try_close(&t);
}

TEST(freeing_the_space_kills_what_runs_without_an_event)
{
    TRY_OPEN(t);
    try_close(&t);
    space_ends_tree(false);
}

TEST(an_unconfined_command_runs_and_its_tree_ends_with_the_space) { space_ends_tree(true); }

TEST(an_unconfined_command_leaves_no_child_behind)
{
    static Try t;
    try_loop(&t);
    t.space_spec.unconfined = true;
    CHECK(try_space(&t));
    int fd = open_fifo(&t, "pipe");
    try_sh(&t, "(trap '' TERM; exec > pipe; setsid sleep 1000) & echo on; exit 4");
    CHECK_INT(t.err.status, ST_OK);
    CHECK_INT(t.code, 4);
    CHECK_TEXT(t.out, "on\n");
    char byte;
    CHECK_INT(read(fd, &byte, 1), 0);
    close(fd);
    t.spec.limits.wall_ms = 200;
    try_sh(&t, "exec sleep 1000");
    CHECK_INT(t.err.status, ST_TIMEOUT);
    CHECK_INT(t.signal, SIGTERM);
    try_close(&t);
}

TEST(nothing_outlives_a_host_that_is_killed)
{
    TRY_OPEN(t);
    int   fd = open_fifo(&t, "pipe");
    pid_t host = fork();
    if (host == 0) {
        static Try inner;
        Err        err;
        if (loop_new(&inner.loop, false, &err) != ST_OK) _exit(1);
        memcpy(inner.folder, t.folder, sizeof inner.folder);
        inner.spec.writes = true;
        if (!try_space(&inner)) _exit(1);
        try_argv(&inner, (const char *const[]){"/bin/sh", "-c", STAYS, NULL});
        _exit(1);
    }
    bool stands = wait_for_byte(fd, 20000);
    kill(host, SIGKILL);
    waitpid(host, NULL, 0);
    CHECK(stands);
    CHECK(wait_for_end(fd, 20000));
    close(fd);
    try_close(&t);
}

static void free_at_end(void *arg, SandboxResult *result)
{
    Try *t = arg;
    space_free(t->space);
    t->space = NULL;
    try_on_end(t, result);
}

TEST(the_space_may_be_freed_when_a_command_ends)
{
    TRY_OPEN(t);
    SandboxExec      *exec, *other;
    const ExecEvents  events = {.on_end = free_at_end};
    const char *const quick[] = {"true", NULL}, *const slow[] = {"sleep", "1000", NULL};
    t.spec.argv = quick;
    CHECK_INT(exec_begin(t.space, &t.spec, &events, &t, &exec, &t.err), ST_OK);
    t.spec.argv = slow;
    CHECK_INT(exec_begin(t.space, &t.spec, &events, &t, &other, &t.err), ST_OK);
    loop_run(t.loop);
    CHECK_INT(t.ends, 1);
    CHECK_INT(t.code, 0);
    try_close(&t);
}

TEST(a_missing_helper_is_unavailable_and_says_what_to_do)
{
    static Try t;
    try_loop(&t);
    t.space_spec.workspace = t.folder;
    t.space_spec.helper = "/nowhere/perigee-sandbox";
    CHECK_INT(space_new(t.loop, &t.space_spec, &t.space, &t.err), ST_OK);
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_UNAVAILABLE);
    CHECK(strstr(t.err.text, "make") != NULL);
    try_close(&t);
}

TEST(a_helper_that_is_something_else_is_no_sandbox)
{
    static Try t;
    try_loop(&t);
    t.space_spec.workspace = t.folder;
    t.space_spec.helper = "/bin/true";
    CHECK_INT(space_new(t.loop, &t.space_spec, &t.space, &t.err), ST_OK);
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_UNAVAILABLE);
    CHECK(strstr(t.err.text, "no report") != NULL);
    try_close(&t);
}

TEST(a_folder_that_is_not_there_is_named)
{
    TRY_OPEN(t);
    t.spec.folder = "sub";
    try_argv(&t, (const char *const[]){"pwd", NULL});
    CHECK_INT(t.err.status, ST_NOT_FOUND);
    CHECK(strstr(t.err.text, "/sub") != NULL);
    try_file(&t, "sub/x", "");
    try_argv(&t, (const char *const[]){"pwd", NULL});
    CHECK_INT(t.err.status, ST_OK);
    CHECK(t.out && strstr(t.out, "/sub\n") != NULL);
    try_close(&t);
}

TEST(bad_specifications_are_refused)
{
    TRY_OPEN(t);
    try_argv(&t, (const char *const[]){NULL});
    CHECK_INT(t.err.status, ST_INVALID);
    t.spec.variables = (const char *const[]){"NOVALUE", NULL};
    try_argv(&t, (const char *const[]){"true", NULL});
    CHECK_INT(t.err.status, ST_INVALID);
    t.spec.variables = NULL;
    char *large = calloc(1, 200000);
    memset(large, 'x', 199999);
    try_argv(&t, (const char *const[]){"echo", large, NULL});
    CHECK_INT(t.err.status, ST_LIMIT);
    CHECK(strstr(t.err.text, "input") != NULL);
    free(large);
    try_close(&t);
}

int main(void) { return try_main(); }
