#include "copy.h"

#include "../base/mem.h"
#include "draft.h"
#include "internal.h"
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct Copy {
    char *folder, *before, *work; /* owned */
    int   lock;                   /* owned */
};

typedef struct Walk {
    Root        *root; /* whose rules hold; NULL: all is copied */
    atomic_bool *stop;
    bool         skips_git; /* at every depth */
    Buf          path;      /* of the folder that is copied, below the root */
    uint64_t     files, bytes;
} Walk;

/* -- one file ---------------------------------------------------------------------------------- */

static Status fail(const Walk *walk, const char *verb, const char *name, Err *err)
{
    int   sys = errno;
    Shown shown = path_shown(str_from(name));
    return err_set(err, sys == ENOSPC || sys == EDQUOT ? ST_LIMIT : ST_IO,
                   "copy the workspace: %s %s%s%s: %s", verb, walk->path.len ? walk->path.ptr : "",
                   walk->path.len ? "/" : "", shown.text, strerror(sys));
}

/* By reading and writing: for file systems, or kernels, that can do no better. */
static bool copy_bytes(int from, int to)
{
    static const size_t CHUNK = 256 * 1024;
    char               *chunk = mem_new(CHUNK);
    ssize_t             got;
    bool                good = true;
    while (good && (got = read(from, chunk, CHUNK)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        good = got > 0;
        for (ssize_t at = 0; good && at < got;) {
            ssize_t put = write(to, chunk + at, (size_t)(got - at));
            if (put < 0 && errno == EINTR) continue;
            good = put > 0;
            at += put;
        }
    }
    free(chunk);
    return good;
}

static bool copy_content(int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0) return true;
    for (;;) {
        ssize_t got = copy_file_range(from, NULL, to, NULL, (size_t)64 * 1024 * 1024, 0);
        if (got == 0) return true;
        if (got < 0 && errno != EINTR) break;
    }
    /* Some file systems answer part of a file before they refuse: begin again. */
    if (lseek(from, 0, SEEK_SET) != 0 || lseek(to, 0, SEEK_SET) != 0 || ftruncate(to, 0) != 0)
        return false;
    return copy_bytes(from, to);
}

static Status count(Walk *walk, uint64_t bytes, Err *err)
{
    walk->files++;
    walk->bytes += bytes;
    if (atomic_load(walk->stop)) return err_set(err, ST_CANCELLED, "copying was cancelled");
    if (walk->files > COPY_FILES_MAX)
        return err_set(err, ST_LIMIT, "copy the workspace: it has more than %d files",
                       COPY_FILES_MAX);
    if (walk->bytes > COPY_BYTES_MAX)
        return err_set(err, ST_LIMIT, "copy the workspace: it has more than %llu MB",
                       (unsigned long long)(COPY_BYTES_MAX >> 20));
    return ST_OK;
}

static Status copy_file(Walk *walk, int from, int to, const char *name, Err *err)
{
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (in < 0 && (errno == EACCES || errno == ENOENT || errno == ELOOP)) return ST_OK;
    if (in < 0) return fail(walk, "open", name, err);
    struct stat st;
    Status      status = ST_OK;
    int         out = -1;
    if (fstat(in, &st) != 0) status = fail(walk, "look at", name, err);
    if (status == ST_OK && S_ISREG(st.st_mode)) {
        status = count(walk, (uint64_t)st.st_size, err);
        if (status == ST_OK) {
            out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
            if (out < 0 || !copy_content(in, out)) status = fail(walk, "write", name, err);
        }
        struct timespec times[2] = {st.st_atim, st.st_mtim};
        if (status == ST_OK && (fchmod(out, st.st_mode & 0777) != 0 || futimens(out, times) != 0))
            status = fail(walk, "finish", name, err);
    }
    if (out >= 0) close(out);
    close(in);
    return status;
}

static Status copy_link(Walk *walk, int from, int to, const char *name, Err *err)
{
    char    target[PATH_MAX];
    ssize_t len = readlinkat(from, name, target, sizeof target - 1);
    if (len < 0) return ST_OK; /* gone meanwhile */
    target[len] = '\0';
    Status status = count(walk, 0, err);
    if (status == ST_OK && symlinkat(target, to, name) != 0)
        status = fail(walk, "make the link", name, err);
    return status;
}

/* -- the tree ---------------------------------------------------------------------------------- */

static Status copy_entries(Walk *walk, int from, int to, int depth, Err *err);

