/* Machines that allow no sandbox, made on this one: each refusal names its step, its errno and what
 * helps, and nothing runs. Each case goes on in a child process, which it restricts first. */
#include "sandbox_try.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CANNOT = 77 }; /* exit code of a child that could not restrict itself */

static bool put(const char *path, const char *text)
{
    int  fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) close(fd);
    return done;
}

/* As root of a user namespace of its own, in which a test may restrict what it likes. */
static bool become_root(int more)
{
    char user[40], group[40];
    snprintf(user, sizeof user, "0 %d 1", (int)geteuid());
    snprintf(group, sizeof group, "0 %d 1", (int)getegid());
    return unshare(CLONE_NEWUSER | more) == 0 && put("/proc/self/setgroups", "deny") &&
           put("/proc/self/uid_map", user) && put("/proc/self/gid_map", group);
}

static bool no_more_namespaces(void)
{
    return become_root(0) && put("/proc/sys/user/max_user_namespaces", "0");
}

static bool filter_forbids(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static bool proc_is_masked(void)
{
    return become_root(CLONE_NEWNS) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("/dev/null", "/proc/uptime", NULL, MS_BIND, NULL) == 0;
}

static bool in_a_chroot(void)
{
    return become_root(CLONE_NEWNS) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL) == 0 && chroot("/mnt") == 0 &&
           chdir("/") == 0;
}

static bool root_without_setfcap(void)
{
    enum { SETFCAP = 31 };
    return geteuid() == 0 && prctl(PR_CAPBSET_DROP, SETFCAP, 0, 0, 0) == 0;
}

static bool last_worked; /* the restricted child had its sandbox all the same */

/* Probes in a restricted child; true when the probe failed and its text holds all of `want`. A
 * reason to skip, if there is one, goes to *skip. */
static bool refuses(bool (*restrict_self)(void), const char *const *want, const char **skip)
{
    static Try t;
    int        pipe_fds[2];
    char       text[ERR_TEXT_MAX] = "";
    *skip = NULL;
    try_loop(&t);
    bool works = try_works(&t);
    try_close(&t);
    if (!works) *skip = "the sandbox does not work here in the first place";
    if (!works || pipe(pipe_fds) != 0) return false;
    pid_t child = fork();
    if (child == 0) {
        static Try inner;
        if (!restrict_self()) _exit(CANNOT);
        try_loop(&inner);
        bool still = try_works(&inner);
        if (write(pipe_fds[1], inner.why, strlen(inner.why)) < 0) _exit(1);
        rmdir(inner.folder);
        _exit(still ? 0 : inner.err.status == ST_UNAVAILABLE ? 36 : 1);
    }
    int     status;
    ssize_t len;
    close(pipe_fds[1]);
    waitpid(child, &status, 0);
    len = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    text[len > 0 ? len : 0] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT) {
        *skip = "this user cannot bring that about";
        return false;
    }
    last_worked = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (last_worked) return false;
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 36;
    for (; *want; want++) good = good && strstr(text, *want);
    if (!good) printf("# status %d: %s\n", status, text);
    return good;
}

#define REFUSES(restriction, ...)                                                                  \
    const char *skip;                                                                              \
    bool        good = refuses(restriction, (const char *const[]){__VA_ARGS__, NULL}, &skip);      \
    if (skip) SKIP(skip);                                                                          \
    CHECK(good)

static bool nothing_else(void) { return become_root(CLONE_NEWNS); }

/* The other cases prove something only because this one, made the same way, works. */
TEST(a_sandbox_within_a_user_namespace_works)
{
    const char *skip;
    CHECK(!refuses(nothing_else, (const char *const[]){NULL}, &skip));
    if (skip) SKIP(skip);
    CHECK(last_worked);
}

TEST(no_more_user_namespaces)
{
    REFUSES(no_more_namespaces, "make a user namespace", "ENOSPC", "user.max_user_namespaces");
}

TEST(a_container_whose_filter_forbids_namespaces)
{
    REFUSES(filter_forbids, "make a user namespace", "EPERM", "filter forbids namespaces");
}

TEST(a_masked_proc_is_not_replaced_by_the_hosts)
{
    REFUSES(proc_is_masked, "mount proc", "EPERM", "masked");
}

TEST(a_chroot) { REFUSES(in_a_chroot, "make a user namespace", "EPERM", "chroot"); }

TEST(root_that_may_not_map_root)
{
    REFUSES(root_without_setfcap, "make a user namespace", "EPERM", "CAP_SETFCAP");
}

int main(void) { return try_main(); }
