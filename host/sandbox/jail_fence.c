/* Landlock, the second layer: what the mounts allow is said once more, in another part of the
 * kernel, so that a hole in one of the two is not yet a way out. */
#include "jail.h"
#include "jail_calls.h"

#include <sys/prctl.h>
#include <sys/stat.h>

/* linux/landlock.h as of Linux 6.12, by number: build machines have older headers. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum {
    RULE_PATH_BENEATH = 1,
    RULESET_VERSION = 1, /* a flag: answer the ABI */

    ABI_SCOPES = 6, /* abstract sockets and signals */
    ABI_IOCTL = 5,
    ABI_TRUNCATE = 3,

    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEV = 1 << 15,
    FS_UP_TO_REFER = (1 << 14) - 1, /* making, removing and renaming among them */

    FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    FS_LOOK = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR,
    FS_USE = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV,

    SCOPE_ALL = 3,
};

typedef struct Ruleset {
    uint64_t fs, net, scopes;
} Ruleset;

typedef struct __attribute__((packed)) PathBeneath {
    uint64_t allowed;
    int32_t  fd;
} PathBeneath;

static uint64_t known_rights(long abi)
{
    uint64_t rights = FS_UP_TO_REFER;
    if (abi >= ABI_TRUNCATE) rights |= FS_TRUNCATE;
    if (abi >= ABI_IOCTL) rights |= FS_IOCTL_DEV;
    return rights;
}

/* The plan has this step only where the host found Landlock: it is not passed over here. */
int fence_begin(Jail *jail)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    if (abi < 0) return errno;
    Ruleset rules = {.fs = known_rights(abi), .scopes = abi >= ABI_SCOPES ? SCOPE_ALL : 0};
    jail->fence = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    jail->fence_rights = rules.fs;
    return jail->fence < 0 ? errno : 0;
}

int fence_allow(const Jail *jail, const Step *step)
{
    struct stat info;
    int         fd = open(step->path, O_PATH | O_CLOEXEC);
    if (fd < 0) return errno;
    if (fstat(fd, &info) != 0) return close_with(fd, errno);
    uint64_t allowed = step->flags & STEP_LISTED     ? FS_READ_DIR
                       : step->flags & STEP_DEVICE   ? FS_USE
                       : step->flags & STEP_WRITABLE ? jail->fence_rights
                                                     : FS_LOOK;
    if (!S_ISDIR(info.st_mode)) allowed &= FS_OF_FILES;
    PathBeneath rule = {.allowed = allowed & jail->fence_rights, .fd = fd};
    long        done = syscall(SYS_landlock_add_rule, jail->fence, RULE_PATH_BENEATH, &rule, 0);
    return close_with(fd, done == 0 ? 0 : errno);
}

/* Needs no_new_privs, as the filter does. */
int fence_close(Jail *jail)
{
    int error = syscall(SYS_landlock_restrict_self, jail->fence, 0) == 0 ? 0 : errno;
    close(jail->fence);
    jail->fence = -1;
    return error;
}
