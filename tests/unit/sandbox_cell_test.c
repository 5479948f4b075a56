/* In a cell there is nothing to reach: each case is a process that tries one thing. */
#include "../../host/sandbox/cell.c"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FINE = 7, NO_CELL = 9 };

static char file[] = "/proc/self/status";

/* How a process ended that did `what` in a cell: an exit code, or minus the signal. */
static int try_it(void (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (cell_enter(2, 2, (size_t)64 << 20) != 0) _exit(NO_CELL);
        what();
        syscall(SYS_exit_group, FINE);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void nothing(void) {}
static void says(void)
{
    if (syscall(SYS_write, 1, "", 0) != 0) syscall(SYS_exit_group, 1);
}
static void takes_memory(void)
{
    long at =
        syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at < 0 && at > -4096) syscall(SYS_exit_group, 1);
    *(volatile char *)(uintptr_t)at = 1;
}
static void opens(void) { syscall(SYS_openat, AT_FDCWD, file, O_RDONLY); }
static void connects(void) { syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
static void starts(void) { syscall(SYS_execve, "/bin/true", NULL, NULL); }
static void doubles(void) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static void signals(void) { syscall(SYS_kill, getppid(), 0); }
static void runs_data(void)
{
    syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
            -1, 0);
}
static void turns_to_code(void) { syscall(SYS_mprotect, file, 1, PROT_READ | PROT_EXEC); }
static void writes_what_was_open(void)
{
    if (syscall(SYS_write, 3, "x", 1) != -1 || errno != EBADF) syscall(SYS_exit_group, 1);
}
static void never_ends(void)
{
    for (volatile unsigned i = 0;; i++) {
    }
}
static void takes_too_much(void)
{
    errno = 0;
    syscall(SYS_mmap, NULL, (size_t)1 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (errno != ENOMEM) syscall(SYS_exit_group, 1);
}

TEST(it_computes_reads_and_writes)
{
    CHECK_INT(try_it(nothing), FINE);
    CHECK_INT(try_it(says), FINE);
#if !defined(__SANITIZE_ADDRESS__) &&                                                              \
    !defined(__SANITIZE_THREAD__) /* these are beyond its memory */
    CHECK_INT(try_it(takes_memory), FINE);
#else
    (void)takes_memory;
#endif
}

TEST(everything_else_ends_it)
{
    void (*const all[])(void) = {opens,   connects,  starts,       doubles,
                                 signals, runs_data, turns_to_code};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) CHECK_INT(try_it(all[i]), -SIGSYS);
}

TEST(nothing_that_was_open_is_left)
{
    int fd = open("/dev/null", O_WRONLY);
    if (fd != 3) dup2(fd, 3);
    CHECK_INT(try_it(writes_what_was_open), FINE);
    if (fd != 3) close(3);
    close(fd);
}

TEST(time_and_memory_are_bounded)
{
    CHECK_INT(try_it(takes_too_much), FINE);
    int ended = try_it(never_ends);
    CHECK(ended == -SIGXCPU || ended == -SIGKILL);
}

int main(void) { return tap_run(); }
