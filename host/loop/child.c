#include "internal.h"

#include "../base/fault.h"
#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct Child {
    Loop       *loop;  /* borrowed */
    Watch      *watch; /* owned; on the pidfd */
    int         pidfd; /* owned */
    pid_t       pid;
    bool        ended;
    ChildEnded *on_end;
    void       *arg;
};

/* By number, not by pidfd: libuv has made that one non-blocking, and waitid on it would then not
 * wait. The number stays the child's until it is reaped here. False when it still runs. */
static bool reap(Child *child, int options, int *exit_code, int *signo)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int rc;
    do rc = waitid(P_PID, (id_t)child->pid, &info, WEXITED | options);
    while (rc != 0 && errno == EINTR);
    if (rc == 0 && info.si_pid == 0) return false;
    bool exited = info.si_code == CLD_EXITED;
    *exit_code = exited ? info.si_status : -1;
    *signo = exited ? 0 : info.si_status;
    return true;
}

/* A parent that ignored SIGCHLD hands that on to us, and the kernel would reap our children itself:
 * nobody could tell how they ended. */
static void keep_endings(void)
{
    struct sigaction now;
    if (sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_IGN) signal(SIGCHLD, SIG_DFL);
}

static void on_pidfd(void *arg, int fd, int events)
{
    Child *child = arg;
    (void)fd;
    (void)events;
    int exit_code, signo;
    if (!reap(child, WNOHANG, &exit_code, &signo)) return;
    child->ended = true;
    watch_set(child->watch, 0);
    child->on_end(child->arg, exit_code, signo);
}

/* Puts `fds` in their places. A source that stands where another one must go is first moved out of
 * the way: above every target, with close-on-exec, so that nothing else is inherited. */
static int map_descriptors(posix_spawn_file_actions_t *actions, const ChildSpec *spec, int *moved)
{
    for (size_t i = 0; i < spec->fd_count; i++) {
        moved[i] = -1;
        if (spec->fds[i] < 0) continue;
        moved[i] = fcntl(spec->fds[i], F_DUPFD_CLOEXEC, (int)spec->fd_count + 3);
        if (moved[i] < 0) return errno;
    }
    for (size_t i = 0; i < spec->fd_count; i++) {
        int rc = moved[i] >= 0
                     ? posix_spawn_file_actions_adddup2(actions, moved[i], (int)i)
                     : posix_spawn_file_actions_addopen(actions, (int)i, "/dev/null", O_RDWR, 0);
        if (rc != 0) return rc;
    }
    /* Libraries open descriptors without close-on-exec (libcurl's sockets, for one). */
    return posix_spawn_file_actions_addclosefrom_np(actions, (int)spec->fd_count);
}

static int spawn(const ChildSpec *spec, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t          attr;
    int                       *moved = mem_new(spec->fd_count * sizeof *moved);
    sigset_t                   none, all;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (size_t i = 0; i < spec->fd_count; i++) moved[i] = -1;
    int rc = fault_hit("loop.spawn") ? EAGAIN : map_descriptors(&actions, spec, moved);
    if (rc == 0)
        rc = posix_spawn(pid, spec->path, &actions, &attr, (char *const *)(uintptr_t)spec->argv,
                         (char *const *)(uintptr_t)spec->envp);
    for (size_t i = 0; i < spec->fd_count; i++)
        if (moved[i] >= 0) close(moved[i]);
    free(moved);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

Status child_spawn(Loop *loop, const ChildSpec *spec, ChildEnded *ended, void *arg, Child **out,
                   Err *err)
{
    pid_t pid;
    keep_endings();
    int rc = spawn(spec, &pid);
    if (rc != 0) {
        errno = rc;
        return err_set(err, ST_IO, "start %s: %s", spec->path, strerror(rc));
    }
    Child *child = mem_new(sizeof *child);
    *child = (Child){.loop = loop, .pid = pid, .on_end = ended, .arg = arg};
    /* The child is ours and not reaped, so its number cannot have been used again. */
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (child->pidfd < 0) {
        err_set(err, ST_IO, "pidfd of %s: %s", spec->path, strerror(errno));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        free(child);
        return err->status;
    }
    Status status = watch_new(loop, child->pidfd, on_pidfd, child, &child->watch, err);
    loop->objects++;
    if (status != ST_OK) {
        child_free(child);
        return status;
    }
    watch_set(child->watch, WATCH_READ);
    *out = child;
    return ST_OK;
}

pid_t child_pid(const Child *child) { return child->pid; }

void child_kill(Child *child, int signo)
{
    if (!child->ended) syscall(SYS_pidfd_send_signal, child->pidfd, signo, NULL, 0);
}

void child_free(Child *child)
{
    if (!child) return;
    if (!child->ended) {
        int exit_code, signo;
        child_kill(child, SIGKILL);
        reap(child, 0, &exit_code, &signo);
    }
    watch_free(child->watch);
    close(child->pidfd);
    child->loop->objects--;
    free(child);
}
