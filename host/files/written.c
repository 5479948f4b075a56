#include "written.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_BYTES_MAX (64 * MB)
enum { NOTES_MAX = 10000 }; /* files in STATE/written */

struct Note {
    char  *folder; /* owned; STATE/written */
    char  *path;   /* owned */
    int    fd;     /* owned; locked */
    Census before;
    bool   settled;
};

/* -- files ------------------------------------------------------------------------------------- */

static Status make_folder(const char *path, Err *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return ST_OK;
    return err_set(err, ST_IO, "make %s: %s", path, strerror(errno));
}

/* STATE/written, made when it is not there. Owned. */
static Status open_folder(const char *state, char **out, Err *err)
{
    char   path[PATH_MAX];
    Status status = ST_OK;
    if (snprintf(path, sizeof path, "%s/written", state) >= (int)sizeof path)
        return err_set(err, ST_LIMIT, "%s: the path is too long", state);
    for (char *slash = strchr(path + 1, '/'); status == ST_OK && slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_folder(path, err);
        *slash = '/';
    }
    if (status == ST_OK) status = make_folder(path, err);
    if (status == ST_OK) *out = mem_text(path);
    return status;
}

/* Writes a new file KIND.XXXXXX that is whole and on disk before it has its name; locked while
 * `fd` is open. */
static Status put_file(const char *folder, const char *kind, Str bytes, char **path, int *fd,
                       Err *err)
{
    char new[PATH_MAX], name[PATH_MAX];
    if (snprintf(new, sizeof new, "%s/.new.XXXXXX", folder) >= (int)sizeof new)
        return err_set(err, ST_LIMIT, "%s: the path is too long", folder);
    int at = mkostemp(new, O_CLOEXEC);
    if (at < 0) return err_set(err, ST_IO, "make a file in %s: %s", folder, strerror(errno));
    bool   ok = flock(at, LOCK_EX | LOCK_NB) == 0;
    size_t done = 0;
    while (ok && done < bytes.len) {
        ssize_t put = write(at, bytes.ptr + done, bytes.len - done);
        if (put < 0 && errno == EINTR) continue;
        ok = put > 0;
        if (ok) done += (size_t)put;
    }
    snprintf(name, sizeof name, "%.*s/%s%s", (int)strlen(folder), folder, kind, strrchr(new, '.'));
    ok = ok && fsync(at) == 0 && rename(new, name) == 0;
    if (!ok) {
        int why = errno;
        unlink(new);
        close(at);
        return err_set(err, ST_IO, "write %s: %s", name, strerror(why));
    }
    *path = mem_text(name);
    *fd = at;
    return ST_OK;
}