static Status copy_folder_at(Walk *walk, int from, int to, const char *name, int depth, Err *err)
{
    if (depth >= COPY_DEPTH_MAX)
        return err_set(err, ST_LIMIT, "copy the workspace: folders nest deeper than %d",
                       COPY_DEPTH_MAX);
    int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0) return ST_OK; /* may not be read, or gone meanwhile */
    Status status = count(walk, 0, err);
    int    out = -1;
    if (status == ST_OK && (mkdirat(to, name, 0700) != 0 ||
                            (out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0))
        status = fail(walk, "make", name, err);
    size_t len = walk->path.len;
    if (status == ST_OK) status = buf_printf(&walk->path, err, "%s%s", len ? "/" : "", name);
    if (status == ST_OK) status = copy_entries(walk, in, out, depth + 1, err);
    walk->path.len = len;
    if (walk->path.ptr) walk->path.ptr[len] = '\0';
    if (out >= 0) close(out);
    close(in);
    return status;
}

static Status copy_entry(Walk *walk, int from, int to, const char *name, int depth, Err *err)
{
    struct stat st;
    if (walk->skips_git && strcmp(name, ".git") == 0) return ST_OK;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return ST_OK; /* gone meanwhile */
    if (walk->root) {
        size_t len = walk->path.len;
        if (buf_printf(&walk->path, err, "%s%s", len ? "/" : "", name) != ST_OK) return err->status;
        bool masked = root_rule(walk->root, buf_str(&walk->path)) == RULE_MASKED;
        walk->path.len = len;
        walk->path.ptr[len] = '\0';
        if (masked) return ST_OK;
    }
    if (S_ISDIR(st.st_mode)) return copy_folder_at(walk, from, to, name, depth, err);
    if (S_ISLNK(st.st_mode)) return copy_link(walk, from, to, name, err);
    if (S_ISREG(st.st_mode) && draft_is_name(name)) return ST_OK; /* what is being written */
    if (S_ISREG(st.st_mode)) return copy_file(walk, from, to, name, err);
    return ST_OK; /* nothing that could be copied */
}

static Status copy_entries(Walk *walk, int from, int to, int depth, Err *err)
{
    int  fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0) close(fd);
        return ST_OK;
    }
    Status         status = ST_OK;
    struct dirent *entry;
    while (status == ST_OK && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = copy_entry(walk, from, to, entry->d_name, depth, err);
    closedir(folder);
    return status;
}

static Status copy_tree(Walk *walk, const char *from, const char *to, const char *only, Err *err)
{
    int in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int out = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    buf_init(&walk->path, (size_t)2 * PATH_MAX * COPY_DEPTH_MAX);
    Status status = ST_OK;
    if (in < 0 || out < 0)
        status = fail(walk, "open", in < 0 ? from : to, err);
    else if (only)
        status = copy_folder_at(walk, in, out, only, 0, err);
    else
        status = copy_entries(walk, in, out, 0, err);
    buf_clear(&walk->path);
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return status;
}

