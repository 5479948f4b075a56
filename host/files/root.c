/* Opening a root, and all that only reads. Writing is in write.c. */
#include "internal.h"

#include "../base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void   free_texts(char **list);
static void   fill_entry(Root *root, Str path, const struct stat *st, FileInfo *info);
static Status real_path(Root *root, Err *err);
static Status set_pins(Root *root, const char *const *pins, Err *err);
static Status read_names(const Place *place, DIR *dir, size_t most, char ***names, size_t *count,
                         Err *err);

Status root_open(const RootSpec *spec, Root **out, Err *err)
{
    Root  *root = mem_new(sizeof *root);
    Status status = ST_OK;
    pthread_rwlock_init(&root->covers, NULL);
    size_t len = strlen(spec->path);
    while (len > 1 && spec->path[len - 1] == '/') len--;
    root->path = mem_copy(spec->path, len);
    root->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->path[0] != '/')
        status = err_set(err, ST_INVALID, "workspace %s: not an absolute path", spec->path);
    else if (root->fd < 0)
        status = err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_INVALID, "workspace %s: %s",
                         spec->path, strerror(errno));
    if (status == ST_OK) {
        int probe = open_beneath(root->fd, STR("."), O_PATH | O_DIRECTORY);
        if (probe < 0)
            status = err_set(err, ST_UNAVAILABLE,
                             "workspace %s: openat2: %s; files are only read and written with it "
                             "(Linux 5.6, not blocked by a container's filter)",
                             spec->path, strerror(errno));
        else
            close(probe);
    }
    if (status == ST_OK) status = real_path(root, err);
    if (status == ST_OK) status = set_pins(root, spec->pins, err);
    if (status != ST_OK) {
        root_free(root);
        return status;
    }
    *out = root;
    return ST_OK;
}

void root_free(Root *root)
{
    if (!root) return;
    free_texts(root->pins);
    free_texts(root->masked);
    free_texts(root->read_only);
    pthread_rwlock_destroy(&root->covers);
    if (root->fd >= 0) close(root->fd);
    free(root->path);
    free(root->real);
    free(root);
}

const char *root_path(const Root *root) { return root->path; }

bool root_is(const Root *root, dev_t device, ino_t inode)
{
    struct stat st;
    return fstat(root->fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void root_tag(Root *root, uint32_t tag) { root->tag = tag; }

void root_cover(Root *root, char **masked, char **read_only)
{
    pthread_rwlock_wrlock(&root->covers);
    char **old_masked = root->masked, **old_read_only = root->read_only;
    root->masked = masked;
    root->read_only = read_only;
    pthread_rwlock_unlock(&root->covers);
    free_texts(old_masked);
    free_texts(old_read_only);
}

Status root_real(Root *root, Str path, Buf *real, Err *err)
{
    Place place;
    place_init(&place, path);
    Status status = root_place(root, &place, ACCESS_READ, err);
    if (status == ST_OK) {
        buf_reset(real);
        status = buf_append(real, buf_str(&place.resolved), err);
    }
    place_clear(&place);
    return status;
}

Status root_read(Root *root, Str path, size_t most, Buf *out, FileInfo *info, Err *err)
{
    Place       place;
    struct stat st;
    int         fd = -1;
    size_t      before = out->len;
    place_init(&place, path);
    Status status = root_place(root, &place, ACCESS_READ, err);
    if (status == ST_OK) status = root_open_file(root, &place, &fd, &st, err);
    if (status == ST_OK) status = root_read_all(&place, fd, &st, most, out, err);
    if (status == ST_OK && fstat(fd, &st) != 0) status = path_error(&place, "read", errno, err);
    if (status == ST_OK) {
        root_fill_info(&st, info);
        info->size = out->len - before;
        hash_hex(str_cut(buf_str(out), before, out->len), info->hash);
    }
    if (fd >= 0) close(fd);
    place_clear(&place);
    return status;
}

Status root_info(Root *root, Str path, FileInfo *info, Err *err)
{
    Place       place;
    struct stat st;
    place_init(&place, path);
    Status status = root_place(root, &place, ACCESS_INFO, err);
    if (status == ST_OK) {
        int fd = open_beneath(root->fd, buf_str(&place.resolved), O_PATH | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) != 0)
            status = path_error(&place, "look at", errno, err);
        else
            fill_entry(root, buf_str(&place.resolved), &st, info);
        if (fd >= 0) close(fd);
    }
    place_clear(&place);
    return status;
}

Status root_list(Root *root, Str path, size_t most, RootEntry *entry, void *arg, Err *err)
{
    Place  place;
    char **names = NULL;
    size_t count = 0;
    DIR   *dir = NULL;
    int    fd = -1;
    Buf    full; /* path of an entry */
    buf_init(&full, PATH_MAX + NAME_MAX + 2);
    place_init(&place, path);
    Status status = root_place(root, &place, ACCESS_READ, err);
    if (status == ST_OK) {
        fd = open_beneath(root->fd, buf_str(&place.resolved), O_RDONLY | O_DIRECTORY);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (fd < 0 && errno == ENOTDIR)
            status = err_set(err, ST_INVALID, "list %s: it is no folder", place.shown.text);
        else if (!dir)
            status = path_error(&place, "list", errno, err);
    }
    if (status == ST_OK) status = read_names(&place, dir, most, &names, &count, err);
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        FileInfo    info;
        /* What has gone since it was listed is left out, as if it had gone before. */
        if (status == ST_OK && fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0) {
            buf_reset(&full);
            status = buf_printf(&full, err, "%s%s%s", place.resolved.ptr,
                                place.resolved.len > 0 ? "/" : "", names[i]);
            fill_entry(root, buf_str(&full), &st, &info);
            if (status == ST_OK) entry(arg, str_from(names[i]), &info);
        }
        free(names[i]);
    }
    free(names);
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    buf_clear(&full);
    place_clear(&place);
    return status;
}

