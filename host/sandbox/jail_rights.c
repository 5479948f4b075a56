/* What the command may not do any more: capabilities, new privileges, system calls, amounts. */
#include "filter_table.h"
#include "jail.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { CAPABILITY_MAX = 63 };

/* Reads the rights back: what the kernel did counts, not what it was asked for. */
static int check_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct   data[2];
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    for (int i = 0; i < 2; i++)
        if (data[i].effective || data[i].permitted || data[i].inheritable) return ENOTRECOVERABLE;
    for (int cap = 0; cap <= CAPABILITY_MAX; cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0) return ENOTRECOVERABLE;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0) return ENOTRECOVERABLE;
    }
    return 0;
}

int drop_rights(void)
{
    static const unsigned long locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                        SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                        SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                        SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct   none[2] = {0};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
    for (int cap = 0; cap <= CAPABILITY_MAX; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL) return errno;
    if (prctl(PR_SET_SECUREBITS, locked, 0, 0, 0) != 0) return errno;
    if (syscall(SYS_capset, &header, none) != 0) return errno;
    return check_rights();
}

int forbid_new_rights(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno; }

/* Two filters, of which the stricter answer holds: the table, and one that answers ENOSYS for each
 * system call that is younger than the table, as a kernel of its time would have done. */
int install_filter(void)
{
    static const struct sock_filter young[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, FILTER_NEWEST, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog programs[] = {
        {sizeof young / sizeof young[0], (struct sock_filter *)(uintptr_t)young},
        {sizeof FILTER_TABLE / sizeof FILTER_TABLE[0],
         (struct sock_filter *)(uintptr_t)FILTER_TABLE},
    };
    for (size_t i = 0; i < 2; i++)
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &programs[i], 0, 0) != 0) return errno;
    return 0;
}

int set_limit(const Step *step)
{
    static const int which[] = {
        [WIRE_CPU_S] = RLIMIT_CPU,
        [WIRE_FILE_SIZE] = RLIMIT_FSIZE,
        [WIRE_DESCRIPTORS] = RLIMIT_NOFILE,
        [WIRE_PROCESSES] = RLIMIT_NPROC,
    };
    struct rlimit now, limit = {step->number, step->number};
    int           resource = which[step->flags];
    /* XCPU at the limit, KILL for whoever ignores it. */
    if (resource == RLIMIT_CPU) limit.rlim_max += 2;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0) return errno;
    if (limit.rlim_max > now.rlim_max) limit.rlim_max = now.rlim_max;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0 ? 0 : errno;
}

/* Since Linux 6.14 each pid namespace has its own highest process number. Before, the file would be
 * the whole machine's, and root could write it from here: so the version decides, and what the
 * kernel then refuses (it has a minimum that grows with the processors) is left to the host's
 * watch, which counts processes too. */
int bound_processes(const Step *step)
{
    char           text[32];
    struct utsname name;
    unsigned       major = 0, minor = 0;
    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2) return 0;
    if (getpid() != 1 || major < 6 || (major == 6 && minor < 14)) return 0;
    snprintf(text, sizeof text, "%lu", (unsigned long)step->number);
    int error = write_text("/proc/sys/kernel/pid_max", text);
    return error == EINVAL || error == EPERM || error == EACCES || error == ENOENT ? 0 : error;
}
