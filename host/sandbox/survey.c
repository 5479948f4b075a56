#include "survey.h"

#include "../base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARENA_FACTS = 16 * 1024 * 1024, ARENA_AFTER = 512 * 1024 * 1024 };

typedef struct Walk {
    Facts          *facts;     /* borrowed */
    const char     *workspace; /* borrowed */
    struct timespec born;      /* sockets from before belong to others */
    Buf             path;      /* of the folder that is looked at */
    size_t          entries;
} Walk;

void facts_init(Facts *facts)
{
    memset(facts, 0, sizeof *facts);
    arena_init(&facts->arena, ARENA_FACTS);
}

void facts_init_after(Facts *facts)
{
    memset(facts, 0, sizeof *facts);
    arena_init(&facts->arena, ARENA_AFTER);
    facts->after = true;
}

void facts_clear(Facts *facts)
{
    free(facts->items);
    arena_clear(&facts->arena);
    memset(facts, 0, sizeof *facts);
}

Status facts_add(Facts *facts, FactKind kind, const char *path, const char *target, Err *err)
{
    char  *kept = arena_copy(&facts->arena, str_from(path));
    char  *kept_target = target ? arena_copy(&facts->arena, str_from(target)) : NULL;
    size_t most = facts->after ? SURVEY_AFTER_MAX : SURVEY_FACTS_MAX;
    if (facts->count >= most || !kept || (target && !kept_target))
        return err_set(err, ST_LIMIT,
                       "workspace: more than %zu files to mask or to protect; use a smaller one",
                       most);
    if (facts->count == facts->cap) {
        facts->cap = facts->cap ? facts->cap * 2 : 64;
        facts->items = mem_grow(facts->items, facts->cap * sizeof(Fact));
    }
    facts->items[facts->count++] = (Fact){kind, kept, kept_target};
    return ST_OK;
}

/* -- the system -------------------------------------------------------------------------------- */

/* Adds what lies at `path`, if anything does. */
static Status add_system_path(Facts *facts, const char *path, Err *err)
{
    struct stat info;
    char        target[PATH_MAX];
    if (lstat(path, &info) != 0) return ST_OK;
    if (S_ISLNK(info.st_mode)) {
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (len <= 0) return ST_OK;
        target[len] = '\0';
        return facts_add(facts, FACT_LINK, path, target, err);
    }
    if (S_ISDIR(info.st_mode)) return facts_add(facts, FACT_FOLDER, path, NULL, err);
    if (S_ISCHR(info.st_mode)) return facts_add(facts, FACT_DEVICE, path, NULL, err);
    if (S_ISREG(info.st_mode)) return facts_add(facts, FACT_FILE, path, NULL, err);
    return ST_OK;
}

static Status survey_etc(Facts *facts, Err *err)
{
    Status         status = ST_OK;
    struct dirent *entry;
    char           path[PATH_MAX];
    DIR           *folder = opendir("/etc");
    if (!folder) return ST_OK;
    while (status == ST_OK && (entry = readdir(folder)) != NULL) {
        if (!plan_shows_etc(entry->d_name) || strlen(entry->d_name) > NAME_MAX) continue;
        snprintf(path, sizeof path, "/etc/%s", entry->d_name);
        status = add_system_path(facts, path, err);
    }
    closedir(folder);
    return status;
}

/* Often a link to a file that some service keeps; that file is what is shown. */
static Status survey_resolver(Facts *facts, Err *err)
{
    static const char path[] = "/etc/resolv.conf";
    char              real[PATH_MAX];
    struct stat       info;
    if (!realpath(path, real) || stat(real, &info) != 0 || !S_ISREG(info.st_mode)) return ST_OK;
    return facts_add(facts, FACT_RESOLVER, path, real, err);
}

Status survey_system(Facts *facts, bool resolver, Err *err)
{
    static const char *const paths[] = {
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
        /* parts of folders that also hold keys */
        "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/ca-trust", "/etc/pki/java",
        "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/dev/null",
        "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", NULL};
    Status status = ST_OK;
    for (size_t i = 0; paths[i] && status == ST_OK; i++)
        status = add_system_path(facts, paths[i], err);
    if (status == ST_OK) status = survey_etc(facts, err);
    return status == ST_OK && resolver ? survey_resolver(facts, err) : status;
}

