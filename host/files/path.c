#include "path.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as many as the kernel follows */

/* A walk: `place->resolved` grows, `rest` shrinks; a link puts its target in front of `rest`. */
typedef struct Walk {
    Place             *place;
    const char *const *roots; /* borrowed */
    int                root_fd;
    int                folder_fd; /* owned; of `resolved`, or -1 for "open it when needed" */
    Buf                rest;
    int                links;
    bool               follow_last;
} Walk;

static bool   strip_root(Str *path, const char *const *roots);
static Status walk_on(Walk *walk, bool *missing, Err *err);
static Status add_missing(Walk *walk, Err *err);

void place_init(Place *place, Str given)
{
    place->given = given;
    place->shown = path_shown(given);
    place->missing_at = 0;
    buf_init(&place->named, PATH_MAX);
    buf_init(&place->resolved, PATH_MAX);
}

void place_clear(Place *place)
{
    buf_clear(&place->named);
    buf_clear(&place->resolved);
}

Shown path_shown(Str path)
{
    Shown  shown;
    size_t len = 0;
    bool   cut = path.len > SHOWN_MAX;
    Str    rest = cut ? str_cut(path, path.len - (SHOWN_MAX - 3), path.len) : path;
    if (cut) len = (size_t)(stpcpy(shown.text, "...") - shown.text);
    while (rest.len > 0) {
        size_t valid = str_utf8_valid_len(rest);
        for (size_t i = 0; i < valid; i++) {
            unsigned char c = (unsigned char)rest.ptr[i];
            shown.text[len++] = c < 0x20 || c == 0x7F ? '?' : (char)c;
        }
        if (valid < rest.len) shown.text[len++] = '?';
        rest = str_cut(rest, valid + 1, rest.len);
    }
    shown.text[len] = '\0';
    return shown;
}

Str path_folder(Str resolved)
{
    const char *slash = resolved.len ? memrchr(resolved.ptr, '/', resolved.len) : NULL;
    return slash ? (Str){resolved.ptr, (size_t)(slash - resolved.ptr)} : (Str){"", 0};
}

Str path_name(Str resolved)
{
    const char *slash = resolved.len ? memrchr(resolved.ptr, '/', resolved.len) : NULL;
    return slash ? str_cut(resolved, (size_t)(slash - resolved.ptr) + 1, resolved.len) : resolved;
}

char *path_of_fd(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path);
    return len > 0 && len < (ssize_t)sizeof path ? mem_copy(path, (size_t)len) : NULL;
}

Status path_error(const Place *place, const char *verb, int sys, Err *err)
{
    const char *path = place->shown.text;
    errno = sys;
    switch (sys) {
    case ENOENT: return err_set(err, ST_NOT_FOUND, "%s %s: there is no such file", verb, path);
    case ENOTDIR:
        return err_set(err, ST_INVALID, "%s %s: a part of the path is no folder", verb, path);
    case EXDEV: return err_set(err, ST_DENIED, "%s %s: it lies outside the workspace", verb, path);
    case ELOOP:
        return err_set(err, ST_INVALID, "%s %s: its links lead in a circle, or change meanwhile",
                       verb, path);
    case ENAMETOOLONG:
        return err_set(err, ST_INVALID, "%s %s: the path or a name in it is too long", verb, path);
    case EACCES:
    case EPERM: return err_set(err, ST_DENIED, "%s %s: %s", verb, path, strerror(sys));
    case ENOSYS:
        return err_set(
            err, ST_UNAVAILABLE,
            "%s %s: this kernel has no openat2 (Linux 5.6), without which no file can be "
            "opened safely",
            verb, path);
    case EROFS:
        return err_set(err, ST_DENIED, "%s %s: it lies on a file system that is mounted read-only",
                       verb, path);
    case EBUSY:
        return err_set(err, ST_DENIED, "%s %s: it is in use as a mount, and cannot be replaced",
                       verb, path);
    case ENOSPC:
    case EDQUOT: return err_set(err, ST_IO, "%s %s: the disk is full; free some space", verb, path);
    default: return err_set(err, ST_IO, "%s %s: %s", verb, path, strerror(sys));
    }
}

