#include "gather.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Walk {
    const GatherSpec *spec;
    GatherFile       *file;
    void             *arg;
    int               root; /* owned */
    size_t            names;
} Walk;

static Status walk_folder(Walk *walk, const char *name, int depth, Err *err);

/* Links are followed as far as they stay below the root. */
static int open_inside(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned long long)(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

Status gather(const GatherSpec *spec, GatherFile *file, void *arg, Err *err)
{
    Walk walk = {.spec = spec, .file = file, .arg = arg};
    walk.root = open(spec->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (walk.root < 0) return err_set(err, ST_IO, "open %s: %s", spec->root, strerror(errno));
    Status status = walk_folder(&walk, "", 1, err);
    close(walk.root);
    return status;
}

/* Whether a folder of one of the `places` is in the path below the root. */
static bool in_place(const GatherSpec *spec, const char *real)
{
    size_t root_len = strlen(spec->root);
    Str    rest = str_from(real), part;
    if (strncmp(real, spec->root, root_len) != 0 || real[root_len] != '/') return false;
    rest = str_cut(rest, root_len + 1, rest.len);
    while (str_next(&rest, '/', &part) && rest.len > 0)
        for (const char *const *place = spec->places; *place; place++)
            if (str_is(part, *place)) return true;
    return false;
}

static const char *read_text(const GatherSpec *spec, int fd, Buf *out)
{
    Err err;
    for (;;) {
        if (buf_reserve(out, 16 * KB, &err) != ST_OK) break;
        ssize_t got = read(fd, out->ptr + out->len, 16 * KB);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return strerror(errno);
        if (got == 0) return out->len > spec->most ? "it is too large" : NULL;
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
    }
    return "it is too large";
}

/* Whether the file lies where its name says: no link was followed. */
static bool in_its_place(const GatherSpec *spec, const char *path, const char *real)
{
    size_t root_len = strlen(spec->root);
    return strncmp(real, spec->root, root_len) == 0 && real[root_len] == '/' &&
           strcmp(real + root_len + 1, path) == 0;
}

static const char *read_file(const GatherSpec *spec, int fd, const char *path, Gathered *out)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return strerror(errno);
    if (!S_ISREG(info.st_mode)) return "it is no regular file";
    out->real = path_of_fd(fd);
    if (!out->real || (!in_its_place(spec, path, out->real) && !in_place(spec, out->real)))
        return "it is a link that leads out of the project's agents, tools and lua folders";
    return read_text(spec, fd, &out->text);
}

static Status walk_file(Walk *walk, const char *path, char *name, Err *err)
{
    Gathered    found = {.name = name};
    const char *problem;
    buf_init(&found.text, walk->spec->most + 32 * KB);
    int fd = open_inside(walk->root, path, O_RDONLY);
    if (fd < 0)
        problem = errno == EXDEV ? "it is a link that leads out of the project" : strerror(errno);
    else
        problem = read_file(walk->spec, fd, path, &found);
    if (fd >= 0) close(fd);
    if (problem) {
        found.problem = mem_text(problem);
        buf_clear(&found.text);
    }
    Status status = walk->file(walk->arg, &found, err);
    free(found.real);
    free(found.problem);
    buf_clear(&found.text);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **names_of(Walk *walk, DIR *dir, size_t *count)
{
    char **names = NULL;
    size_t room = 0;
    *count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) && walk->names < GATHER_NAMES_MAX;) {
        walk->names++;
        if (entry->d_name[0] == '.') continue;
        if (*count == room) {
            room = room ? room * 2 : 32;
            names = mem_grow(names, room * sizeof *names);
        }
        names[(*count)++] = mem_text(entry->d_name);
    }
    if (*count) qsort(names, *count, sizeof *names, by_name);
    return names;
}

/* One name in a folder; `name` is relative to the folder that was asked for. */
static Status walk_name(Walk *walk, char *name, int depth, Err *err)
{
    struct stat info;
    char        path[PATH_MAX];
    bool        wanted = str_ends(str_from(name), str_from(walk->spec->ending));
    const char *folder = walk->spec->folder;
    if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) >= (int)sizeof path)
        return ST_OK; /* no name of a file that could be opened */
    if (wanted && fstatat(walk->root, path, &info, 0) == 0 && S_ISDIR(info.st_mode)) wanted = false;
    if (wanted) return walk_file(walk, path, name, err);
    return walk->spec->deep && depth < GATHER_DEPTH ? walk_folder(walk, name, depth + 1, err)
                                                    : ST_OK;
}

static Status walk_folder(Walk *walk, const char *name, int depth, Err *err)
{
    char        path[PATH_MAX];
    const char *folder = walk->spec->folder;
    if (snprintf(path, sizeof path, "%s%s%s", folder, *folder && *name ? "/" : "", name) >=
        (int)sizeof path)
        return ST_OK;
    int  fd = open_inside(walk->root, *path ? path : ".", O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return ST_OK; /* no folder, or one that leads out: nothing of it can be loaded */
    }
    size_t count = 0;
    char **names = names_of(walk, dir, &count);
    closedir(dir);
    Status status = walk->names < GATHER_NAMES_MAX
                        ? ST_OK
                        : err_set(err, ST_LIMIT, "%s/%s: more than %d entries", walk->spec->root,
                                  walk->spec->folder, GATHER_NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        char below[PATH_MAX];
        if (status == ST_OK && snprintf(below, sizeof below, "%s%s%s", name, *name ? "/" : "",
                                        names[i]) < (int)sizeof below)
            status = walk_name(walk, below, depth, err);
        free(names[i]);
    }
    free(names);
    return status;
}