static Status read_census(int fd, Census *out, Err *err)
{
    Buf bytes;
    buf_init(&bytes, NOTE_BYTES_MAX);
    Status status = ST_OK;
    for (off_t at = 0; status == ST_OK;) {
        status = buf_reserve(&bytes, 64 * KB, err);
        if (status != ST_OK) break;
        ssize_t got = pread(fd, bytes.ptr + bytes.len, 64 * KB, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = err_set(err, ST_IO, "%s", strerror(errno));
        if (got <= 0) break;
        bytes.len += (size_t)got;
        at += got;
    }
    if (status == ST_OK) status = census_parse(buf_str(&bytes), out, err);
    buf_clear(&bytes);
    return status;
}

static Status put_census(const char *folder, const char *kind, const Census *census, char **path,
                         int *fd, Err *err)
{
    Buf bytes;
    buf_init(&bytes, NOTE_BYTES_MAX);
    Status status = census_write(census, &bytes, err);
    if (status == ST_OK) status = put_file(folder, kind, buf_str(&bytes), path, fd, err);
    buf_clear(&bytes);
    return status;
}

/* -- one run ----------------------------------------------------------------------------------- */

Status note_begin(const char *state, const char *workspace, const char *const *pins, Note **out,
                  Err *err)
{
    Note *note = mem_new(sizeof *note);
    note->fd = -1;
    Status status = open_folder(state, &note->folder, err);
    if (status == ST_OK) status = census_take(workspace, 0, &note->before, err);
    if (status == ST_OK) census_pin(&note->before, pins);
    if (status == ST_OK)
        status = put_census(note->folder, "begun", &note->before, &note->path, &note->fd, err);
    if (status != ST_OK) {
        note->settled = true;
        note_free(note);
        return status;
    }
    *out = note;
    return ST_OK;
}

/* Puts `changes` in the place of the note at `path`. Nothing is lost in between: both may stand. */
static Status replace(const char *folder, const char *path, const Census *changes, Err *err)
{
    char  *done = NULL;
    int    fd = -1;
    Status status = changes->count ? put_census(folder, "done", changes, &done, &fd, err) : ST_OK;
    if (status == ST_OK && unlink(path) != 0 && errno != ENOENT)
        status = err_set(err, ST_IO, "remove %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(done);
    return status;
}

Status note_settle(Note *note, int64_t deadline, Err *err)
{
    Census after, changes;
    if (note->settled) return ST_OK;
    Status status = census_take(note->before.folder, deadline, &after, err);
    if (status == ST_OK) census_compare(&note->before, &after, &changes);
    if (status == ST_NOT_FOUND) { /* nothing is left of it that could be loaded */
        after = changes = (Census){0};
        status = ST_OK;
    }
    if (status != ST_OK) return status;
    status = replace(note->folder, note->path, &changes, err);
    note->settled = status == ST_OK;
    census_clear(&after);
    census_clear(&changes);
    return status;
}

void note_free(Note *note)
{
    if (!note) return;
    if (note->fd >= 0) close(note->fd); /* the lock goes with it */
    census_clear(&note->before);
    free(note->folder);
    free(note->path);
    free(note);
}

const char *note_workspace(const Note *note) { return note->before.folder; }

/* -- all of them ------------------------------------------------------------------------------- */

static Written *add(WrittenList *list, const char *name)
{
    list->items = mem_grow(list->items, (list->count + 1) * sizeof *list->items);
    Written *item = &list->items[list->count++];
    *item = (Written){.name = mem_text(name)};
    return item;
}

/* What the run of a note has changed so far, or at all when it is no longer `live`. */
static Status compare_now(const Census *before, Census *changes, Err *err)
{
    Census after;
    Status status = census_take(before->folder, 0, &after, err);
    if (status == ST_OK) {
        census_compare(before, &after, changes);
        census_clear(&after);
        return ST_OK;
    }
    changes->folder = mem_text(before->folder);
    return status == ST_NOT_FOUND ? ST_OK : status; /* a folder that is gone holds nothing */
}

static void collect_one(const char *folder, const char *name, WrittenList *out)
{
    char   path[PATH_MAX + 300];
    Err    err;
    Census before = {0};
    bool   begun = strncmp(name, "begun.", 6) == 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return; /* somebody else has just settled it */
    err_clear(&err);
    Written *item = add(out, name);
    Status   status = fd >= 0 ? ST_OK : err_set(&err, ST_IO, "%s", strerror(errno));
    if (status == ST_OK) {
        item->live = begun && flock(fd, LOCK_SH | LOCK_NB) != 0;
        status = read_census(fd, begun ? &before : &item->changes, &err);
    }
    if (status == ST_OK && begun) status = compare_now(&before, &item->changes, &err);
    if (status != ST_OK) item->problem = mem_text(err.text);
    census_clear(&before);
    if (fd >= 0) close(fd);
}

Status written_collect(const char *state, WrittenList *out, Err *err)
{
    char path[PATH_MAX];
    *out = (WrittenList){0};
    if (snprintf(path, sizeof path, "%s/written", state) >= (int)sizeof path)
        return err_set(err, ST_LIMIT, "%s: the path is too long", state);
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT) return ST_OK;
    if (!dir) return err_set(err, ST_IO, "read %s: %s", path, strerror(errno));
    Status status = ST_OK;
    for (struct dirent *entry; status == ST_OK && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (strncmp(name, "begun.", 6) != 0 && strncmp(name, "done.", 5) != 0) continue;
        if (out->count >= NOTES_MAX)
            status = err_set(err, ST_LIMIT, "%s: more than %d files", path, NOTES_MAX);
        else
            collect_one(path, name, out);
    }
    closedir(dir);
    if (status != ST_OK) written_clear(out);
    return status;
}

void written_clear(WrittenList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].problem);
        census_clear(&list->items[i].changes);
    }
    free(list->items);
    *list = (WrittenList){0};
}

Status written_forget(const char *state, const char *name, Err *err)
{
    char path[PATH_MAX];
    if (strchr(name, '/') || (strncmp(name, "begun.", 6) != 0 && strncmp(name, "done.", 5) != 0))
        return err_set(err, ST_INVALID, "%s is no note", name);
    snprintf(path, sizeof path, "%s/written/%s", state, name);
    if (unlink(path) == 0 || errno == ENOENT) return ST_OK;
    return err_set(err, ST_IO, "remove %s: %s", path, strerror(errno));
}
