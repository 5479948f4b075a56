/* Failed steps for people: what was being done, why not, what helps. */
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

enum { ANY = -1 };

/* The first row that fits. Of the first step: every way in which a machine says no. */
static const struct Remedy {
    Op          op;
    int         error;
    const char *text;
} REMEDIES[] = {
    {OP_NEW_USER, ENOSPC,
     "no more user namespaces are allowed here: as root, sysctl user.max_user_namespaces=15000, "
     "also in whatever container this is"},
    {OP_NEW_USER, EACCES,
     "AppArmor restricts user namespaces (Ubuntu 23.10 and later): as root, `make install "
     "APPARMOR=1` gives the helper a profile that allows them (its text: "
     "share/perigee/apparmor/perigee-sandbox), or sysctl "
     "kernel.apparmor_restrict_unprivileged_userns=0"},
    {OP_NEW_USER, EINVAL, "the kernel was built without CONFIG_USER_NS"},
    {OP_NEW_NET, ENOSPC, "a limit on namespaces is reached: see sysctl -a | grep user.max_"},
    {OP_NEW_MOUNTS, ENOSPC, "a limit on namespaces is reached: see sysctl -a | grep user.max_"},
    {OP_ISOLATE, ENOSPC, "a limit on namespaces is reached: see sysctl -a | grep user.max_"},
    {OP_NEW_NET, EPERM,
     "a security module (AppArmor, SELinux) or a container's filter takes the rights from new user "
     "namespaces: allow them to perigee-sandbox"},
    {OP_NEW_MOUNTS, EPERM,
     "a security module (AppArmor, SELinux) or a container's filter takes the rights from new user "
     "namespaces: allow them to perigee-sandbox"},
    {OP_PROC, EPERM,
     "parts of /proc are masked here, as container engines do, and then the kernel lets nobody "
     "mount a new one: start the container with its /proc unmasked (docker: --security-opt "
     "systempaths=unconfined)"},
    {OP_ENTER_ROOT, EINVAL, "the root is a ramdisk or a chroot: run from a real root"},
    {OP_WORKSPACE, ESTALE, "the folder was replaced since the run began"},
    {OP_WORKSPACE, ENOENT, "the folder was moved since the run began"},
    {OP_WORKSPACE, ELOOP, "the folder was replaced by a link since the run began"},
    {OP_FILTER, EINVAL, "the kernel was built without CONFIG_SECCOMP_FILTER"},
    {OP_BIND, ANY, "each path that is to be shown must exist and be readable"},
};

static const char *remedy(const Step *step, int error)
{
    if (step->op == OP_NEW_USER && error == EPERM) {
        if (read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
            return "as root, sysctl kernel.unprivileged_userns_clone=1";
        return geteuid() == 0
                   ? "root lacks CAP_SETFCAP here, or this is a chroot, or the container's filter "
                     "forbids namespaces: run as an ordinary user, or allow the container them"
                   : "this is a chroot, or a container whose filter forbids namespaces: run "
                     "outside "
                     "it, or let the container use unshare, clone, setns and mount";
    }
    for (size_t i = 0; i < sizeof REMEDIES / sizeof REMEDIES[0]; i++)
        if (REMEDIES[i].op == step->op && (REMEDIES[i].error == error || REMEDIES[i].error == ANY))
            return REMEDIES[i].text;
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
        return err_set(
            err, error == ENOENT ? ST_NOT_FOUND : ST_DENIED,
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
    return err_set(err, ST_UNAVAILABLE, "sandbox: step %u, %.200s: %s (%s); %s", report->step + 1,
                   words, strerror(report->error), error_name(report->error),
                   remedy(step, report->error));
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
