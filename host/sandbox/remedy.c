/* Failed steps for people: what was being done, why not, what helps. Programs look at the Status. */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static long read_number(const char *path)
{
    long  number = -1;
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%ld", &number) != 1) number = -1;
    if (file) fclose(file);
    return number;
}

/* New user namespaces: every way in which a machine says no to the first step. */
static const char *user_remedy(int error)
{
    if (error == ENOSPC || error == EUSERS)
        return "no more user namespaces are allowed here: as root, sysctl "
               "user.max_user_namespaces=15000, also in whatever container this is";
    if (error == EACCES)
        return "AppArmor restricts user namespaces (Ubuntu 23.10 and later): install a profile that "
               "grants perigee-sandbox `userns`, or as root sysctl "
               "kernel.apparmor_restrict_unprivileged_userns=0";
    if (error == EPERM && read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return "as root, sysctl kernel.unprivileged_userns_clone=1";
    if (error == EPERM && geteuid() == 0)
        return "root lacks CAP_SETFCAP or CAP_SYS_ADMIN, or this is a chroot, or the container's "
               "filter forbids namespaces: run as an ordinary user, or allow them to the container";
    if (error == EPERM)
        return "this is a chroot, or a container whose filter forbids namespaces: run outside it, "
               "or let the container use unshare, clone, setns and mount";
    if (error == EINVAL || error == ENOSYS) return "the kernel was built without CONFIG_USER_NS";
    return NULL;
}

static const char *remedy(const Step *step, int error)
{
    switch (step->op) {
    case OP_NEW_USER: return user_remedy(error);
    case OP_NEW_NET:
    case OP_NEW_MOUNTS:
    case OP_ISOLATE:
        if (error == ENOSPC)
            return "a limit on namespaces is reached: see sysctl -a | grep user.max_";
        if (error == EPERM || error == EACCES)
            return "a security module takes the rights from new user namespaces (AppArmor, "
                   "SELinux) or a container's filter forbids it: allow it to perigee-sandbox";
        break;
    case OP_PROC:
        if (error == EPERM)
            return "parts of /proc are masked here, as container engines do, and the kernel then "
                   "lets nobody mount a new one: start the container with its /proc unmasked "
                   "(docker: --security-opt systempaths=unconfined)";
        break;
    case OP_ENTER_ROOT:
        if (error == EINVAL) return "the root is a ramdisk or a chroot: run from a real root";
        break;
    case OP_BIND: return "each path that is to be shown must exist and be readable";
    case OP_WORKSPACE:
        if (error == ESTALE || error == ENOENT || error == ELOOP)
            return "the folder was moved or replaced since the run began";
        break;
    case OP_FILTER:
        if (error == EINVAL) return "the kernel was built without CONFIG_SECCOMP_FILTER";
        break;
    case OP_LOOPBACK: case OP_ROOT: case OP_FOLDER: case OP_FILE: case OP_LINK: case OP_TMPFS:
    case OP_HOST_PROC: case OP_HAND_OVER: case OP_JOIN: case OP_KILL_FIRST: case OP_PROCESSES:
    case OP_PTS: case OP_PIN: case OP_READ_ONLY: case OP_MASK: case OP_HOSTNAME:
    case OP_DROP_RIGHTS: case OP_NO_NEW_RIGHTS: case OP_FORK: case OP_LIMIT:
    case OP_ENTER_FOLDER: case OP_EXEC: case OP_COUNT: break;
    }
    if (error == ENOSYS) return "the sandbox needs Linux 5.14 or newer";
    return "`perigee doctor` shows what works here";
}

static const char *error_name(int error)
{
    const char *name = strerrorname_np(error);
    return name ? name : "unknown error";
}

/* The command's own faults: the sandbox stood. */
static Status explain_command(const Plan *plan, const Step *step, int error, Err *err)
{
    const char *command = plan->words && plan->words[0] ? plan->words[0] : "";
    if (step->op == OP_ENTER_FOLDER)
        return err_set(err, error == ENOENT ? ST_NOT_FOUND : ST_DENIED,
                       "folder %s: %s in the sandbox, which shows the workspace, /usr and little else",
                       step->path, strerror(error));
    if (error == ENOENT)
        return err_set(err, ST_NOT_FOUND,
                       "command %s: not found in the sandbox (or the interpreter that it names)",
                       command);
    return err_set(err, ST_DENIED, "command %s: cannot be executed: %s (%s)", command,
                   strerror(error), error_name(error));
}

Status explain_failure(const Plan *plan, const WireReport *report, Err *err)
{
    char words[512];
    if (report->step >= plan->step_count)
        return err_set(err, ST_BUG, "sandbox: the helper reports step %u of %zu", report->step,
                       plan->step_count);
    const Step *step = &plan->steps[report->step];
    if (step->op == OP_EXEC || step->op == OP_ENTER_FOLDER)
        return explain_command(plan, step, report->error, err);
    plan_step_words(step, words, sizeof words);
    const char *help = remedy(step, report->error);
    return err_set(err, ST_UNAVAILABLE, "sandbox: step %u, %.200s: %s (%s)%s%s", report->step + 1,
                   words, strerror(report->error), error_name(report->error), help ? "; " : "",
                   help ? help : "");
}

Status explain_silence(int exit_code, int signo, Err *err)
{
    if (signo != 0)
        return err_set(err, ST_UNAVAILABLE,
                       "sandbox: its helper was killed by signal %d (%s) before it could report; "
                       "when the machine is out of memory, lower the command's limits",
                       signo, strsignal(signo));
    return err_set(err, ST_UNAVAILABLE,
                   "sandbox: its helper ended with %d and no report; it must come from the same "
                   "build as the program",
                   exit_code);
}
