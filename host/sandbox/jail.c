/* perigee-sandbox: carries out a plan that the host made, step by step, and stops at the first one
 * that fails. Read jail.h first, then run_steps below. */
#include "jail.h"
#include "jail_calls.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int do_step(Jail *jail, const Step *step);

static void run_steps(Jail *jail)
{
    for (jail->at = 0; jail->at < jail->plan->step_count; jail->at++) {
        const Step *step = &jail->plan->steps[jail->at];
        int         error = do_step(jail, step);
        if (error == ENOENT && (step->flags & STEP_OPTIONAL) && step->op != OP_LIMIT) continue;
        if (error != 0) jail_fail(jail, error);
    }
}

static int do_step(Jail *jail, const Step *step)
{
    switch (step->op) {
    case OP_NEW_USER: return make_user(step);
    case OP_NEW_NET: return make_net();
    case OP_NEW_MOUNTS: return make_mounts();
    case OP_LOOPBACK: return raise_loopback();
    case OP_LISTEN: return open_listener(jail);
    case OP_ROOT: return mount_root(jail, step);
    case OP_FOLDER: return make_folder(jail, step);
    case OP_FILE: return make_file(jail, step);
    case OP_LINK: return make_link(jail, step);
    case OP_BIND: return bind_source(jail, step);
    case OP_TMPFS: return mount_tmpfs(jail, step);
    case OP_WORKSPACE: return bind_workspace(jail, step);
    case OP_PLACE: return make_place(jail, step);
    case OP_HOST_PROC: return bind_host_proc(jail);
    case OP_ENTER_ROOT: return enter_root(jail);
    case OP_HAND_OVER: return hand_over(jail, step);
    case OP_JOIN: return join_space(step);
    case OP_KILL_FIRST: /* a wish: where /proc cannot be written, the host's watch is left */
        (void)write_text("/proc/self/oom_score_adj", "1000");
        return 0;
    case OP_CGROUP:
        jail->cgroup = open(step->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return jail->cgroup < 0 ? errno : 0;
    case OP_ISOLATE: return isolate(jail);
    case OP_PROC: return mount_proc();
    case OP_PROCESSES: return bound_processes(step);
    case OP_PTS: return mount_pts();
    case OP_REVEAL: return reveal(step);
    case OP_PIN: return pin(step);
    case OP_READ_ONLY: return make_read_only(step);
    case OP_MASK: return mask(step);
    case OP_HOSTNAME: return sethostname(step->more, strlen(step->more)) == 0 ? 0 : errno;
    case OP_DROP_RIGHTS: return drop_rights();
    case OP_NO_NEW_RIGHTS: return forbid_new_rights();
    case OP_FENCE: return fence_begin(jail);
    case OP_ALLOW: return fence_allow(jail, step);
    case OP_ENCLOSE: return fence_close(jail);
    case OP_FILTER: return install_filter();
    case OP_FORK: return fork_command(jail, step);
    case OP_LIMIT: return set_limit(step);
    case OP_ENTER_FOLDER: return chdir(step->path) == 0 ? 0 : errno;
    case OP_EXEC: return execute(jail->plan);
    case OP_COUNT: break;
    }
    return EINVAL;
}

int write_text(const char *path, const char *text)
{
    size_t len = strlen(text);
    int    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    ssize_t written = write(fd, text, len);
    return close_with(fd, written == (ssize_t)len ? 0 : written < 0 ? errno : EIO);
}

int jail_send(WireReport *report, const int *fds, size_t fd_count)
{
    union {
        struct cmsghdr header;
        char           bytes[CMSG_SPACE(WIRE_REPORT_FDS * sizeof(int))];
    } control;
    struct iovec  part = {report, sizeof *report};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    report->magic = WIRE_MAGIC;
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(WIRE_REPORT_FD, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *report ? 0 : sent < 0 ? errno : EIO;
}

void jail_report(Jail *jail, ReportKind kind)
{
    WireReport report = {
        .kind = kind,
        .step = (uint32_t)jail->outcome->step,
        .error = jail->outcome->error,
        .wait_status = jail->outcome->wait_status,
    };
    getrusage(RUSAGE_CHILDREN, &report.usage);
    jail_send(&report, NULL, 0);
    _exit(kind == REPORT_FAILED ? 1 : 0);
}

void jail_fail(Jail *jail, int error)
{
    jail->outcome->step = (int)jail->at;
    jail->outcome->error = error;
    jail->outcome->failed = 1;
    if (jail->reports) jail_report(jail, REPORT_FAILED);
    _exit(1);
}

/* The plan must be sealed: bytes that can still change would be checked once and used later. */
static bool read_plan(WireStore *store, WirePlan *plan)
{
    struct stat info;
    int         seals = fcntl(WIRE_PLAN_FD, F_GET_SEALS), need = F_SEAL_SHRINK | F_SEAL_WRITE;
    if (seals < 0 || (seals & need) != need || fstat(WIRE_PLAN_FD, &info) != 0) return false;
    if (info.st_size <= 0 || info.st_size > WIRE_BYTES_MAX) return false;
    char *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, WIRE_PLAN_FD, 0);
    if (bytes == MAP_FAILED) return false;
    close(WIRE_PLAN_FD);
    return wire_decode(bytes, (size_t)info.st_size, store, plan);
}

/* Dies with the host, has the host's signals blocked, holds nothing but what it was given. */
static bool settle(const WirePlan *plan)
{
    /* Not 0: where crashes are piped to a program of the host (systemd-coredump), only this number
     * keeps the kernel from handing over the memory of the process. */
    struct rlimit no_core = {1, 1};
    sigset_t      all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    umask(022);
    setrlimit(RLIMIT_CORE, &no_core);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return false;
    if ((uint32_t)getppid() != plan->host_pid) return false;
    /* Its place is taken also when nothing was passed: it is closed by its number later, and must
     * not be something of ours then. */
    if (fcntl(WIRE_ASIDE_FD, F_GETFD) < 0 && dup2(STDIN_FILENO, WIRE_ASIDE_FD) < 0) return false;
    return syscall(SYS_close_range, WIRE_ASIDE_FD + 1, ~0U, 0) == 0 || errno == ENOSYS;
}

int main(void)
{
    static WireStore store;
    WirePlan         plan;
    if (!read_plan(&store, &plan)) {
        static const char text[] = "perigee-sandbox is started by perigee, with a plan; see "
                                   "`perigee exec --explain`\n";
        ssize_t           said = write(STDERR_FILENO, text, sizeof text - 1);
        return said < 0 ? 1 : 2;
    }
    if (!settle(&plan)) return 1;
    Jail jail = {.plan = &plan,
                 .reports = true,
                 .root = -1,
                 .cgroup = -1,
                 .gate = -1,
                 .listener = -1,
                 .fence = -1};
    jail.outcome =
        mmap(NULL, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (jail.outcome == MAP_FAILED) return 1;
    run_steps(&jail);
    return 0; /* a space was handed over */
}
