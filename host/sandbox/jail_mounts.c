/* The space's root: an empty tmpfs that is filled from a list. Nothing of the host is covered on
 * the way, because the new root lies on top of "/", where our own look-ups do not go. */
#include "jail.h"
#include "jail_calls.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { BYTES_PER_INODE = 4096 };

static int set_number(int fs, const char *key, uint64_t value)
{
    char text[32];
    bool is_mode = strcmp(key, "mode") == 0;
    snprintf(text, sizeof text, is_mode ? "%lo" : "%lu", (unsigned long)value);
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, text, 0);
}

/* A new tmpfs, not yet attached anywhere. Answers its descriptor, or -errno. */
static int new_tmpfs(uint64_t bytes, unsigned mode)
{
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0) return -errno;
    if (set_number(fs, "size", bytes) != 0 ||
        set_number(fs, "nr_inodes", bytes / BYTES_PER_INODE) != 0 ||
        set_number(fs, "mode", mode) != 0 ||
        syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -close_with(fs, errno);
    int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return close_with(fs, tree < 0 ? -errno : tree);
}

int mount_root(Jail *jail, const Step *step)
{
    int tree = new_tmpfs(step->number, 0755);
    if (tree < 0) return -tree;
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return close_with(tree, errno);
    jail->root = tree;
    return 0;
}

/* Takes `folder`; answers an O_PATH descriptor of `name` in it, made when missing, or -errno. */
static int make_child(int folder, const char *name, bool is_folder)
{
    int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int made = is_folder ? mkdirat(folder, name, 0755)
                             : openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (made < 0) return -close_with(folder, errno);
        if (!is_folder) close(made);
        fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    int error = fd < 0 ? errno : 0;
    close(folder);
    struct stat info;
    if (error == 0 && fstat(fd, &info) != 0) error = errno;
    if (error == 0 && S_ISLNK(info.st_mode)) error = ELOOP;
    if (error == 0 && is_folder && !S_ISDIR(info.st_mode)) error = ENOTDIR;
    return error == 0 ? fd : -close_with(fd, error);
}

/* The place of `path` below `root`, made with the folders on the way. Crosses what is mounted. */
static int make_target(int root, const char *path, bool is_folder)
{
    char name[256];
    int  at = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (at < 0) return -errno;
    while (*(path += strspn(path, "/"))) {
        size_t len = strcspn(path, "/");
        if (len >= sizeof name) return -close_with(at, ENAMETOOLONG);
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        bool last = path[strspn(path, "/")] == '\0';
        if (strcmp(name, "..") == 0) return -close_with(at, EINVAL);
        at = make_child(at, name, is_folder || !last);
        if (at < 0) return at;
    }
    return at;
}

/* Takes `tree`. Before the root is entered, paths are those of the new root. */
static int attach(const Jail *jail, int tree, const char *path, bool is_folder)
{
    int target = jail->root >= 0 ? make_target(jail->root, path, is_folder)
                                 : sys_open_plain(AT_FDCWD, path, O_PATH);
    if (target < 0) return close_with(tree, jail->root >= 0 ? -target : errno);
    int error = sys_move_mount(tree, target) == 0 ? 0 : errno;
    close(tree);
    return close_with(target, error);
}

int make_folder(Jail *jail, const Step *step)
{
    int fd = make_target(jail->root, step->path, true);
    if (fd < 0) return -fd;
    close(fd);
    /* O_PATH cannot be chmodded; the path below the root has no link that we did not make. */
    if (fchmodat(jail->root, step->path + 1, (mode_t)step->number, 0) != 0) return errno;
    return 0;
}

int make_file(Jail *jail, const Step *step)
{
    int place = make_target(jail->root, step->path, false);
    if (place < 0) return -place;
    close(place);
    size_t len = strlen(step->more);
    int    fd = openat(jail->root, step->path + 1, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno;
    if (write(fd, step->more, len) != (ssize_t)len) return close_with(fd, ENOSPC);
    return close_with(fd, fchmod(fd, (mode_t)step->number) == 0 ? 0 : errno);
}

int make_link(Jail *jail, const Step *step)
{
    char        folder[256];
    const char *name = strrchr(step->path, '/') + 1;
    size_t      len = (size_t)(name - step->path);
    if (len >= sizeof folder) return ENAMETOOLONG;
    memcpy(folder, step->path, len);
    folder[len] = '\0';
    int place = make_target(jail->root, folder, true);
    if (place < 0) return -place;
    return close_with(place, symlinkat(step->more, place, name) == 0 ? 0 : errno);
}

static int bind_tree(const Jail *jail, int tree, const Step *step)
{
    struct stat info;
    uint64_t    set = MOUNT_ATTR_NOSUID;
    if (!(step->flags & STEP_WRITABLE)) set |= MOUNT_ATTR_RDONLY;
    if (!(step->flags & STEP_DEVICE)) set |= MOUNT_ATTR_NODEV;
    if (sys_mount_setattr(tree, set) != 0 || fstat(tree, &info) != 0)
        return close_with(tree, errno);
    return attach(jail, tree, step->path, S_ISDIR(info.st_mode));
}

int bind_source(Jail *jail, const Step *step)
{
    const char *source = *step->more ? step->more : step->path;
    int         tree = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | AT_RECURSIVE);
    return tree < 0 ? errno : bind_tree(jail, tree, step);
}

/* The host resolved and opened the workspace; a descriptor of another mount namespace cannot be
 * cloned, so the path is walked again, without links, and must lead to the same folder. */
int bind_workspace(Jail *jail, const Step *step)
{
    struct stat wanted, found;
    int         fd = sys_open_plain(AT_FDCWD, step->path, O_PATH | O_DIRECTORY);
    if (fd < 0) return errno;
    if (fstat(WIRE_WORKSPACE_FD, &wanted) != 0 || fstat(fd, &found) != 0)
        return close_with(fd, errno);
    if (wanted.st_dev != found.st_dev || wanted.st_ino != found.st_ino)
        return close_with(fd, ESTALE);
    int tree = sys_open_tree(fd, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);
    int error = errno;
    close(fd);
    return tree < 0 ? error : bind_tree(jail, tree, step);
}

/* A granted path is kept hidden, as a folder or a file; here is where a command that has it will
 * see it. */
int make_place(const Jail *jail, const Step *step)
{
    struct stat info;
    if (fstatat(jail->root, step->more + 1, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    int fd = make_target(jail->root, step->path, S_ISDIR(info.st_mode));
    if (fd < 0) return -fd;
    close(fd);
    return 0;
}

/* The kernel lets a user namespace mount a new proc only where one is already seen in full. This
 * is that one; each command detaches it when it has its own (mount_proc). */
int bind_host_proc(Jail *jail)
{
    int tree = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | AT_RECURSIVE);
    if (tree < 0) return errno;
    return attach(jail, tree, "/proc", true);
}

int mount_tmpfs(Jail *jail, const Step *step)
{
    int tree = new_tmpfs(step->number, step->flags & STEP_PRIVATE ? 0700 : 01777);
    if (tree < 0) return -tree;
    return attach(jail, tree, step->path, true);
}

int enter_root(Jail *jail)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (syscall(SYS_mount_setattr, jail->root, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
        return errno;
    if (fchdir(jail->root) != 0) return errno;
    /* With both arguments ".", the old root ends up on top of the new one and can be detached. */
    if (syscall(SYS_pivot_root, ".", ".") != 0) return errno;
    if (sys_umount(".") != 0 || chdir("/") != 0) return errno;
    close(jail->root);
    jail->root = -1;
    return 0;
}
