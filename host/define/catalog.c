#include "catalog.h"

#include "../base/buf.h"
#include "../base/limits.h"
#include "../base/mem.h"
#include "../files/path.h"
#include "definition.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES (256 * MB) /* of all texts together */

enum {
    MOST_FOLDERS = 10000,
    MOST_NAMES = 100000, /* entries looked at, definitions or not */
};

typedef struct Folder {
    dev_t dev;
    ino_t ino;
} Folder;

typedef struct Walk {
    Catalog *out;
    size_t   room;
    size_t   names, bytes;
    Folder  *seen; /* owned: folders entered, so that links cannot lead round */
    size_t   seen_count, seen_room;
    bool     stopped; /* a bound was reached and said */
} Walk;

static void walk_folder(Walk *walk, int at, const char *path, int depth);
static void file_read(int folder, const char *name, CatalogFile *file);

static int by_path(const void *a, const void *b)
{
    return strcmp(((const CatalogFile *)a)->path, ((const CatalogFile *)b)->path);
}

Status catalog_find(const char *folder, Catalog *out, Err *err)
{
    *out = (Catalog){0};
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) {
        Status status = errno == ENOENT ? ST_NOT_FOUND : errno == ENOTDIR ? ST_INVALID : ST_IO;
        return err_set(err, status, "read definitions in %s: %s", folder, strerror(errno));
    }
    Walk walk = {.out = out};
    walk_folder(&walk, at, "", 1);
    free(walk.seen);
    if (out->count) qsort(out->files, out->count, sizeof *out->files, by_path);
    return ST_OK;
}

void catalog_free(Catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) catalog_file_free(&catalog->files[i]);
    free(catalog->files);
    *catalog = (Catalog){0};
}

Status catalog_read(const char *path, CatalogFile *out, Err *err)
{
    *out = (CatalogFile){.path = mem_text(path)};
    file_read(AT_FDCWD, path, out);
    if (out->kind != CATALOG_REFUSED) return ST_OK;
    err_set(err, out->status, "read %s: %s", path, out->problem);
    Status status = out->status;
    catalog_file_free(out);
    return status;
}

void catalog_file_free(CatalogFile *file)
{
    free(file->path);
    free(file->real);
    free(file->problem);
    free((char *)(uintptr_t)file->text.ptr);
    *file = (CatalogFile){0};
}

static void refuse(CatalogFile *file, Status status, const char *problem)
{
    file->kind = CATALOG_REFUSED;
    file->status = status;
    file->problem = mem_text(problem);
}

static CatalogFile *walk_add(Walk *walk, const char *path)
{
    Catalog *out = walk->out;
    if (out->count == walk->room) {
        walk->room = walk->room ? walk->room * 2 : 64;
        out->files = mem_grow(out->files, walk->room * sizeof *out->files);
    }
    CatalogFile *file = &out->files[out->count++];
    *file = (CatalogFile){.path = mem_text(path)};
    return file;
}

static void walk_stop(Walk *walk, const char *path, const char *problem)
{
    if (!walk->stopped) refuse(walk_add(walk, *path ? path : "."), ST_LIMIT, problem);
    walk->stopped = true;
}