/* -- shared with write.c ----------------------------------------------------------------------- */

static Status forbidden(const Place *place, Access access, FileRule rule, Err *err)
{
    const char *path = place->shown.text;
    if (rule == RULE_MASKED)
        return err_set(err, ST_DENIED,
                       "%s may hold a secret and is masked (.env*, *.pem, private keys); it can be "
                       "neither read nor written here",
                       path);
    if (rule == RULE_READ_ONLY && access == ACCESS_WRITE)
        return err_set(err, ST_DENIED,
                       "%s is read-only here: it decides what runs outside the sandbox", path);
    return ST_OK;
}

static bool is_covered(Str path, char *const *places)
{
    for (; places && *places; places++) {
        Str place = str_from(*places);
        if (place.len == 0) return true; /* the whole root */
        if (str_starts(path, place) && (path.len == place.len || path.ptr[place.len] == '/'))
            return true;
    }
    return false;
}

FileRule root_rule(Root *root, Str path)
{
    FileRule rule = rules_for(path, root->pins);
    if (rule == RULE_MASKED) return rule;
    pthread_rwlock_rdlock(&root->covers);
    if (is_covered(path, root->masked))
        rule = RULE_MASKED;
    else if (is_covered(path, root->read_only))
        rule = RULE_READ_ONLY;
    pthread_rwlock_unlock(&root->covers);
    return rule;
}

Status root_place(Root *root, Place *place, Access access, Err *err)
{
    Status status = path_normalise(place, root->roots, err);
    if (status == ST_OK)
        status = path_resolve(place, root->fd, root->roots, access != ACCESS_INFO, err);
    if (status != ST_OK) return status;
    Str named = buf_str(&place->named), resolved = buf_str(&place->resolved);
    if (access == ACCESS_INFO) { /* that a masked file is there is no secret; what is in it is */
        named = path_folder(named);
        resolved = path_folder(resolved);
    }
    status = forbidden(place, access, root_rule(root, named), err);
    if (status == ST_OK) status = forbidden(place, access, root_rule(root, resolved), err);
    return status;
}

static Status check_regular(const Place *place, const struct stat *st, Err *err)
{
    if (S_ISREG(st->st_mode)) return ST_OK;
    return err_set(err, ST_INVALID, "%s is a %s, not a file", place->shown.text,
                   S_ISDIR(st->st_mode)    ? "folder"
                   : S_ISFIFO(st->st_mode) ? "FIFO"
                   : S_ISSOCK(st->st_mode) ? "socket"
                                           : "device");
}

