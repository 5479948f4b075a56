#include "guard.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MOST = 40 };

/* A path that is gone through name by name. */
typedef struct Walk {
    char done[PATH_MAX]; /* what was looked at, without links; "" is the root */
    char rest[PATH_MAX]; /* what is still to come */
    int  links;
} Walk;

static Status check_entry(const char *path, const struct stat *info, bool on_the_way, Err *err);
static Status walk_step(Walk *walk, Err *err);
static Status make_below(char *path, Err *err);

Status guard_path(const char *path, Err *err)
{
    Walk        walk = {.links = 0};
    struct stat info;
    if (path[0] != '/') return err_set(err, ST_INVALID, "%s is no absolute path", path);
    if (strlen(path) >= sizeof walk.rest)
        return err_set(err, ST_INVALID, "a path of %zu bytes is too long", strlen(path));
    memcpy(walk.rest, path, strlen(path) + 1);
    if (lstat("/", &info) != 0) return err_set(err, ST_IO, "/: %s", strerror(errno));
    Status status = check_entry("/", &info, true, err);
    while (status == ST_OK && walk.rest[strspn(walk.rest, "/")]) status = walk_step(&walk, err);
    return status;
}

Status guard_own_folder(const char *path, bool *mended, Err *err)
{
    struct stat info;
    char        copy[PATH_MAX];
    *mended = false;
    if (strlen(path) >= sizeof copy)
        return err_set(err, ST_INVALID, "a path of %zu bytes is too long", strlen(path));
    memcpy(copy, path, strlen(path) + 1);
    Status status = make_below(copy, err);
    if (status == ST_OK) status = guard_path(path, err);
    if (status != ST_OK) return status;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return err_set(err, ST_INVALID, "%s is no folder", path);
    if ((info.st_mode & 077) == 0) return ST_OK;
    if (chmod(path, 0700) != 0)
        return err_set(err, ST_IO, "%s: others can read it, and chmod failed: %s", path,
                       strerror(errno));
    *mended = true;
    return ST_OK;
}

/* Takes one name off walk->rest. A link is replaced by what it says. */
static Status walk_step(Walk *walk, Err *err)
{
    char        target[PATH_MAX], rest[PATH_MAX];
    struct stat info;
    char       *name = walk->rest + strspn(walk->rest, "/");
    size_t      len = strcspn(name, "/"), stood = strlen(walk->done);
    bool        more = name[len + strspn(name + len, "/")] != '\0';
    snprintf(rest, sizeof rest, "%s", name + len);
    if (len == 2 && memcmp(name, "..", 2) == 0) {
        char *slash = strrchr(walk->done, '/');
        if (slash) *slash = '\0';
    } else if (len > 1 || name[0] != '.') {
        if (stood + len + 2 > sizeof walk->done)
            return err_set(err, ST_INVALID, "a path is too long");
        snprintf(walk->done + stood, sizeof walk->done - stood, "/%.*s", (int)len, name);
        if (lstat(walk->done, &info) != 0)
            return err_set(err, errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_IO,
                           "%s: %s", walk->done, strerror(errno));
        Status status = check_entry(walk->done, &info, more, err);
        if (status != ST_OK) return status;
        if (S_ISLNK(info.st_mode)) {
            ssize_t got = readlink(walk->done, target, sizeof target - 1);
            if (got < 0) return err_set(err, ST_IO, "%s: %s", walk->done, strerror(errno));
            target[got] = '\0';
            int wanted = snprintf(walk->rest, sizeof walk->rest, "%s%s", target, rest);
            if (++walk->links > LINKS_MOST || wanted < 0 || (size_t)wanted >= sizeof walk->rest)
                return err_set(err, ST_INVALID, "%s: too many links, or too long ones", walk->done);
            walk->done[target[0] == '/' ? 0 : stood] = '\0';
            return ST_OK;
        }
    }
    memcpy(walk->rest, rest, strlen(rest) + 1);
    return ST_OK;
}

/* Whether `group` is the user's own and nobody else's, as systems make one for each user. */
static bool group_is_private(gid_t group)
{
    const struct passwd *user = getpwuid(geteuid());
    if (!user || user->pw_gid != group) return false;
    char name[256];
    snprintf(name, sizeof name, "%s", user->pw_name);
    const struct group *own = getgrgid(group);
    if (!own || strcmp(own->gr_name, name) != 0) return false;
    for (char *const *member = own->gr_mem; member && *member; member++)
        if (strcmp(*member, name) != 0) return false;
    return true;
}

/* Root; inside a user namespace it shows as whoever owns the root folder. */
static bool is_root(uid_t owner)
{
    struct stat top;
    return owner == 0 || (stat("/", &top) == 0 && owner == top.st_uid);
}

static Status check_entry(const char *path, const struct stat *info, bool on_the_way, Err *err)
{
    if (info->st_uid != geteuid() && !is_root(info->st_uid))
        return err_set(err, ST_DENIED,
                       "%s belongs to user %u, not to you, and what stands there is obeyed with "
                       "your rights; take it over with chown, or remove it",
                       path, (unsigned)info->st_uid);
    if (S_ISLNK(info->st_mode)) return ST_OK; /* a link has no mode; its folder was looked at */
    bool others = (info->st_mode & S_IWOTH) != 0, group = (info->st_mode & S_IWGRP) != 0;
    if (on_the_way && S_ISDIR(info->st_mode)) {
        if (info->st_mode & S_ISVTX) others = group = false;
        if (is_root(info->st_uid)) group = false;
    }
    if (group && group_is_private(info->st_gid)) group = false;
    if (!others && !group) return ST_OK;
    return err_set(err, ST_DENIED,
                   "%s can be written by %s (mode %04o), and what stands there is obeyed with your "
                   "rights; look through it, then: chmod go-w '%s'",
                   path, others ? "everybody" : "its group", (unsigned)info->st_mode & 07777, path);
}

/* mkdir -p, 0700 each; `path` is changed on the way and restored. */
static Status make_below(char *path, Err *err)
{
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        int rc = mkdir(path, 0700), saved = errno;
        if (rc != 0 && saved != EEXIST && access(path, F_OK) != 0)
            return err_set(err, ST_IO, "mkdir %s: %s", path, strerror(saved));
        *at = kept;
        if (kept == '\0') return ST_OK;
    }
}