/* True the first time that this folder is met. */
static bool walk_enter(Walk *walk, const struct stat *info)
{
    for (size_t i = 0; i < walk->seen_count; i++)
        if (walk->seen[i].ino == info->st_ino && walk->seen[i].dev == info->st_dev) return false;
    if (walk->seen_count == walk->seen_room) {
        walk->seen_room = walk->seen_room ? walk->seen_room * 2 : 16;
        walk->seen = mem_grow(walk->seen, walk->seen_room * sizeof *walk->seen);
    }
    walk->seen[walk->seen_count++] = (Folder){info->st_dev, info->st_ino};
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted, so that a bound cuts the same ones on every machine. */
static char **names_read(Walk *walk, DIR *dir, size_t *count)
{
    char **names = NULL;
    size_t room = 0;
    *count = 0;
    for (struct dirent *entry; walk->names < MOST_NAMES && (entry = readdir(dir)); walk->names++) {
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

static bool named_markdown(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && strcasecmp(name + len - 3, ".md") == 0;
}

/* Files that every repository has and that nobody means as an agent. */
static bool named_prose(const char *path)
{
    static const char *const NAMES[] = {
        "README",          "CHANGELOG", "CONTRIBUTING", "LICENSE", "SECURITY",
        "CODE_OF_CONDUCT", "AGENTS",    "CLAUDE",       "GEMINI",  "TODO"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t      len = strlen(name) - 3;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strlen(NAMES[i]) == len && strncasecmp(name, NAMES[i], len) == 0) return true;
    return false;
}

static void walk_file(Walk *walk, int at, const char *name, const char *path)
{
    if (walk->out->count >= LIMIT_CATALOG || walk->bytes >= MOST_BYTES) {
        walk_stop(walk, path,
                  "there are more definitions than a project may have; the rest is left out");
        return;
    }
    CatalogFile *file = walk_add(walk, path);
    file_read(at, name, file);
    walk->bytes += file->text.len;
    if (file->kind == CATALOG_PROSE && named_prose(path)) {
        catalog_file_free(file);
        walk->out->count--;
    }
}

static void walk_entry(Walk *walk, int at, const char *name, const char *path, int depth)
{
    struct stat info;
    bool        markdown = named_markdown(name);
    if (fstatat(at, name, &info, 0) != 0) {
        /* a link to nowhere matters only where a definition was meant */
        if (markdown) refuse(walk_add(walk, path), ST_IO, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        int below = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (below >= 0)
            walk_folder(walk, below, path, depth + 1);
        else
            refuse(walk_add(walk, path), ST_IO, strerror(errno));
    } else if (markdown) {
        walk_file(walk, at, name, path);
    }
}

/* Takes `at`. */
static void walk_folder(Walk *walk, int at, const char *path, int depth)
{
    struct stat info;
    DIR        *dir = fstat(at, &info) == 0 ? fdopendir(at) : NULL;
    if (!dir) {
        refuse(walk_add(walk, *path ? path : "."), ST_IO, strerror(errno));
        close(at);
        return;
    }
    bool fresh = walk_enter(walk, &info);
    if (fresh && (depth > CATALOG_DEPTH || walk->seen_count > MOST_FOLDERS)) {
        if (depth > CATALOG_DEPTH)
            refuse(walk_add(walk, path), ST_LIMIT, "too many folders deep; it is left out");
        else
            walk_stop(walk, path, "there are too many folders; the rest is left out");
        fresh = false;
    }
    size_t count = 0;
    char **names = fresh && !walk->stopped ? names_read(walk, dir, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        Buf below;
        Err err;
        buf_init(&below, 64 * KB);
        Status status = buf_printf(&below, &err, "%s%s%s", path, *path ? "/" : "", names[i]);
        if (status == ST_OK && !walk->stopped) walk_entry(walk, at, names[i], below.ptr, depth);
        buf_clear(&below);
        free(names[i]);
    }
    free(names);
    if (walk->names >= MOST_NAMES)
        walk_stop(walk, path, "there are too many files; the rest is left out");
    closedir(dir);
}

static Status bytes_read(int fd, Buf *out, Err *err)
{
    for (;;) {
        Status status = buf_reserve(out, 16 * KB, err);
        if (status != ST_OK) return status;
        ssize_t got = read(fd, out->ptr + out->len, 16 * KB);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(err, ST_IO, "%s", strerror(errno));
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
        if (got == 0) return ST_OK;
        if (out->len > LIMIT_DEFINITION)
            return err_set(err, ST_LIMIT, "a definition has at most %zu bytes", LIMIT_DEFINITION);
    }
}

/* O_NONBLOCK: opening a FIFO does not wait for a writer; fstat then tells what was opened. */
static void file_read(int folder, const char *name, CatalogFile *file)
{
    struct stat info;
    int         fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        Status status = errno == ENOENT ? ST_NOT_FOUND : errno == ENXIO ? ST_INVALID : ST_IO;
        refuse(file, status, errno == ENXIO ? "not a regular file" : strerror(errno));
        return;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        refuse(file, ST_INVALID,
               S_ISDIR(info.st_mode) ? "a folder, not a file" : "not a regular file");
    } else {
        Buf text;
        Err err;
        buf_init(&text, LIMIT_DEFINITION + 32 * KB);
        Status status = bytes_read(fd, &text, &err);
        if (status != ST_OK) {
            refuse(file, status, err.text);
        } else if (!definition_has_front_matter(buf_str(&text))) {
            file->kind = CATALOG_PROSE;
        } else {
            file->text.ptr = buf_steal(&text, &file->text.len);
            file->real = path_of_fd(fd);
        }
        buf_clear(&text);
    }
    close(fd);
}