Status root_open_file(const Root *root, const Place *place, int *out, struct stat *st, Err *err)
{
    /* Looked at before it is opened: opening a device may already do something. Looked at again
     * after: another file may stand there by then. O_NONBLOCK: a FIFO in that gap must not hold us.
     */
    int look = open_beneath(root->fd, buf_str(&place->resolved), O_PATH | O_NOFOLLOW);
    if (look < 0) return path_error(place, "open", errno, err);
    Status status = fstat(look, st) == 0 ? check_regular(place, st, err)
                                         : path_error(place, "open", errno, err);
    close(look);
    if (status != ST_OK) return status;
    int fd = open_beneath(root->fd, buf_str(&place->resolved), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return path_error(place, "open", errno, err);
    status =
        fstat(fd, st) == 0 ? check_regular(place, st, err) : path_error(place, "open", errno, err);
    if (status != ST_OK)
        close(fd);
    else
        *out = fd;
    return status;
}

Status root_read_all(const Place *place, int fd, const struct stat *st, size_t most, Buf *out,
                     Err *err)
{
    size_t start = out->len;
    if (st->st_size > 0 && (uint64_t)st->st_size > most)
        return err_set(err, ST_LIMIT, "%s has %lld bytes, the most is %zu", place->shown.text,
                       (long long)st->st_size, most);
    for (;;) { /* to the end, not to st_size: the file may grow meanwhile, and some have no size */
        size_t want = st->st_size > 0 && out->len == start ? (size_t)st->st_size + 1 : 65536;
        size_t room = most - (out->len - start) + 1;
        if (want > room) want = room;
        if (want > out->limit - out->len) want = out->limit - out->len;
        if (want == 0)
            return err_set(err, ST_LIMIT, "%s: more than %zu bytes", place->shown.text, most);
        Status status = buf_reserve(out, want, err);
        if (status != ST_OK) return status;
        ssize_t got = read(fd, out->ptr + out->len, want);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return path_error(place, "read", errno, err);
        if (got == 0) break;
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
        if (out->len - start > most) {
            out->len = start;
            out->ptr[start] = '\0';
            return err_set(err, ST_LIMIT, "%s has more than %zu bytes", place->shown.text, most);
        }
    }
    return ST_OK;
}

void root_fill_info(const struct stat *st, FileInfo *info)
{
    info->kind = S_ISREG(st->st_mode)   ? FILE_REGULAR
                 : S_ISDIR(st->st_mode) ? FILE_FOLDER
                 : S_ISLNK(st->st_mode) ? FILE_LINK
                                        : FILE_OTHER;
    info->size = (uint64_t)st->st_size;
    info->mode = st->st_mode & 07777;
    info->modified_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    info->masked = false;
    info->hash[0] = '\0';
}

/* What a person may know of a place: of a masked one neither size nor time. */
static void fill_entry(Root *root, Str path, const struct stat *st, FileInfo *info)
{
    root_fill_info(st, info);
    if (info->kind == FILE_LINK || root_rule(root, path) != RULE_MASKED) return;
    info->masked = true;
    info->size = 0;
    info->mode = 0;
    info->modified_ms = 0;
}

static void free_texts(char **list)
{
    for (char **text = list; text && *text; text++) free(*text);
    free(list);
}

/* -- opening ----------------------------------------------------------------------------------- */

static Status real_path(Root *root, Err *err)
{
    root->real = realpath(root->path, NULL);
    if (!root->real)
        return err_set(err, ST_INVALID, "workspace %s: %s", root->path, strerror(errno));
    root->roots[0] = root->path;
    root->roots[1] = root->real;
    root->roots[2] = NULL;
    return ST_OK;
}

/* A pin counts by its name and by what it resolves to. One that leads outside, in a circle or to
 * nothing cannot be written through its link anyway: then its name is enough. */
static Status set_pins(Root *root, const char *const *pins, Err *err)
{
    size_t count = 0, kept = 0;
    Status status = ST_OK;
    while (pins && pins[count]) count++;
    root->pins = mem_new((2 * count + 1) * sizeof *root->pins);
    for (size_t i = 0; i < count && status == ST_OK; i++) {
        Place place;
        place_init(&place, str_from(pins[i]));
        status = path_normalise(&place, root->roots, err);
        if (status == ST_OK) {
            root->pins[kept++] = mem_text(place.named.ptr);
            status = path_resolve(&place, root->fd, root->roots, true, err);
            if (status == ST_OK)
                root->pins[kept++] = mem_text(place.resolved.ptr);
            else if (status == ST_DENIED || status == ST_NOT_FOUND || status == ST_INVALID)
                status = ST_OK;
        }
        if (status != ST_OK) err_wrap(err, "workspace %s: read-only part", root->path);
        place_clear(&place);
    }
    return status;
}

/* -- listing ----------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static Status read_names(const Place *place, DIR *dir, size_t most, char ***names, size_t *count,
                         Err *err)
{
    size_t room = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry && errno != 0) return path_error(place, "list", errno, err);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (*count == most)
            return err_set(err, ST_LIMIT, "list %s: more than %zu entries", place->shown.text,
                           most);
        if (*count == room) {
            room = room ? room * 2 : 64;
            *names = mem_grow(*names, room * sizeof **names);
        }
        (*names)[(*count)++] = mem_text(entry->d_name);
    }
    if (*count > 1) qsort(*names, *count, sizeof **names, by_bytes);
    return ST_OK;
}
