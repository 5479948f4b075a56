/* Replacing a file: a new one beside it, made whole, then put in its place by one rename. */
#include "draft.h"
#include "internal.h"

#include "../base/fault.h"
#include "../base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* One write under way. */
typedef struct Draft {
    Root       *root;      /* borrowed */
    Place      *place;     /* borrowed */
    const char *expect;    /* borrowed; NULL, "" or a hash */
    int         folder_fd; /* owned */
    char        target[NAME_MAX + 1];
    struct stat old; /* of the file that stands there */
    bool        old_there;
    int         fd;                    /* owned; the new file */
    char        temp[DRAFT_NAME_SIZE]; /* its name in the folder; "" while it has none */
} Draft;

static Status check_expected(Draft *draft, bool again, Err *err);
static Status make_folders(Draft *draft, Err *err);
static void   remove_folders(Draft *draft);
static Status open_draft(Draft *draft, Err *err);
static Status fill_draft(Draft *draft, Str bytes, Err *err);
static Status publish_draft(Draft *draft, Err *err);

Status root_write(Root *root, Str path, Str bytes, const char *expect, FileInfo *info, Err *err)
{
    Place       place;
    struct stat st;
    Draft draft = {.root = root, .place = &place, .expect = expect, .folder_fd = -1, .fd = -1};
    place_init(&place, path);
    Status status = root_place(root, &place, ACCESS_WRITE, err);
    Str    name = path_name(buf_str(&place.resolved));
    if (status == ST_OK && (name.len == 0 || str_ends(path, STR("/"))))
        status = err_set(err, ST_INVALID, "write %s: that names a folder", place.shown.text);
    if (status == ST_OK && name.len > NAME_MAX)
        status = path_error(&place, "write", ENAMETOOLONG, err);
    if (status == ST_OK && bytes.len > LIMIT_FILE_READ)
        status = err_set(err, ST_LIMIT, "write %s: %zu bytes, the most is %zu", place.shown.text,
                         bytes.len, LIMIT_FILE_READ);
    if (status == ST_OK) {
        memcpy(draft.target, name.ptr, name.len);
        status = check_expected(&draft, false, err);
    }
    bool begun = status == ST_OK;
    if (status == ST_OK) status = make_folders(&draft, err);
    if (status == ST_OK) status = open_draft(&draft, err);
    if (status == ST_OK) status = fill_draft(&draft, bytes, err);
    if (status == ST_OK) status = publish_draft(&draft, err);
    if (status == ST_OK && fstat(draft.fd, &st) != 0)
        status = path_error(&place, "write", errno, err);
    if (status == ST_OK) {
        root_fill_info(&st, info);
        hash_hex(bytes, info->hash);
    }
    if (draft.temp[0]) unlinkat(draft.folder_fd, draft.temp, 0);
    if (draft.fd >= 0) close(draft.fd);
    if (draft.folder_fd >= 0) close(draft.folder_fd);
    if (begun && status != ST_OK) remove_folders(&draft);
    place_clear(&place);
    return status;
}

/* -- what stands there ------------------------------------------------------------------------- */

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static Status check_hash(Draft *draft, int fd, const struct stat *st, Err *err)
{
    Buf  content;
    char hash[HASH_HEX_SIZE];
    buf_init(&content, LIMIT_FILE_READ + 1);
    Status status = root_read_all(draft->place, fd, st, LIMIT_FILE_READ, &content, err);
    if (status == ST_OK) {
        hash_hex(buf_str(&content), hash);
        if (strcmp(hash, draft->expect) != 0)
            status = err_set(err, ST_INVALID,
                             "write %s: it changed since it was read; read it again first",
                             draft->place->shown.text);
    }
    buf_clear(&content);
    return status;
}

/* Compares the file with `expect`. `again`: just before the rename, when the same inode in the same
 * state needs no second reading. */
static Status check_expected(Draft *draft, bool again, Err *err)
{
    const char *path = draft->place->shown.text;
    struct stat st;
    int fd = open_beneath(draft->root->fd, buf_str(&draft->place->resolved), O_PATH | O_NOFOLLOW);
    if (fd < 0 && errno != ENOENT) return path_error(draft->place, "write", errno, err);
    bool there = fd >= 0 && fstat(fd, &st) == 0;
    if (fd >= 0) close(fd);
    if (!there) {
        draft->old_there = false;
        if (!draft->expect || draft->expect[0] == '\0') return ST_OK;
        return err_set(err, ST_INVALID, "write %s: the file that was read is gone", path);
    }
    if (S_ISREG(st.st_mode) && draft->expect && draft->expect[0] == '\0')
        return err_set(err, ST_INVALID, "write %s: there is such a file already", path);
    if (again && draft->old_there && same_state(&st, &draft->old)) return ST_OK;

    Status status = root_open_file(draft->root, draft->place, &fd, &st, err);
    if (status == ST_DENIED && !draft->expect)
        status = ST_OK, fd = -1; /* may write, may not read */
    if (status != ST_OK) return status;
    if ((st.st_mode & 0222) == 0)
        status = err_set(err, ST_DENIED, "write %s: its mode %03o forbids it to everybody", path,
                         (unsigned)(st.st_mode & 0777));
    if (status == ST_OK && draft->expect) status = check_hash(draft, fd, &st, err);
    if (fd >= 0) close(fd);
    draft->old = st;
    draft->old_there = true;
    return status;
}

