#include "keep.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 10 };

typedef struct Kept {
    char       *folder; /* owned */
    const char *path;   /* borrowed, for messages */
    const char *name;   /* in `folder`; borrowed from `real` */
    char       *real;   /* owned; without links where it is there */
    int         dir;    /* owned */
    int         lock;   /* owned */
} Kept;

static Status failed(const Kept *kept, const char *verb, Err *err)
{
    return err_set(err, ST_IO, "%s %s: %s", verb, kept->path, strerror(errno));
}

/* Each folder of the path that is missing. */
static void make_folders(char *folder)
{
    for (char *at = folder + 1; *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        (void)mkdir(folder, 0700); /* what matters is whether the last one can be opened */
        *at = '/';
    }
    (void)mkdir(folder, 0700);
}

static Status open_folder(Kept *kept, Err *err)
{
    char *real = realpath(kept->path, NULL);
    kept->real = real ? real : mem_text(kept->path);
    char *slash = strrchr(kept->real, '/');
    if (!slash || slash == kept->real)
        return err_set(err, ST_DENIED, "%s is no path of a file to keep", kept->path);
    kept->folder = mem_copy(kept->real, (size_t)(slash - kept->real));
    kept->name = slash + 1;
    make_folders(kept->folder);
    kept->dir = open(kept->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return kept->dir < 0 ? failed(kept, "open the folder of", err) : ST_OK;
}

static Status take_lock(Kept *kept, Err *err)
{
    char name[300];
    snprintf(name, sizeof name, ".%.200s.lock", kept->name);
    kept->lock = openat(kept->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (kept->lock < 0) return failed(kept, "lock", err);
    for (int waited = 0; flock(kept->lock, LOCK_EX | LOCK_NB) != 0; waited += LOOK_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR) return failed(kept, "lock", err);
        if (waited >= KEEP_LOCK_MS)
            return err_set(err, ST_TIMEOUT, "lock %s: another process has held it for %d s",
                           kept->path, KEEP_LOCK_MS / 1000);
        poll(NULL, 0, LOOK_MS);
    }
    return ST_OK;
}

/* Whether `fd` holds exactly `expect`. */
static Status compare(const Kept *kept, int fd, Str expect, Err *err)
{
    struct stat info;
    char        chunk[8192];
    size_t      at = 0;
    if (fstat(fd, &info) != 0) return failed(kept, "look at", err);
    if (!S_ISREG(info.st_mode) || info.st_uid != geteuid())
        return err_set(err, ST_DENIED, "%s is no regular file of yours", kept->path);
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(kept, "read", err);
        if (got == 0 && at == expect.len) return ST_OK;
        if (got == 0 || (size_t)got > expect.len - at ||
            memcmp(chunk, expect.ptr + at, (size_t)got) != 0)
            return err_set(err, ST_INVALID, "%s has changed meanwhile", kept->path);
        at += (size_t)got;
    }
}

static Status check_content(const Kept *kept, const Str *expect, Err *err)
{
    int fd = openat(kept->dir, kept->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) return failed(kept, "open", err);
    if (fd < 0 && expect) return err_set(err, ST_INVALID, "%s is gone", kept->path);
    if (fd < 0) return ST_OK;
    Status status = expect ? compare(kept, fd, *expect, err)
                           : err_set(err, ST_INVALID, "%s is there by now", kept->path);
    close(fd);
    return status;
}

static bool write_all(int fd, Str text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text = str_cut(text, (size_t)put, text.len);
    }
    return fsync(fd) == 0;
}

/* Under the lock one name is enough; what a killed process left under it is overwritten. */
static Status put(const Kept *kept, Str text, Err *err)
{
    char name[300];
    int  flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    snprintf(name, sizeof name, ".%.200s.new", kept->name);
    (void)unlinkat(kept->dir, name, 0);
    int fd = openat(kept->dir, name, flags, 0600);
    if (fd < 0) return failed(kept, "write", err);
    bool written = fchmod(fd, 0600) == 0 && write_all(fd, text);
    int  why = errno;
    close(fd);
    errno = why;
    if (written && renameat(kept->dir, name, kept->dir, kept->name) == 0 && fsync(kept->dir) == 0)
        return ST_OK;
    Status status = failed(kept, "write", err);
    (void)unlinkat(kept->dir, name, 0);
    return status;
}

Status keep_replace(const char *path, const Str *expect, Str text, Err *err)
{
    Kept kept = {.path = path, .dir = -1, .lock = -1};
    if (text.len > KEEP_MOST)
        return err_set(err, ST_LIMIT, "%s would be larger than %d bytes", path, KEEP_MOST);
    Status status = open_folder(&kept, err);
    if (status == ST_OK) status = take_lock(&kept, err);
    if (status == ST_OK) status = check_content(&kept, expect, err);
    if (status == ST_OK) status = put(&kept, text, err);
    if (kept.lock >= 0) close(kept.lock);
    if (kept.dir >= 0) close(kept.dir);
    free(kept.folder);
    free(kept.real);
    return status;
}
