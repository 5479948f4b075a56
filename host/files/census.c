#include "census.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum Within { IN_AGENTS = 1, IN_TOOLS = 2, IN_LUA = 4 };

#define HASHED_MAX (64 * MB) /* of all files together; beyond it times must do */

typedef struct Walk {
    Census *out;
    int     root;     /* owned */
    int64_t deadline; /* monotonic ms; 0 is none */
    size_t  looked, hashed;
    Buf     path;    /* of the folder that is looked at, below the root */
    char  **targets; /* owned: folders below the root that links lead to, still to be looked at */
    int    *places;  /* owned: what they count as */
    size_t  target_count;
} Walk;

static Status walk_folder(Walk *walk, int fd, int places, int depth, Err *err);

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds(now) / 1000000;
}

/* -- what counts ------------------------------------------------------------------------------- */

static int place_of(const char *name, size_t len)
{
    if (len == 6 && strncasecmp(name, "agents", 6) == 0) return IN_AGENTS;
    if (len == 5 && strncasecmp(name, "tools", 5) == 0) return IN_TOOLS;
    if (len == 3 && strncasecmp(name, "lua", 3) == 0) return IN_LUA;
    return 0;
}

static int places_of(Str path)
{
    int places = 0;
    for (Str part; str_next(&path, '/', &part);) places |= place_of(part.ptr, part.len);
    return places;
}

static bool has_ending(const char *name, const char *ending)
{
    size_t len = strlen(name), end = strlen(ending);
    return len > end && strcasecmp(name + len - end, ending) == 0;
}

static bool counts(const char *name, int places)
{
    return (places && has_ending(name, ".lua")) ||
           ((places & IN_AGENTS) && has_ending(name, ".md"));
}

/* A folder that makes what it stands in a project: `parent` is the folder's own path. */
static bool marks(const char *name, Str parent)
{
    if (strcmp(name, ".perigee") == 0) return true;
    return strcmp(name, "agents") == 0 && str_is(path_name(parent), ".claude");
}

/* -- keeping ----------------------------------------------------------------------------------- */

static CensusEntry *add(Census *census, const char *path, char kind)
{
    if (census->count == census->room) {
        census->room = census->room ? census->room * 2 : 64;
        census->entries = mem_grow(census->entries, census->room * sizeof *census->entries);
    }
    CensusEntry *entry = &census->entries[census->count++];
    *entry = (CensusEntry){.path = mem_text(path), .kind = kind};
    return entry;
}

static Status keep(Walk *walk, char kind, const struct stat *info, CensusEntry **out, Err *err)
{
    if (walk->out->count >= CENSUS_KEPT_MAX)
        return err_set(err, ST_LIMIT, "%s: more than %d agents and Lua files", walk->out->folder,
                       CENSUS_KEPT_MAX);
    CensusEntry *entry = add(walk->out, walk->path.ptr, kind);
    entry->inode = (uint64_t)info->st_ino;
    entry->size = kind == 'd' ? 0 : (uint64_t)info->st_size;
    entry->modified = nanoseconds(info->st_mtim);
    entry->changed = nanoseconds(info->st_ctim);
    *out = entry;
    return ST_OK;
}

/* Of a file that is small enough to be loaded; "" when it cannot be read. */
static void hash_file(Walk *walk, int folder, const char *name, CensusEntry *entry)
{
    Buf text;
    Err err;
    if (entry->size > LIMIT_SCRIPT || walk->hashed + entry->size > HASHED_MAX) return;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return;
    buf_init(&text, LIMIT_SCRIPT + 32 * KB);
    while (buf_reserve(&text, 16 * KB, &err) == ST_OK) {
        ssize_t got = read(fd, text.ptr + text.len, 16 * KB);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) hash_hex(buf_str(&text), entry->hash);
        if (got <= 0) break;
        text.len += (size_t)got;
        text.ptr[text.len] = '\0';
    }
    walk->hashed += text.len;
    buf_clear(&text);
    close(fd);
}

/* -- the walk ---------------------------------------------------------------------------------- */

