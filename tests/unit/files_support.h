/* files_support.h -- a folder with a root on it, and a folder beside it that must stay out of
 * reach. */
#ifndef TESTS_UNIT_FILES_SUPPORT_H
#define TESTS_UNIT_FILES_SUPPORT_H

#include "../../host/files/root.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Yard {
    char  base[64]; /* holds root/ and outside/ */
    char  path[80]; /* base/root */
    Root *root;
    Err   err;
} Yard;

static inline void put_file(const Yard *yard, const char *name, const char *text)
{
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", yard->base, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (!file) return;
    fputs(text, file);
    fclose(file);
}

static inline void put_folder(const Yard *yard, const char *name)
{
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", yard->base, name);
    CHECK(mkdir(path, 0755) == 0);
}

static inline void put_link(const Yard *yard, const char *name, const char *target)
{
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", yard->base, name);
    CHECK(symlink(target, path) == 0);
}

static inline struct stat stat_of(const Yard *yard, const char *name)
{
    char        path[5000];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s/%s", yard->base, name);
    CHECK(lstat(path, &st) == 0);
    return st;
}

/* The text of a file, "(none)" when there is none. Static. */
static inline const char *text_of(const Yard *yard, const char *name)
{
    static char text[4096];
    char        path[5000];
    snprintf(path, sizeof path, "%s/%s", yard->base, name);
    FILE *file = fopen(path, "r");
    if (!file) return "(none)";
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Names in a folder, "." and ".." left out. */
static inline int entries_in(const Yard *yard, const char *name)
{
    char path[5000];
    int  count = -2;
    snprintf(path, sizeof path, "%s/%s", yard->base, name);
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    while (dir && readdir(dir)) count++;
    if (dir) closedir(dir);
    return count;
}

static inline void yard_begin(Yard *yard, const char *const *pins)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(yard->base, sizeof yard->base, "%s/files-XXXXXX",
             tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    CHECK(mkdtemp(yard->base) != NULL);
    snprintf(yard->path, sizeof yard->path, "%s/root", yard->base);
    put_folder(yard, "root");
    put_folder(yard, "outside");
    put_file(yard, "outside/secret", "outside");
    yard->root = NULL;
    RootSpec spec = {yard->path, pins};
    CHECK(root_open(&spec, &yard->root, &yard->err) == ST_OK);
}

static inline void yard_end(Yard *yard)
{
    root_free(yard->root);
    CHECK_TEXT(text_of(yard, "outside/secret"), "outside");
    CHECK_INT(entries_in(yard, "outside"), 1);
    char command[128]; /* rm takes away paths that are too long for any one call */
    snprintf(command, sizeof command, "rm -rf -- '%s'", yard->base);
    CHECK(system(command) == 0);
}

/* Reads and answers the text (static), or NULL with yard->err. */
static inline const char *read_it(Yard *yard, const char *path)
{
    static char text[4096];
    Buf         out;
    FileInfo    info;
    buf_init(&out, 1 << 20);
    Status status = root_read(yard->root, str_from(path), 1 << 20, &out, &info, &yard->err);
    snprintf(text, sizeof text, "%s", out.ptr);
    if (status == ST_OK) {
        char hash[HASH_HEX_SIZE];
        hash_hex(buf_str(&out), hash);
        CHECK_TEXT(info.hash, hash);
        CHECK_INT(info.size, out.len);
    } else {
        CHECK_INT(out.len, 0);
        CHECK(yard->err.status == status && yard->err.text[0]);
    }
    buf_clear(&out);
    return status == ST_OK ? text : NULL;
}

static inline Status write_it(Yard *yard, const char *path, const char *text, const char *expect)
{
    FileInfo info;
    Status   status =
        root_write(yard->root, str_from(path), str_from(text), expect, &info, &yard->err);
    if (status == ST_OK) {
        char hash[HASH_HEX_SIZE];
        hash_hex(str_from(text), hash);
        CHECK_TEXT(info.hash, hash);
        CHECK_INT(info.size, strlen(text));
        CHECK(info.kind == FILE_REGULAR);
    }
    return status;
}

#endif
