/* After a command's tree is dead: what it put where git would obey it, and where there had been
 * nothing to lay a cover on, gets another name. Nothing is deleted. */
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASIDE_NAMES_MAX = 100 };

/* No link on the way counts: whoever moved the folder away since has moved it for git too. */
static int open_folder(const char *path, const char *name)
{
    char            folder[PATH_MAX];
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    size_t          len = (size_t)(name - path) - 1;
    if (len >= sizeof folder) return -1;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof how);
}

static bool rename_aside(int folder, const char *name, char *aside, size_t size)
{
    for (int i = 1; i <= ASIDE_NAMES_MAX; i++) {
        snprintf(aside, size, "%s.set-aside-%d", name, i);
        if (syscall(SYS_renameat2, folder, name, folder, aside, 1 /* RENAME_NOREPLACE */) == 0)
            return true;
        if (errno != EEXIST) return false;
    }
    return false;
}

static void set_aside(SandboxExec *exec, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    char        aside[NAME_MAX + 1], why[PATH_MAX];
    struct stat info;
    int         folder = open_folder(path, name);
    if (folder < 0) return;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        bool done = rename_aside(folder, name, aside, sizeof aside);
        snprintf(why, sizeof why,
                 done ? "it was not there before and would decide what git runs; it is now %s"
                      : "it was not there before and decides what git runs; it could not be "
                        "renamed to %s: look at it before you use git",
                 aside);
        denied_add(&exec->denied, "file", path, why);
    }
    close(folder);
}

void exec_set_aside(SandboxExec *exec)
{
    for (size_t i = 0; exec->spec.writes && i < exec->facts.count; i++)
        if (exec->facts.items[i].kind == FACT_ABSENT) set_aside(exec, exec->facts.items[i].path);
}