/* What a link leads to below the folder is looked at under its own name. */
static Status note_target(Walk *walk, int places, Err *err)
{
    char  *full = NULL, *real = NULL;
    size_t len = strlen(walk->out->folder);
    Buf    path;
    buf_init(&path, 2 * PATH_MAX);
    Status status = buf_printf(&path, err, "%s/%s", walk->out->folder, walk->path.ptr);
    if (status == ST_OK) full = realpath(path.ptr, NULL);
    bool inside = full && strncmp(full, walk->out->folder, len) == 0 && full[len] == '/';
    if (inside) real = full + len + 1;
    for (size_t i = 0; inside && i < walk->target_count; i++)
        if (strcmp(walk->targets[i], real) == 0 && walk->places[i] == places) inside = false;
    if (inside && walk->target_count >= CENSUS_KEPT_MAX)
        status = err_set(err, ST_LIMIT, "%s: too many links", walk->out->folder);
    if (inside && status == ST_OK) {
        size_t count = walk->target_count++;
        walk->targets = mem_grow(walk->targets, (count + 1) * sizeof *walk->targets);
        walk->places = mem_grow(walk->places, (count + 1) * sizeof *walk->places);
        walk->targets[count] = mem_text(real);
        walk->places[count] = places;
    }
    free(full);
    buf_clear(&path);
    return status;
}

static Status walk_below(Walk *walk, int folder, const char *name, int places, int depth, Err *err)
{
    struct stat  info;
    CensusEntry *entry;
    int          fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) return walk_folder(walk, fd, places, depth + 1, err);
    if (errno == EMFILE || errno == ENFILE)
        return err_set(err, ST_LIMIT, "%s: %s", walk->out->folder, strerror(errno));
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return ST_OK; /* it is gone */
    return keep(walk, 'u', &info, &entry, err);
}

/* One entry; `walk->path` is its path already, `parent` its folder's. */
static Status walk_entry(Walk *walk, int folder, const struct dirent *entry, Str parent, int places,
                         int depth, Err *err)
{
    struct stat  info;
    CensusEntry *kept;
    const char  *name = entry->d_name;
    int          type = entry->d_type, own = place_of(name, strlen(name));
    bool         marker = marks(name, parent), wanted = counts(name, places);
    bool         unsure = type == DT_UNKNOWN || type == DT_LNK || marker || wanted;
    if (!unsure && type != DT_DIR) return ST_OK;
    if (unsure) {
        if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return ST_OK;
        type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISLNK(info.st_mode) ? DT_LNK : DT_REG;
    }
    if (type == DT_LNK) {
        bool makes = own || marker || strcmp(name, ".claude") == 0;
        if (!makes && !places) return ST_OK;
        Status status = keep(walk, 'l', &info, &kept, err);
        return status == ST_OK ? note_target(walk, places | own, err) : status;
    }
    if (type == DT_DIR) {
        Status status = marker ? keep(walk, 'd', &info, &kept, err) : ST_OK;
        return status == ST_OK ? walk_below(walk, folder, name, places | own, depth, err) : status;
    }
    if (!wanted) return ST_OK;
    Status status = keep(walk, 'f', &info, &kept, err);
    if (status == ST_OK) hash_file(walk, folder, name, kept);
    return status;
}

static Status check_bounds(Walk *walk, int depth, Err *err)
{
    if (++walk->looked > CENSUS_LOOKED_MAX || depth > CENSUS_DEPTH_MAX)
        return err_set(err, ST_LIMIT,
                       "%s: more than %d files, or folders more than %d deep; use a smaller one",
                       walk->out->folder, CENSUS_LOOKED_MAX, CENSUS_DEPTH_MAX);
    if (walk->deadline && walk->looked % 1024 == 0 && now_ms() > walk->deadline)
        return err_set(err, ST_LIMIT, "%s: looking through it takes too long", walk->out->folder);
    return ST_OK;
}

/* Takes `fd`. */
static Status walk_folder(Walk *walk, int fd, int places, int depth, Err *err)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return err_set(err, ST_IO, "read %s: %s", walk->out->folder, strerror(errno));
    }
    size_t len = walk->path.len;
    Status status = ST_OK;
    for (struct dirent *entry; status == ST_OK && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        status = check_bounds(walk, depth, err);
        if (status != ST_OK) break;
        status = buf_printf(&walk->path, err, "%s%s", len ? "/" : "", entry->d_name);
        if (status != ST_OK) break;
        status =
            walk_entry(walk, dirfd(dir), entry, (Str){walk->path.ptr, len}, places, depth, err);
        walk->path.len = len;
        walk->path.ptr[len] = '\0';
    }
    closedir(dir);
    return status;
}

