#include "scratch.h"

#include "../base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Status scratch_new(const char *name, char **path, Err *err)
{
    const char *parent = getenv("TMPDIR");
    char template[4096];
    if (!parent || parent[0] != '/') parent = "/tmp";
    snprintf(template, sizeof template, "%s/%s.XXXXXX", parent, name);
    if (!mkdtemp(template)) return err_set(err, ST_IO, "make %s: %s", template, strerror(errno));
    *path = mem_text(template);
    return ST_OK;
}

enum { DEPTH_MOST = 1000 }; /* descriptors, one a level */

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static bool empty(int folder, const char *only, int depth);

/* Removes `name`, or with `only` what bears that name in it. */
static bool remove_at(int folder, const char *name, const char *only, int depth)
{
    bool all = !only || strcmp(name, only) == 0;
    if (all && unlinkat(folder, name, 0) == 0) return true;
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
    if (!S_ISDIR(st.st_mode)) return !all;
    if (depth >= DEPTH_MOST) return false;
    if ((st.st_mode & 0700) != 0700) (void)!fchmodat(folder, name, 0700, 0);
    int  inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool good = inner >= 0 && empty(inner, all ? NULL : only, depth + 1);
    if (inner >= 0) close(inner);
    return all ? unlinkat(folder, name, AT_REMOVEDIR) == 0 : good;
}

static bool empty(int folder, const char *only, int depth)
{
    int            fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR           *entries = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool           good = entries != NULL;
    if (!entries && fd >= 0) close(fd);
    while (entries && (entry = readdir(entries)) != NULL)
        if (!is_dots(entry->d_name) && !remove_at(folder, entry->d_name, only, depth)) good = false;
    if (entries) closedir(entries);
    return good;
}

bool scratch_remove(const char *path) { return remove_at(AT_FDCWD, path, NULL, 0); }

bool scratch_remove_named(const char *path, const char *name)
{
    int  folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool good = folder >= 0 && empty(folder, name, 0);
    if (folder >= 0) close(folder);
    return good;
}
