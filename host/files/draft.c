#include "draft.h"

#include "../base/buf.h"
#include "../base/hash.h"
#include "../base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PREFIX[] = ".new-";

enum { PREFIX_LEN = sizeof PREFIX - 1, TAG_LEN = 8, NAME_LEN = PREFIX_LEN + 2 * TAG_LEN };

uint32_t draft_tag(Str who)
{
    char hex[HASH_HEX_SIZE];
    hash_hex(who, hex);
    hex[TAG_LEN] = '\0';
    return (uint32_t)strtoul(hex, NULL, 16);
}

bool draft_name(uint32_t tag, char name[DRAFT_NAME_SIZE])
{
    uint32_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return false;
    snprintf(name, DRAFT_NAME_SIZE, "%s%08x%08x", PREFIX, (unsigned)tag, (unsigned)number);
    return true;
}

bool draft_is_name(const char *name)
{
    return strncmp(name, PREFIX, PREFIX_LEN) == 0 && strlen(name) == NAME_LEN &&
           strspn(name + PREFIX_LEN, "0123456789abcdef") == (size_t)2 * TAG_LEN;
}

/* -- what was left ----------------------------------------------------------------------------- */

typedef struct Sweep {
    const uint32_t    *tag;
    const atomic_bool *stop;
    DraftGone         *gone;
    void              *arg;
    dev_t              device;
    Buf                path; /* of the folder that is looked through */
} Sweep;

static void sweep_folder(Sweep *sweep, int fd, int depth);

static bool is_meant(const Sweep *sweep, const char *name)
{
    char tag[PREFIX_LEN + TAG_LEN + 1];
    if (!draft_is_name(name)) return false;
    if (!sweep->tag) return true;
    snprintf(tag, sizeof tag, "%s%08x", PREFIX, (unsigned)*sweep->tag);
    return strncmp(name, tag, sizeof tag - 1) == 0;
}

static void sweep_entry(Sweep *sweep, int folder, const char *name, int depth)
{
    struct stat st;
    Err         err; /* a path too long to be told is a folder too deep to look into */
    size_t      len = sweep->path.len;
    bool        meant = is_meant(sweep, name);
    err_clear(&err);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != sweep->device) return;
    if (buf_printf(&sweep->path, &err, "%s%s", len ? "/" : "", name) != ST_OK) return;
    if (meant && S_ISREG(st.st_mode) && st.st_uid == geteuid()) {
        if (unlinkat(folder, name, 0) == 0 && sweep->gone)
            sweep->gone(sweep->arg, buf_str(&sweep->path));
    } else if (S_ISDIR(st.st_mode) && depth < DRAFT_DEPTH_MAX) {
        int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) sweep_folder(sweep, fd, depth + 1);
    }
    sweep->path.len = len;
    sweep->path.ptr[len] = '\0';
}

/* Takes the descriptor. */
static void sweep_folder(Sweep *sweep, int fd, int depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return;
    }
    for (struct dirent *entry; !atomic_load(sweep->stop) && (entry = readdir(folder)) != NULL;) {
        bool may_be_folder = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (may_be_folder || is_meant(sweep, entry->d_name))
            sweep_entry(sweep, fd, entry->d_name, depth);
    }
    closedir(folder);
}

void draft_sweep(const char *folder, const uint32_t *tag, const atomic_bool *stop, DraftGone *gone,
                 void *arg)
{
    struct stat st;
    Sweep       sweep = {.tag = tag, .stop = stop, .gone = gone, .arg = arg};
    int         fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0) close(fd);
        return;
    }
    sweep.device = st.st_dev;
    buf_init(&sweep.path, (size_t)PATH_MAX * 4);
    sweep_folder(&sweep, fd, 0);
    buf_clear(&sweep.path);
}