int open_beneath(int root_fd, Str resolved, int flags)
{
    char            path[PATH_MAX];
    unsigned        bits = (unsigned)flags | O_CLOEXEC;
    struct open_how how = {.resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    how.flags = flags & O_PATH ? bits : bits | O_NOCTTY; /* O_PATH suffers only its own */
    if (resolved.len == 0) resolved = STR(".");
    if (resolved.len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, resolved.ptr, resolved.len);
    path[resolved.len] = '\0';
    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

/* -- by text ----------------------------------------------------------------------------------- */

/* Adds one name, or takes one off for "..". False above the root. */
static bool add_name(Buf *path, Str name)
{
    Err ignored; /* the limit is PATH_MAX, and the sum of all names was checked against it */
    if (name.len == 0 || str_is(name, ".")) return true;
    if (str_is(name, "..")) {
        if (path->len == 0) return false;
        path->len = path_folder(buf_str(path)).len;
        path->ptr[path->len] = '\0';
        return true;
    }
    if (path->len > 0 && buf_byte(path, '/', &ignored) != ST_OK) return false;
    return buf_append(path, name, &ignored) == ST_OK;
}

Status path_normalise(Place *place, const char *const *roots, Err *err)
{
    Str path = place->given, name;
    if (path.len > 0 && memchr(path.ptr, '\0', path.len))
        return err_set(err, ST_INVALID, "path \"%s\" holds a NUL byte", place->shown.text);
    if (path.len > 0 && path.ptr[0] == '/' && !strip_root(&path, roots))
        return err_set(err, ST_DENIED, "%s lies outside the workspace %s", place->shown.text,
                       roots[0]);
    if (path.len >= PATH_MAX)
        return err_set(err, ST_INVALID, "path %s: %zu bytes, the most is %d", place->shown.text,
                       path.len, PATH_MAX - 1);
    buf_reset(&place->named);
    while (str_next(&path, '/', &name))
        if (!add_name(&place->named, name))
            return err_set(err, ST_DENIED, "%s lies outside the workspace %s", place->shown.text,
                           roots[0]);
    return ST_OK;
}

static bool strip_root(Str *path, const char *const *roots)
{
    for (; *roots; roots++) {
        Str root = str_from(*roots);
        if (str_is(root, "/")) root.len = 0;
        if (!str_starts(*path, root)) continue;
        if (path->len > root.len && path->ptr[root.len] != '/') continue;
        *path = str_cut(*path, root.len, path->len);
        while (path->len > 0 && path->ptr[0] == '/') *path = str_cut(*path, 1, path->len);
        return true;
    }
    return false;
}

/* -- by walking -------------------------------------------------------------------------------- */

Status path_resolve(Place *place, int root_fd, const char *const *roots, bool follow_last, Err *err)
{
    Walk   walk = {.place = place,
                   .roots = roots,
                   .root_fd = root_fd,
                   .folder_fd = -1,
                   .follow_last = follow_last};
    Str    path = place->given;
    bool   missing = false;
    Status status;

    buf_reset(&place->resolved);
    if (path.len > 0 && path.ptr[0] == '/') strip_root(&path, roots);
    buf_init(&walk.rest, 2 * PATH_MAX);
    status = buf_append(&walk.rest, path, err);
    while (status == ST_OK && walk.rest.len > 0 && !missing) status = walk_on(&walk, &missing, err);
    place->missing_at = place->resolved.len;
    if (status == ST_OK && missing) status = add_missing(&walk, err);
    if (walk.folder_fd >= 0) close(walk.folder_fd);
    buf_clear(&walk.rest);
    return status;
}

/* Cuts the first name off `rest`. `name` gets a copy, for openat2 and because `rest` moves. */
static Str next_name(Walk *walk, char name[PATH_MAX])
{
    Str    rest = buf_str(&walk->rest), first;
    size_t before = rest.len;
    str_next(&rest, '/', &first);
    size_t used = rest.ptr ? before - rest.len : before;
    if (first.len >= PATH_MAX)
        first.len = PATH_MAX - 1; /* longer than any name: ENAMETOOLONG follows */
    if (first.len > 0) memcpy(name, first.ptr, first.len);
    name[first.len] = '\0';
    buf_drop(&walk->rest, used);
    return (Str){name, first.len};
}

static bool only_slashes(Str rest)
{
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] != '/') return false;
    return true;
}

