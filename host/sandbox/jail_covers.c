/* What one command lays over the run's root, in a mount namespace of its own. */
#include "jail.h"
#include "jail_calls.h"

#include <string.h>
#include <sys/stat.h>

static int new_mount(const char *type, const char *const *options, unsigned attributes)
{
    int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0) return -errno;
    for (; options && *options; options += 2)
        if (syscall(SYS_fsconfig, fs, options[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
                    options[0], options[1], 0) != 0)
            return -close_with(fs, errno);
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -close_with(fs, errno);
    int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
    return close_with(fs, tree < 0 ? -errno : tree);
}

static int place(int tree, const char *path)
{
    int error =
        syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0 ? 0 : errno;
    return close_with(tree, error);
}

int mount_proc(void)
{
    char self[16];
    int  tree = new_mount("proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (tree < 0) return -tree;
    if (sys_umount("/proc") != 0) return close_with(tree, errno);
    int error = place(tree, "/proc");
    if (error != 0) return error;
    /* Ours, and not the host's: here this process is number 1. */
    ssize_t len = readlink("/proc/self", self, sizeof self);
    return len == 1 && self[0] == '1' ? 0 : EXDEV;
}

int mount_pts(void)
{
    static const char *const options[] = {"mode", "0620", "ptmxmode", "0666", NULL, NULL};
    int tree = new_mount("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    return tree < 0 ? -tree : place(tree, "/dev/pts");
}

/* Mounts what lies at `path`, without following links on the way, on itself. */
static int cover(const char *path, uint64_t set)
{
    int target = sys_open_plain(AT_FDCWD, path, O_PATH);
    if (target < 0) return errno;
    int tree = sys_open_tree(target, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);
    if (tree < 0) return close_with(target, errno);
    int error = 0;
    if (set != 0 && sys_mount_setattr(tree, set) != 0) error = errno;
    if (error == 0 && sys_move_mount(tree, target) != 0) error = errno;
    close(tree);
    return close_with(target, error);
}

int reveal(const Step *step)
{
    int tree = sys_open_tree(AT_FDCWD, step->more, OPEN_TREE_CLONE | AT_RECURSIVE);
    if (tree < 0) return errno;
    if (!(step->flags & STEP_WRITABLE) && sys_mount_setattr(tree, MOUNT_ATTR_RDONLY) != 0)
        return close_with(tree, errno);
    int target = sys_open_plain(AT_FDCWD, step->path, O_PATH);
    if (target < 0) return close_with(tree, errno);
    int error = sys_move_mount(tree, target) == 0 ? 0 : errno;
    close(tree);
    return close_with(target, error);
}

int pin(const Step *step) { return cover(step->path, 0); }

int make_read_only(const Step *step) { return cover(step->path, MOUNT_ATTR_RDONLY); }

int mask(const Step *step)
{
    struct stat info;
    int         target = sys_open_plain(AT_FDCWD, step->path, O_PATH);
    if (target < 0) return errno;
    if (fstat(target, &info) != 0) return close_with(target, errno);
    const char *nothing = S_ISDIR(info.st_mode) ? "/.masked-folder" : "/.masked";
    int         tree = sys_open_tree(AT_FDCWD, nothing, OPEN_TREE_CLONE);
    if (tree < 0) return close_with(target, errno);
    int error = sys_mount_setattr(tree, MOUNT_ATTR_RDONLY) != 0 || sys_move_mount(tree, target) != 0
                    ? errno
                    : 0;
    close(tree);
    return close_with(target, error);
}