/* -- a copy ------------------------------------------------------------------------------------ */

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char  *path = mem_new(size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* ~/.cache may not be there yet. */
static bool make_parent(const char *path)
{
    char *parent = mem_text(path), *end = strrchr(parent, '/');
    if (end) *end = '\0';
    bool good = !end || end == parent || mkdir(parent, 0700) == 0 || errno == EEXIST;
    free(parent);
    return good;
}

/* Made and locked before anything is in it, so that no sweep takes it for one that was left. */
static Status make_folder(Copy *copy, const char *cache, Err *err)
{
    char *all = join(cache, "copies"), *name = join(all, "copy.XXXXXX");
    bool  above = make_parent(cache);
    if (!above || (mkdir(cache, 0700) != 0 && errno != EEXIST) ||
        (mkdir(all, 0700) != 0 && errno != EEXIST))
        err_set(err, ST_IO, "make %s: %s", all, strerror(errno));
    else if (!mkdtemp(name))
        err_set(err, ST_IO, "make %s: %s", name, strerror(errno));
    else
        copy->folder = mem_text(name);
    free(all);
    free(name);
    if (!copy->folder) return err->status;
    char *lock = join(copy->folder, "lock");
    copy->lock = open(lock, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    copy->before = join(copy->folder, "a");
    copy->work = join(copy->folder, "b");
    if (copy->lock < 0 || flock(copy->lock, LOCK_EX | LOCK_NB) != 0 ||
        mkdir(copy->before, 0700) != 0 || mkdir(copy->work, 0700) != 0)
        err_set(err, ST_IO, "make %s: %s", copy->folder, strerror(errno));
    free(lock);
    return err->status;
}

Status copy_new(Root *root, const char *cache, atomic_bool *stop, Copy **out, Err *err)
{
    Copy *copy = mem_new(sizeof *copy);
    copy->lock = -1;
    err_clear(err);
    Status status = make_folder(copy, cache, err);
    Walk   walk = {.root = root, .stop = stop, .skips_git = true};
    if (status == ST_OK) status = copy_tree(&walk, root->path, copy->before, NULL, err);
    walk = (Walk){.stop = stop};
    if (status == ST_OK) status = copy_tree(&walk, copy->before, copy->work, NULL, err);
    walk.root = root;
    if (status == ST_OK) status = copy_tree(&walk, root->path, copy->work, ".git", err);
    if (status != ST_OK) {
        copy_free(copy);
        return status;
    }
    *out = copy;
    return ST_OK;
}

const char *copy_folder(const Copy *copy) { return copy->folder; }
const char *copy_work(const Copy *copy) { return copy->work; }

Status copy_seal(Copy *copy, Err *err)
{
    if (scratch_remove_named(copy->work, ".git")) return ST_OK;
    return err_set(err, ST_IO, "%s: a .git in it could not be removed", copy->work);
}

static bool is_name(const char *name)
{
    return strncmp(name, "copy.", 5) == 0 && name[5] != '\0' && !strchr(name, '/') &&
           strlen(name) < COPY_NAME_SIZE;
}

/* A folder of ours, and no link to another one. */
static bool is_own_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

Status copy_again(const char *cache, const char *name, Copy **out, Err *err)
{
    if (!is_name(name)) return err_set(err, ST_INVALID, "%s is no name of a copy", name);
    Copy       *copy = mem_new(sizeof *copy);
    char       *all = join(cache, "copies");
    atomic_bool never = false;
    err_clear(err);
    copy->folder = join(all, name);
    copy->before = join(copy->folder, "a");
    copy->work = join(copy->folder, "b");
    char *lock = join(copy->folder, "lock");
    copy->lock = open(lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (copy->lock < 0 || !is_own_folder(copy->folder) || !is_own_folder(copy->before) ||
        !is_own_folder(copy->work))
        err_set(err, ST_NOT_FOUND, "the copy %s of the workspace is gone", copy->folder);
    else if (flock(copy->lock, LOCK_EX | LOCK_NB) != 0)
        err_set(err, ST_UNAVAILABLE, "another process works in %s", copy->folder);
    else if (futimens(copy->lock, NULL) != 0)
        err_set(err, ST_IO, "touch %s: %s", lock, strerror(errno));
    else /* none was copied: all are of processes that worked here and are dead */
        draft_sweep(copy->work, NULL, &never, NULL, NULL);
    free(lock);
    free(all);
    if (err->status == ST_OK)
        *out = copy;
    else
        copy_leave(copy);
    return err->status;
}

const char *copy_name(const Copy *copy) { return strrchr(copy->folder, '/') + 1; }

void copy_free(Copy *copy)
{
    if (!copy) return;
    if (copy->folder) scratch_remove(copy->folder);
    copy_leave(copy);
}

void copy_leave(Copy *copy)
{
    if (copy->lock >= 0) close(copy->lock);
    free(copy->folder);
    free(copy->before);
    free(copy->work);
    free(copy);
}

static bool is_older(const struct stat *st, time_t seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - st->st_mtime > seconds;
}

/* Whether nobody will take the copy up: its lock is free and old. One without a lock is being made
 * or half gone. */
static bool is_left(const char *folder)
{
    char *path = join(folder, "lock");
    int   lock = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    free(path);
    struct stat st;
    bool        left = lock >= 0 && fstat(lock, &st) == 0 && is_older(&st, COPY_KEPT_S) &&
                flock(lock, LOCK_EX | LOCK_NB) == 0;
    if (lock < 0 && errno == ENOENT) left = stat(folder, &st) == 0 && is_older(&st, 60);
    if (lock >= 0) close(lock);
    return left;
}

void copy_sweep(const char *cache)
{
    char          *all = join(cache, "copies");
    DIR           *folder = opendir(all);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, "copy.", 5) != 0) continue;
        char *path = join(all, entry->d_name);
        if (is_left(path)) scratch_remove(path);
        free(path);
    }
    if (folder) closedir(folder);
    free(all);
}