static Status put_back(Walk *walk, Str front, Err *err)
{
    Buf    joined;
    Status status;
    buf_init(&joined, 2 * PATH_MAX);
    status = buf_append(&joined, front, err);
    if (status == ST_OK && walk->rest.len > 0) status = buf_byte(&joined, '/', err);
    if (status == ST_OK) status = buf_append(&joined, buf_str(&walk->rest), err);
    buf_clear(&walk->rest);
    walk->rest = joined;
    return status == ST_OK ? ST_OK : path_error(walk->place, "resolve", ENAMETOOLONG, err);
}

/* Puts the link's target before `rest`. An absolute one counts only below the root. */
static Status follow_link(Walk *walk, int link_fd, Err *err)
{
    char    bytes[PATH_MAX];
    ssize_t len = readlinkat(link_fd, "", bytes, sizeof bytes);
    Str     target = {bytes, len > 0 ? (size_t)len : 0};
    if (len < 0) return path_error(walk->place, "follow", errno, err);
    if (++walk->links > LINKS_MAX) return path_error(walk->place, "follow", ELOOP, err);
    if (target.len > 0 && target.ptr[0] == '/') {
        if (!strip_root(&target, walk->roots)) return path_error(walk->place, "follow", EXDEV, err);
        buf_reset(&walk->place->resolved);
        if (walk->folder_fd >= 0) close(walk->folder_fd);
        walk->folder_fd = -1;
    }
    return put_back(walk, target, err);
}

/* Takes one step: into a folder, to a file, up, or along a link. */
static Status walk_on(Walk *walk, bool *missing, Err *err)
{
    Place      *place = walk->place;
    char        bytes[PATH_MAX];
    struct stat st;
    Str         name = next_name(walk, bytes);
    if (name.len == 0 || str_is(name, ".")) return ST_OK;
    if (str_is(name, "..")) {
        if (walk->folder_fd >= 0) close(walk->folder_fd);
        walk->folder_fd = -1;
        return add_name(&place->resolved, name) ? ST_OK : path_error(place, "resolve", EXDEV, err);
    }
    if (walk->folder_fd < 0)
        walk->folder_fd =
            open_beneath(walk->root_fd, buf_str(&place->resolved), O_PATH | O_DIRECTORY);
    if (walk->folder_fd < 0) return path_error(place, "resolve", errno, err);

    int fd = open_beneath(walk->folder_fd, name, O_PATH | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        *missing = true;
        return put_back(walk, name, err);
    }
    if (fd < 0) return path_error(place, "resolve", errno, err);
    Status status = ST_OK;
    if (fstat(fd, &st) != 0) {
        status = path_error(place, "resolve", errno, err);
    } else if (S_ISLNK(st.st_mode) && (walk->follow_last || !only_slashes(buf_str(&walk->rest)))) {
        status = follow_link(walk, fd, err);
    } else if (!add_name(&place->resolved, name)) {
        status = path_error(place, "resolve", ENAMETOOLONG, err);
    } else {
        close(walk->folder_fd);
        walk->folder_fd = fd;
        return ST_OK;
    }
    close(fd);
    return status;
}

/* What is not there cannot be a link; it is added as it stands. ".." there has no meaning. */
static Status add_missing(Walk *walk, Err *err)
{
    Str rest = buf_str(&walk->rest), name;
    while (str_next(&rest, '/', &name)) {
        if (str_is(name, "..")) return path_error(walk->place, "resolve", ENOENT, err);
        if (!add_name(&walk->place->resolved, name))
            return path_error(walk->place, "resolve", ENAMETOOLONG, err);
    }
    return ST_OK;
}
