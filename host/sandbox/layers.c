/* What holds a command here, in words: `perigee doctor`. Each line is found by doing or asking the
 * kernel, as the sandbox itself does. */
#include "cgroup.h"
#include "process.h"
#include "survey.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

static Status add_memory(Buf *out, Err *err)
{
    char why[CGROUP_WHY];
    if (cgroup_hold(CGROUP_CONTROLLERS, why, sizeof why)) {
        cgroup_release();
        return buf_append(out,
                          STR("memory, processes: bounded by the kernel, each command in a cgroup "
                              "of its own; watched besides\n"),
                          err);
    }
    return buf_printf(out, err, "memory: watched ten times a second; no cgroup bounds it: %s\n",
                      why);
}

/* As jail_rights.c decides it. */
static bool numbers_processes(void)
{
    struct utsname name;
    unsigned       major = 0, minor = 0;
    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2) return false;
    return major > 6 || (major == 6 && minor >= 14);
}

static Status add_processes(Buf *out, Err *err)
{
    static const char *const words[2][2] = {
        {"bounded by RLIMIT_NPROC; watched besides",
         "bounded by RLIMIT_NPROC and by the highest process number (301 or more); watched "
         "besides"},
        {"watched ten times a second; RLIMIT_NPROC does not bind root",
         "bounded by the highest process number (301 or more), since RLIMIT_NPROC does not bind "
         "root; "
         "watched besides"}};
    return buf_printf(out, err, "processes: %s\n", words[geteuid() == 0][numbers_processes()]);
}

static Status add_landlock(Buf *out, Err *err)
{
    Facts facts;
    facts_init(&facts);
    survey_landlock(&facts);
    int abi = facts.landlock;
    facts_clear(&facts);
    if (abi >= PLAN_LANDLOCK_ABI)
        return buf_printf(out, err, "second layer: Landlock (ABI %d) repeats what the mounts say\n",
                          abi);
    return buf_append(
        out, STR("second layer: none; Landlock needs Linux 5.19 and to be switched on\n"), err);
}

Status sandbox_layers(Buf *out, Err *err)
{
    Status status = add_memory(out, err);
    if (status == ST_OK) status = add_processes(out, err);
    if (status == ST_OK)
        status = buf_append(out,
                            STR("processor time, file size, descriptors: bounded by the kernel, "
                                "for each process\n"
                                "time, output: watched by the host\n"),
                            err);
    return status == ST_OK ? add_landlock(out, err) : status;
}