/* -- folders ----------------------------------------------------------------------------------- */

/* A folder that holds both of these is a repository for git, which obeys its config from then on.
 * No command made it, so nobody would look at that. */
static bool makes_repository(int folder, Str name)
{
    struct stat st;
    const char *other = str_is(name, "objects") ? "refs" : str_is(name, "refs") ? "objects" : NULL;
    return other && fstatat(folder, other, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Opens the folder, making what is missing of it one name after the other. */
static Status make_folders(Draft *draft, Err *err)
{
    Place *place = draft->place;
    Str    resolved = buf_str(&place->resolved), folder = path_folder(resolved), name;
    Str    there = {folder.ptr, place->missing_at < folder.len ? place->missing_at : folder.len};
    Str    rest = str_cut(folder, there.len, folder.len);
    int    fd = open_beneath(draft->root->fd, there, O_RDONLY | O_DIRECTORY);
    while (fd >= 0 && str_next(&rest, '/', &name)) {
        char text[NAME_MAX + 1];
        if (name.len == 0) continue;
        if (name.len > NAME_MAX) {
            close(fd);
            return path_error(place, "make the folder of", ENAMETOOLONG, err);
        }
        if (makes_repository(fd, name)) {
            close(fd);
            return err_set(err, ST_DENIED,
                           "write %s: its folder would become a git repository; make that with git",
                           place->shown.text);
        }
        memcpy(text, name.ptr, name.len);
        text[name.len] = '\0';
        int made = mkdirat(fd, text, 0777), next = -1;
        if (made == 0) fsync(fd); /* best effort: without the folder the file is gone as well */
        if (made == 0 || errno == EEXIST) next = open_beneath(fd, name, O_RDONLY | O_DIRECTORY);
        int saved = errno;
        close(fd);
        errno = saved;
        fd = next;
    }
    if (fd < 0) return path_error(place, "make the folder of", errno, err);
    draft->folder_fd = fd;
    return ST_OK;
}

/* After a failure: takes away the folders that were missing, from the innermost on, while they are
 * empty. */
static void remove_folders(Draft *draft)
{
    Place *place = draft->place;
    Str    folder = path_folder(buf_str(&place->resolved));
    while (folder.len > place->missing_at) {
        char text[NAME_MAX + 1];
        Str  name = path_name(folder), above = path_folder(folder);
        int  fd = open_beneath(draft->root->fd, above, O_PATH | O_DIRECTORY);
        if (fd >= 0 && name.len <= NAME_MAX) {
            memcpy(text, name.ptr, name.len);
            text[name.len] = '\0';
            unlinkat(fd, text, AT_REMOVEDIR);
        }
        if (fd >= 0) close(fd);
        folder = above;
    }
}

/* -- the new file ------------------------------------------------------------------------------ */

static bool temp_name(Draft *draft) { return draft_name(draft->root->tag, draft->temp); }

/* Without a name where that can be done: then even a killed process leaves nothing. The name comes
 * later, through /proc. */
static Status open_draft(Draft *draft, Err *err)
{
    bool nameless = access("/proc/self/fd", X_OK) == 0;
    if (nameless) {
        draft->fd = openat(draft->folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
        /* What kernels and file systems without O_TMPFILE answer. */
        nameless = draft->fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL);
    }
    if (!nameless && temp_name(draft)) {
        draft->fd = openat(draft->folder_fd, draft->temp,
                           O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (draft->fd < 0) draft->temp[0] = '\0';
    }
    return draft->fd >= 0 ? ST_OK : path_error(draft->place, "write", errno, err);
}

/* One attribute of the old file, put on the new one. */
static bool copy_attribute(const char *from, const char *to, const char *name)
{
    char    value[65536]; /* as large as the kernel lets one be */
    ssize_t len = getxattr(from, name, value, sizeof value);
    return len >= 0 && setxattr(to, name, value, (size_t)len, 0) == 0;
}

/* The access list, without which the group's bits of the mode would mean more than they did; and
 * what users keep with their files. Not what grants rights to a program: its content is new. */
static Status copy_attributes(Draft *draft, Err *err)
{
    static const char ACCESS_LIST[] = "system.posix_acl_access";
    char              names[65536], from[40], to[40];
    Str               old_path = buf_str(&draft->place->resolved);
    int               old = open_beneath(draft->root->fd, old_path, O_PATH | O_NOFOLLOW);
    if (old < 0) return ST_OK; /* gone: the check before the rename says so */
    snprintf(from, sizeof from, "/proc/self/fd/%d", old);
    snprintf(to, sizeof to, "/proc/self/fd/%d", draft->fd);
    ssize_t len = listxattr(from, names, sizeof names);
    bool    kept = true;
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        if (strncmp(names + at, "user.", 5) == 0) copy_attribute(from, to, names + at);
        if (strcmp(names + at, ACCESS_LIST) == 0) kept = copy_attribute(from, to, ACCESS_LIST);
    }
    close(old);
    if (kept) return ST_OK;
    return err_set(err, ST_IO, "write %s: its access list cannot be kept: %s",
                   draft->place->shown.text, strerror(errno));
}

static Status fill_draft(Draft *draft, Str bytes, Err *err)
{
    if (fault_hit("files.write"))
        return err_set(err, ST_IO, "write %s: injected fault", draft->place->shown.text);
    if (draft->old_there) { /* before the content: it must not be readable by more than the old was
                             */
        struct stat st;
        if (fstat(draft->fd, &st) != 0) return path_error(draft->place, "write", errno, err);
        bool foreign = st.st_uid != draft->old.st_uid || st.st_gid != draft->old.st_gid;
        /* Only root can give a file away; an ordinary user's file then becomes the writer's. */
        if (foreign && fchown(draft->fd, draft->old.st_uid, draft->old.st_gid) != 0 &&
            errno != EPERM)
            return path_error(draft->place, "write", errno, err);
        if (fchmod(draft->fd, draft->old.st_mode & 0777) != 0) /* not setuid: the content is new */
            return path_error(draft->place, "write", errno, err);
        Status status = copy_attributes(draft, err);
        if (status != ST_OK) return status;
    }
    while (bytes.len > 0) {
        ssize_t put = write(draft->fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return path_error(draft->place, "write", errno, err);
        bytes = str_cut(bytes, (size_t)put, bytes.len);
    }
    if (fsync(draft->fd) != 0) return path_error(draft->place, "write", errno, err);
    return ST_OK;
}

/* Gives the nameless file the name `name`; -1 and errno (EEXIST). */
static int link_draft(Draft *draft, const char *name)
{
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", draft->fd);
    return linkat(AT_FDCWD, self, draft->folder_fd, name, AT_SYMLINK_FOLLOW);
}

/* The folder that was opened is still the one that the path names. */
static bool folder_stands(const Draft *draft)
{
    struct stat ours, now;
    Str         folder = path_folder(buf_str(&draft->place->resolved));
    int         fd = open_beneath(draft->root->fd, folder, O_PATH | O_DIRECTORY);
    bool        stands = fd >= 0 && fstat(fd, &now) == 0 && fstat(draft->folder_fd, &ours) == 0 &&
                  ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
    if (fd >= 0) close(fd);
    return stands;
}

static Status publish_draft(Draft *draft, Err *err)
{
    const char *path = draft->place->shown.text;
    bool        only_new = draft->expect && draft->expect[0] == '\0';
    int         rc;
    if (!draft->temp[0] && !only_new) {
        if (!temp_name(draft) || link_draft(draft, draft->temp) != 0) {
            draft->temp[0] = '\0';
            return path_error(draft->place, "write", errno, err);
        }
    }
    Status status = check_expected(draft, true, err);
    if (status != ST_OK) return status;
    if (!folder_stands(draft))
        return err_set(err, ST_INVALID, "write %s: its folder was moved meanwhile", path);
    if (fault_hit("files.rename")) return err_set(err, ST_IO, "write %s: injected fault", path);
    if (!only_new)
        rc = renameat(draft->folder_fd, draft->temp, draft->folder_fd, draft->target);
    else if (draft->temp[0])
        rc = renameat2(draft->folder_fd, draft->temp, draft->folder_fd, draft->target,
                       RENAME_NOREPLACE);
    else
        rc = link_draft(draft, draft->target);
    if (rc != 0 && only_new && errno == EEXIST)
        return err_set(err, ST_INVALID, "write %s: there is such a file already", path);
    if (rc != 0 && errno == EISDIR)
        return err_set(err, ST_INVALID, "%s is a folder, not a file", path);
    if (rc != 0) return path_error(draft->place, "write", errno, err);
    draft->temp[0] = '\0';
    if (fsync(draft->folder_fd) != 0 && errno != EINVAL)
        return err_set(err, ST_IO, "write %s: written, but its folder could not be synced: %s",
                       path, strerror(errno));
    return ST_OK;
}