void survey_landlock(Facts *facts)
{
    enum { CREATE_RULESET = 444, FLAG_VERSION = 1 };
    long abi = syscall(CREATE_RULESET, NULL, 0, FLAG_VERSION);
    facts->landlock = abi > 0 ? (int)abi : 0;
}

/* -- the workspace ----------------------------------------------------------------------------- */

static bool is_inside(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* A link's own name is no place to mount on: what it leads to is treated in its stead. What it
 * leads to outside the workspace is not there in the sandbox. */
static Status add_resolved(Walk *walk, FactKind kind, const char *path, Err *err)
{
    char        real[PATH_MAX];
    struct stat info;
    if (!realpath(path, real) || !is_inside(real, walk->workspace) || stat(real, &info) != 0)
        return ST_OK;
    return facts_add(walk->facts, kind, real, NULL, err);
}

static Status see_git(Walk *walk, const char *path, unsigned char type, Err *err)
{
    char real[PATH_MAX];
    if (type == DT_DIR) return survey_git(walk->facts, walk->workspace, path, 0, err);
    if (type != DT_LNK) return survey_git_file(walk->facts, walk->workspace, path, err);
    if (!realpath(path, real) || !is_inside(real, walk->workspace)) return ST_OK;
    return survey_git(walk->facts, walk->workspace, real, 0, err);
}

static Status walk_folder(Walk *walk, int parent, const char *name, int depth, Err *err);

static unsigned char entry_type(int folder, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type;
    if (fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
    return (unsigned char)IFTODT(info.st_mode);
}

static bool is_foreign(const Walk *walk, int folder, const char *name)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
    return info.st_ctim.tv_sec != walk->born.tv_sec ? info.st_ctim.tv_sec < walk->born.tv_sec
                                                    : info.st_ctim.tv_nsec < walk->born.tv_nsec;
}

static Status see_entry(Walk *walk, int folder, const char *name, unsigned char type, int depth,
                        Err *err)
{
    bool        is_git = strcmp(name, ".git") == 0;
    const char *path = walk->path.ptr;
    Status      status = ST_OK;
    if (is_git) return see_git(walk, path, type, err);
    if (plan_is_protected(name))
        status = type == DT_LNK ? add_resolved(walk, FACT_PROTECTED, path, err)
                                : facts_add(walk->facts, FACT_PROTECTED, path, NULL, err);
    if (status == ST_OK && type == DT_SOCK && is_foreign(walk, folder, name))
        return facts_add(walk->facts, FACT_SECRET, path, NULL, err);
    /* A folder too: what it holds is then out of reach, and not looked at. */
    if (status == ST_OK && plan_is_secret(name) && !walk->facts->after)
        return type == DT_LNK ? add_resolved(walk, FACT_SECRET, path, err)
                              : facts_add(walk->facts, FACT_SECRET, path, NULL, err);
    if (status == ST_OK && type == DT_DIR) status = walk_folder(walk, folder, name, depth + 1, err);
    return status;
}

static bool is_notable(const char *name)
{
    return strcmp(name, ".git") == 0 || plan_is_protected(name) || plan_is_secret(name);
}

/* A folder that git takes for a repository without being named so: whoever goes there and calls git
 * obeys its config. These two it must have, and while they are mounts no command takes them away to
 * make the next survey pass it over. */
static Status see_bare(Walk *walk, Err *err)
{
    static const char *const parts[] = {"/objects", "/refs", NULL};
    size_t                   len = walk->path.len;
    Status status = survey_git(walk->facts, walk->workspace, walk->path.ptr, 0, err);
    for (size_t i = 0; parts[i] && status == ST_OK; i++) {
        status = buf_append(&walk->path, str_from(parts[i]), err);
        if (status == ST_OK)
            status = facts_add(walk->facts, FACT_PINNED, walk->path.ptr, NULL, err);
        walk->path.len = len;
        walk->path.ptr[len] = '\0';
    }
    return status;
}

static Status see_entries(Walk *walk, DIR *folder, int depth, Err *err)
{
    Status         status = ST_OK;
    struct dirent *entry;
    bool           objects = false, refs = false;
    size_t         len = walk->path.len;
    while (status == ST_OK && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (++walk->entries > SURVEY_ENTRIES_MAX && !walk->facts->after)
            return err_set(err, ST_LIMIT,
                           "workspace %s: more than %d files, which are looked through for secrets "
                           "before each command; use a smaller one with --workspace",
                           walk->workspace, SURVEY_ENTRIES_MAX);
        unsigned char type = entry_type(dirfd(folder), entry);
        if (type == DT_REG && !is_notable(entry->d_name)) continue; /* most are */
        objects = objects || strcmp(entry->d_name, "objects") == 0;
        refs = refs || strcmp(entry->d_name, "refs") == 0;
        status = buf_byte(&walk->path, '/', err);
        if (status == ST_OK) status = buf_append(&walk->path, str_from(entry->d_name), err);
        if (status != ST_OK && walk->facts->after) { /* no path leads there: nor for anybody else */
            walk->path.len = len;
            walk->path.ptr[len] = '\0';
            return facts_add(walk->facts, FACT_SHUT, walk->path.ptr, NULL, err);
        }
        if (status != ST_OK) break;
        status = see_entry(walk, dirfd(folder), entry->d_name, type, depth, err);
        walk->path.len = len;
        walk->path.ptr[len] = '\0';
    }
    return status == ST_OK && objects && refs ? see_bare(walk, err) : status;
}

/* walk->path already names the folder. What went away meanwhile is passed over. */
static Status walk_folder(Walk *walk, int parent, const char *name, int depth, Err *err)
{
    bool too_deep = depth > SURVEY_DEPTH_MAX;
    if (too_deep && walk->facts->after)
        return facts_add(walk->facts, FACT_SHUT, walk->path.ptr, NULL, err);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return ST_OK;
    if (fd < 0 && (errno == EACCES || errno == EPERM) && depth > 0)
        return facts_add(walk->facts, FACT_SHUT, walk->path.ptr, NULL, err);
    if (fd < 0) return err_set(err, ST_IO, "open %s: %s", walk->path.ptr, strerror(errno));
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return err_set(err, ST_IO, "read %s: %s", walk->path.ptr, strerror(errno));
    }
    Status status = too_deep ? err_set(err, ST_LIMIT, "workspace %s: folders deeper than %d levels",
                                       walk->workspace, SURVEY_DEPTH_MAX)
                             : see_entries(walk, folder, depth, err);
    closedir(folder);
    return status;
}