/* Something below the root that a link led to: a folder, or one file. */
static Status walk_target(Walk *walk, const char *path, int places, Err *err)
{
    CensusEntry *kept;
    struct stat  info;
    buf_reset(&walk->path);
    Status status = buf_append(&walk->path, str_from(path), err);
    if (status != ST_OK) return status;
    int fd = open_beneath(walk->root, str_from(path), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return ST_OK; /* it changed meanwhile: whoever changed it is not this walk's run */
    if (fstat(fd, &info) != 0 || (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))) {
        close(fd);
        return ST_OK;
    }
    if (S_ISDIR(info.st_mode)) return walk_folder(walk, fd, places, 1, err);
    close(fd);
    status = keep(walk, 'f', &info, &kept, err);
    int folder =
        open_beneath(walk->root, path_folder(str_from(path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (status == ST_OK && folder >= 0)
        hash_file(walk, folder, path_name(str_from(path)).ptr, kept);
    if (folder >= 0) close(folder);
    return status;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const CensusEntry *)a)->path, ((const CensusEntry *)b)->path);
}

/* Sorted; what was met twice, by itself and through a link, stands once. */
static void put_in_order(Census *census)
{
    size_t kept = 0;
    if (census->count) qsort(census->entries, census->count, sizeof *census->entries, by_path);
    for (size_t i = 0; i < census->count; i++) {
        if (kept && strcmp(census->entries[kept - 1].path, census->entries[i].path) == 0)
            free(census->entries[i].path);
        else
            census->entries[kept++] = census->entries[i];
    }
    census->count = kept;
}

Status census_take(const char *folder, int64_t deadline, Census *out, Err *err)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (Census){.taken = nanoseconds(now)};
    out->folder = realpath(folder, NULL);
    if (!out->folder) {
        Status status = errno == ENOENT ? ST_NOT_FOUND : ST_IO;
        return err_set(err, status, "workspace %s: %s", folder, strerror(errno));
    }
    Walk walk = {.out = out, .deadline = deadline};
    buf_init(&walk.path, 64 * KB);
    walk.root = open(out->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int    fd = walk.root >= 0 ? openat(walk.root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    Status status = fd >= 0 ? walk_folder(&walk, fd, places_of(str_from(out->folder)), 1, err)
                            : err_set(err, errno == ENOTDIR ? ST_INVALID : ST_IO,
                                      "workspace %s: %s", folder, strerror(errno));
    for (size_t i = 0; i < walk.target_count; i++) { /* grows while it goes on */
        if (status == ST_OK) status = walk_target(&walk, walk.targets[i], walk.places[i], err);
        free(walk.targets[i]);
    }
    free(walk.targets);
    free(walk.places);
    buf_clear(&walk.path);
    if (walk.root >= 0) close(walk.root);
    put_in_order(out);
    if (status != ST_OK) census_clear(out);
    return status;
}

void census_clear(Census *census)
{
    for (size_t i = 0; i < census->count; i++) free(census->entries[i].path);
    free(census->entries);
    free(census->folder);
    census_clear_pins(census);
    *census = (Census){0};
}

/* -- comparing --------------------------------------------------------------------------------- */

/* Younger than this when it was looked at, a file may have changed again within one tick of the
 * clock, and look the same. */
#define FRESH_NS 2000000000

static bool same(const Census *before, const CensusEntry *was, const CensusEntry *is)
{
    if (was->kind != is->kind) return false;
    if (was->kind == 'd') return true; /* that it is there is all that it says */
    bool looks = was->inode == is->inode && was->size == is->size &&
                 was->modified == is->modified && was->changed == is->changed;
    if (looks && was->changed < before->taken - FRESH_NS) return true;
    return was->kind == 'f' ? was->hash[0] && strcmp(was->hash, is->hash) == 0 : looks;
}

static void add_change(const Census *before, Census *changes, const CensusEntry *entry, char kind)
{
    if (census_pinned(before, entry->path)) return;
    CensusEntry *change = add(changes, entry->path, kind);
    memcpy(change->hash, entry->hash, sizeof change->hash);
    if (kind == 'g') change->hash[0] = '\0';
}

void census_compare(const Census *before, const Census *after, Census *changes)
{
    *changes = (Census){.folder = mem_text(before->folder), .taken = after->taken};
    size_t i = 0, j = 0;
    while (i < before->count || j < after->count) {
        const CensusEntry *was = i < before->count ? &before->entries[i] : NULL;
        const CensusEntry *is = j < after->count ? &after->entries[j] : NULL;
        int                order = !was ? 1 : !is ? -1 : strcmp(was->path, is->path);
        if (order < 0) {
            add_change(before, changes, was, 'g');
            i++;
        } else if (order > 0) {
            add_change(before, changes, is, is->kind);
            j++;
        } else {
            if (!same(before, was, is)) add_change(before, changes, is, is->kind);
            i++;
            j++;
        }
    }
}
