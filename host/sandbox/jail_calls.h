/* jail_calls.h -- the mount system calls of Linux 5.2 to 5.12, by number.
 *
 * Why     glibc has had wrappers since 2.36 only, and its <sys/mount.h> and the kernel's
 *         <linux/mount.h> cannot be included together.
 */
#ifndef HOST_SANDBOX_JAIL_CALLS_H
#define HOST_SANDBOX_JAIL_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

static inline int sys_open_tree(int folder, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, folder, path, flags | OPEN_TREE_CLOEXEC);
}

/* Both ends by descriptor: no name is looked up between the check of a target and its use. */
static inline int sys_move_mount(int tree, int target)
{
    return (int)syscall(SYS_move_mount, tree, "", target, "",
                        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int sys_mount_setattr(int tree, uint64_t set)
{
    struct mount_attr attr = {.attr_set = set};
    return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                        sizeof attr);
}

/* No component of `path` may be a symbolic link. */
static inline int sys_open_plain(int folder, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_NO_SYMLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static inline int sys_umount(const char *path)
{
    return (int)syscall(SYS_umount2, path, MNT_DETACH);
}

/* Closes and keeps errno, so that `return close_with(fd, errno)` can end a function. */
static inline int close_with(int fd, int error)
{
    if (fd >= 0) close(fd);
    return error;
}

#endif