static Status survey_pins(Walk *walk, const char *const *pins, Err *err)
{
    Status status = ST_OK;
    Buf    path;
    buf_init(&path, PATH_MAX);
    for (size_t i = 0; pins && pins[i] && status == ST_OK; i++) {
        buf_reset(&path);
        status = pins[i][0] == '/' ? buf_printf(&path, err, "%s", pins[i])
                                   : buf_printf(&path, err, "%s/%s", walk->workspace, pins[i]);
        if (status != ST_OK) break;
        status = strcmp(path.ptr, walk->workspace) == 0 /* the whole of it */
                     ? facts_add(walk->facts, FACT_PROTECTED, path.ptr, NULL, err)
                     : add_resolved(walk, FACT_PROTECTED, path.ptr, err);
    }
    buf_clear(&path);
    return status;
}

Status survey_workspace(Facts *facts, const char *workspace, const char *const *pins,
                        struct timespec born, Err *err)
{
    Walk walk = {.facts = facts, .workspace = workspace, .born = born};
    buf_init(&walk.path, PATH_MAX);
    Status status = buf_append(&walk.path, str_from(workspace), err);
    if (status == ST_OK) status = walk_folder(&walk, AT_FDCWD, workspace, 0, err);
    if (status == ST_OK) status = survey_pins(&walk, pins, err);
    buf_clear(&walk.path);
    return status;
}
