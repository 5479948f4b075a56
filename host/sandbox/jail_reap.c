/* The steps that split the process, and what the process that stays behind does. */
#include "jail.h"
#include "jail_calls.h"

#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static pid_t wait_any(int *status, int options)
{
    pid_t pid;
    do pid = waitpid(-1, status, options);
    while (pid < 0 && errno == EINTR);
    return pid;
}

/* The command's pipes end with the command. */
static void close_pipes(void)
{
    for (int fd = 0; fd <= 2; fd++) close(fd);
    close(WIRE_ASIDE_FD);
}

/* -- outer process ----------------------------------------------------------------------------- */

/* The gate opens when the host has init's pidfd: from then on it can kill the whole tree at once.
 * Should this process die earlier, init finds the gate closed, and no command ever ran. */
static _Noreturn void wait_for_init(Jail *jail, pid_t init, int pidfd, int gate)
{
    int        status;
    WireReport started = {.kind = REPORT_STARTED, .pid = init};
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    close_pipes();
    int error = jail_send(&started, &pidfd, 1);
    /* EPIPE: init has failed by itself already, and said in `outcome` why. */
    if (error == 0 && write(gate, "", 1) != 1 && errno != EPIPE) error = errno;
    close(pidfd);
    close(gate);
    if (wait_any(&status, 0) != init && error == 0) error = ECHILD;
    if (error != 0) jail_fail(jail, error);
    if (!jail->outcome->failed && !jail->outcome->ended) { /* killed, with all that it held */
        jail->outcome->ended = 1;
        jail->outcome->wait_status = status;
    }
    jail_report(jail, jail->outcome->failed ? REPORT_FAILED : REPORT_ENDED);
}

int isolate(Jail *jail)
{
    int               gate[2], pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                 CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    if (pipe2(gate, O_CLOEXEC) != 0) return errno;
    if (jail->cgroup >= 0) { /* the outer process stays outside: it reports when all else is dead */
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)jail->cgroup;
    }
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return errno;
    if (pid > 0) {
        close(gate[0]);
        wait_for_init(jail, (pid_t)pid, pidfd, gate[1]);
    }
    jail->reports = false;
    jail->isolated = true;
    jail->gate = gate[0];
    close(gate[1]);
    if (jail->cgroup >= 0) close(jail->cgroup);
    close(WIRE_REPORT_FD);
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 ? 0 : errno;
}

/* -- init, or the outer process of an unconfined command --------------------------------------- */

/* Unconfined: there is no namespace whose end would kill what the command left, but whatever it
 * left became a child of this process (its subreaper), one generation after the other. */
static void kill_children(void)
{
    char  path[64];
    int   status;
    pid_t child;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    for (;;) {
        FILE *list = fopen(path, "re");
        while (list && fscanf(list, "%d", &child) == 1) kill(child, SIGKILL);
        if (list) fclose(list);
        if (wait_any(&status, 0) < 0) return;
    }
}

static void end_signal(const Jail *jail, pid_t command, int signo)
{
    if (jail->isolated) {
        if (signo == SIGTERM) kill(-1, SIGTERM); /* everything in this pid namespace but us */
    } else if (signo == SIGTERM) {
        kill(-command, SIGTERM);
    } else {
        kill(-command, SIGKILL);
    }
}

static _Noreturn void reap(Jail *jail, pid_t command)
{
    sigset_t wanted;
    int      status;
    close_pipes();
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGUSR1);
    while (!jail->outcome->ended) {
        int   signo = sigwaitinfo(&wanted, NULL);
        pid_t pid;
        if (signo == SIGTERM || signo == SIGUSR1) end_signal(jail, command, signo);
        while ((pid = wait_any(&status, WNOHANG)) > 0) {
            if (pid != command) continue;
            jail->outcome->wait_status = status;
            jail->outcome->ended = !jail->outcome->failed;
            if (jail->isolated) _exit(0);
            kill(-command, SIGKILL);
            kill_children();
            jail_report(jail, jail->outcome->failed ? REPORT_FAILED : REPORT_ENDED);
        }
    }
    _exit(0);
}

/* The null device that we were started with is opened through the host's own mount, where its owner
 * (root, when root runs this) may change its mode and times for the whole machine. The command gets
 * the one of the space, which is read-only in all but its data. */
static int own_null(void)
{
    struct stat info;
    for (int fd = 0; fd <= 2; fd++) {
        if (fstat(fd, &info) != 0) return errno;
        if (!S_ISCHR(info.st_mode)) continue;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0) return errno;
        if (dup2(null, fd) < 0) return close_with(null, errno);
        close(null);
    }
    return 0;
}

int fork_command(Jail *jail, const Step *step)
{
    int      error;
    char     open_gate;
    sigset_t none;
    if (jail->isolated && read(jail->gate, &open_gate, 1) != 1) _exit(1);
    if (jail->isolated) {
        close(jail->gate);
    } else if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
               prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) != 0) {
        return errno;
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    pid_t command = fork();
    if (command < 0) return errno;
    if (command > 0) reap(jail, command);
    jail->reports = false;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setsid() < 0) return errno;
    if (jail->isolated && (error = own_null()) != 0) return error;
    if (!jail->isolated && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return errno;
    /* Standard streams only: 3 and above end at exec, whatever is still open there. */
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno;
    if (step->number == 0) return 0;
    return dup2(WIRE_ASIDE_FD, (int)step->number) >= 0 ? 0 : errno;
}

/* -- the command ------------------------------------------------------------------------------- */

static const char *inner_path(const WirePlan *plan)
{
    for (size_t i = 0; i < plan->variable_count; i++)
        if (strncmp(plan->variables[i], "PATH=", 5) == 0) return plan->variables[i] + 5;
    return "/usr/bin:/bin";
}

int execute(const WirePlan *plan)
{
    char         file[4096];
    const char  *name = plan->words[0], *path = inner_path(plan);
    char *const *argv = (char *const *)(uintptr_t)plan->words;
    char *const *envp = (char *const *)(uintptr_t)plan->variables;
    int          error = ENOENT;
    if (!name || !*name) return ENOENT;
    if (strchr(name, '/')) {
        execve(name, argv, envp);
        return errno;
    }
    while (*path) {
        size_t len = strcspn(path, ":");
        if (len > 0 && len + strlen(name) + 2 <= sizeof file) {
            snprintf(file, sizeof file, "%.*s/%s", (int)len, path, name);
            execve(file, argv, envp);
            /* As a shell does: a file that may not be executed is remembered, the search goes on.
             */
            if (errno != ENOENT && errno != ENOTDIR) error = errno;
        }
        path += len + (path[len] == ':');
    }
    return error;
}
