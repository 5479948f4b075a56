#include "cell.h"

#include "cell_table.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int bound(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit now, limit = {most, most};
    if (getrlimit(what, &now) != 0) return errno;
    if (now.rlim_max < most) limit.rlim_cur = limit.rlim_max = now.rlim_max;
    return setrlimit(what, &limit) == 0 ? 0 : errno;
}

int cell_enter(int last_fd, unsigned cpu_s, size_t memory)
{
    struct sock_fprog program = {sizeof CELL_TABLE / sizeof CELL_TABLE[0],
                                 (struct sock_filter *)(uintptr_t)CELL_TABLE};
    int               error = bound(RLIMIT_CPU, cpu_s);
    if (!error) error = bound(RLIMIT_AS, memory);
    if (!error) error = bound(RLIMIT_CORE, 0);
    if (!error && close_range((unsigned)last_fd + 1, ~0U, 0) != 0) error = errno;
    if (!error && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) error = errno;
    if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = errno;
    if (!error && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) error = errno;
    return error;
}
