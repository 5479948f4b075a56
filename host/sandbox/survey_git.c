/* Git directories: what in them decides what git will run. The host never runs git itself, and
 * takes nothing from these files but two paths, which must prove each other. */
#include "git_config.h"
#include "survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODULE_DEPTH_MAX = 12 };

static Status path_join(Buf *path, const char *folder, const char *name, Err *err)
{
    buf_reset(path);
    return buf_printf(path, err, "%s/%s", folder, name);
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* In the workspace, or in the git directory that came along with it. */
static bool is_ours(const Facts *facts, const char *workspace, const char *path)
{
    for (size_t i = 0; i < facts->count; i++)
        if (facts->items[i].kind == FACT_GIT_DIR &&
            (strcmp(path, facts->items[i].path) == 0 || is_below(path, facts->items[i].path)))
            return true;
    return strcmp(path, workspace) == 0 || is_below(path, workspace);
}

/* What a small file says behind its prefix, without line ends behind it; false when it is not so.
 * As git reads it: a line end within belongs to the path. */
static bool read_line(const char *path, const char *prefix, char *line, size_t size)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    ssize_t len = read(fd, line, size);
    close(fd);
    size_t skip = strlen(prefix);
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) len--;
    if (len <= (ssize_t)skip || len == (ssize_t)size || strncmp(line, prefix, skip) != 0)
        return false;
    line[len] = '\0';
    memmove(line, line + skip, strlen(line + skip) + 1);
    return true;
}

static bool resolve_from(const char *folder, const char *path, char *real)
{
    char joined[2 * PATH_MAX];
    snprintf(joined, sizeof joined, "%s%s%s", path[0] == '/' ? "" : folder,
             path[0] == '/' ? "" : "/", path);
    return realpath(joined, real) != NULL;
}

/* -- what a config leads to -------------------------------------------------------------------- */

typedef struct Leads {
    Facts      *facts;     /* borrowed */
    const char *workspace; /* borrowed */
    const char *config;    /* borrowed; what it includes is named from its folder */
    const char *git_dir;   /* borrowed */
    int         depth;
    Status      status;
    Err        *err;
} Leads;

static void follow_config(const Leads *from, const char *config);

/* Covers a file or folder of the workspace that a config names; where nothing is yet, what a
 * command puts there is set aside. */
static bool cover_lead(Leads *leads, const char *folder, const char *value, bool is_config)
{
    char real[PATH_MAX], above[PATH_MAX], path[2 * PATH_MAX + 2];
    if (value[0] == '~' || value[0] == '%') return true; /* the home folder, and git's own */
    if (resolve_from(folder, value, real)) {
        if (!is_ours(leads->facts, leads->workspace, real)) return true;
        leads->status = facts_add(leads->facts, FACT_PROTECTED, real, NULL, leads->err);
        Leads next = *leads;
        next.depth++;
        if (is_config && leads->status == ST_OK) follow_config(&next, real);
        leads->status = leads->status == ST_OK ? next.status : leads->status;
        return leads->status == ST_OK;
    }
    snprintf(path, sizeof path, "%s%s%s", value[0] == '/' ? "" : folder, value[0] == '/' ? "" : "/",
             value);
    char *name = strrchr(path, '/');
    *name++ = '\0';
    if (!*name || !realpath(path, above) || strlen(name) > NAME_MAX) return true;
    if (!is_ours(leads->facts, leads->workspace, above)) return true;
    snprintf(path, sizeof path, "%s/%.255s", above,
             strrchr(value, '/') ? strrchr(value, '/') + 1 : value);
    leads->status = facts_add(leads->facts, FACT_ABSENT, path, NULL, leads->err);
    return leads->status == ST_OK;
}

static bool see_lead(void *arg, const GitSetting *setting)
{
    Leads *leads = arg;
    char   folder[PATH_MAX];
    bool   includes =
        strcmp(setting->key, "path") == 0 &&
        (strcmp(setting->section, "include") == 0 || strcmp(setting->section, "includeif") == 0);
    bool hooks = strcmp(setting->key, "hookspath") == 0 && strcmp(setting->section, "core") == 0;
    if (!includes && !hooks) return true;
    snprintf(folder, sizeof folder, "%s", includes ? leads->config : leads->git_dir);
    const char *name = strrchr(folder, '/');
    /* Hooks are named from where git runs them: the folder that holds .git, a bare one itself. */
    if (includes || (name && strcmp(name, "/.git") == 0)) folder[name - folder] = '\0';
    return cover_lead(leads, folder, setting->value, includes);
}

enum { INCLUDE_DEPTH_MAX = 10 /* as deep as git goes */ };

static void follow_config(const Leads *from, const char *config)
{
    Leads *leads = (Leads *)(uintptr_t)from;
    leads->config = config;
    /* What cannot be read as a config leads nowhere: git stops at it too. */
    if (leads->depth <= INCLUDE_DEPTH_MAX) (void)git_config_read(config, see_lead, leads);
}

/* -- one git directory ------------------------------------------------------------------------- */

static bool is_known(const Facts *facts, const char *part)
{
    if (facts->count > SURVEY_FACTS_MAX) return false; /* twice is no harm, and the search is */
    for (size_t i = 0; i < facts->count; i++)
        if ((facts->items[i].kind == FACT_PROTECTED || facts->items[i].kind == FACT_ABSENT) &&
            facts->items[i].target && strcmp(facts->items[i].target, part) == 0)
            return true;
    return false;
}

/* Hooks and config; `commondir` and `gitdir` say where git looks for them. A link among them could
 * be replaced behind a cover, so then the whole directory is covered. What is not there has no
 * place to be covered: it is noted, and what a command puts there is set aside after its end
 * (aftermath.c). `target` names the part itself. */
static Status protect_parts(Facts *facts, const char *workspace, const char *git_dir, Err *err)
{
    static const char *const names[] = {"config",    "config.worktree", "hooks",
                                        "commondir", "gitdir",          NULL};
    Status                   status = ST_OK;
    Buf                      path;
    buf_init(&path, PATH_MAX);
    for (size_t i = 0; names[i] && status == ST_OK; i++) {
        struct stat info;
        status = path_join(&path, git_dir, names[i], err);
        if (status != ST_OK || is_known(facts, path.ptr)) break; /* met on another way */
        if (lstat(path.ptr, &info) != 0) {
            status = facts_add(facts, FACT_ABSENT, path.ptr, path.ptr, err);
            continue;
        }
        const char *cover = S_ISLNK(info.st_mode) ? git_dir : path.ptr;
        status = facts_add(facts, FACT_PROTECTED, cover, path.ptr, err);
        Leads leads = {.facts = facts, .workspace = workspace, .git_dir = git_dir, .err = err};
        if (status == ST_OK && i < 2 && S_ISREG(info.st_mode)) follow_config(&leads, path.ptr);
        if (status == ST_OK) status = leads.status;
    }
    buf_clear(&path);
    return status;
}

/* Where a git directory says that its config and objects are another one's. */
static Status protect_common(Facts *facts, const char *workspace, const char *git_dir, Err *err)
{
    char path[PATH_MAX + 16], line[PATH_MAX], common[PATH_MAX];
    snprintf(path, sizeof path, "%s/commondir", git_dir);
    if (!read_line(path, "", line, sizeof line) || !resolve_from(git_dir, line, common) ||
        !is_ours(facts, workspace, common))
        return ST_OK;
    return protect_parts(facts, workspace, common, err);
}

/* .git/modules and .git/worktrees hold more git directories; a module's name may have slashes. */
static Status survey_below(Facts *facts, const char *workspace, const char *folder, int depth,
                           Err *err)
{
    Status         status = ST_OK;
    struct dirent *entry;
    struct stat    info;
    Buf            path;
    DIR           *list = opendir(folder);
    if (!list) return ST_OK;
    buf_init(&path, PATH_MAX);
    while (status == ST_OK && (entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        status = path_join(&path, folder, entry->d_name, err);
        if (status == ST_OK && lstat(path.ptr, &info) == 0 && S_ISDIR(info.st_mode))
            status = survey_git(facts, workspace, path.ptr, depth + 1, err);
    }
    closedir(list);
    buf_clear(&path);
    return status;
}

/* By any part that only a git directory has. HEAD alone would not do: a command could take it away,
 * change the config that is then not covered, and put it back. The config, once covered, stays. */
static Status is_git_dir(const char *folder, bool *is_git, Err *err)
{
    static const char *const parts[] = {"config", "HEAD", "commondir", "gitdir", "objects", NULL};
    struct stat              info;
    Status                   status = ST_OK;
    Buf                      path;
    buf_init(&path, PATH_MAX);
    for (size_t i = 0; parts[i] && !*is_git && status == ST_OK; i++) {
        status = path_join(&path, folder, parts[i], err);
        if (status == ST_OK) *is_git = lstat(path.ptr, &info) == 0;
    }
    buf_clear(&path);
    return status;
}

Status survey_git(Facts *facts, const char *workspace, const char *git_dir, int depth, Err *err)
{
    static const char *const lists[] = {"modules", "worktrees", NULL};
    bool                     is_git = depth == 0; /* its name says so */
    Buf                      path;
    if (depth > MODULE_DEPTH_MAX && facts->after) return ST_OK; /* found by who leads there */
    if (depth > MODULE_DEPTH_MAX)
        return err_set(err, ST_LIMIT, "workspace %s: git modules deeper than %d levels", workspace,
                       MODULE_DEPTH_MAX);
    buf_init(&path, PATH_MAX);
    Status status = is_git_dir(git_dir, &is_git, err);
    if (status == ST_OK && is_git) status = protect_parts(facts, workspace, git_dir, err);
    if (status == ST_OK && is_git) status = protect_common(facts, workspace, git_dir, err);
    for (size_t i = 0; is_git && lists[i] && status == ST_OK; i++) {
        status = path_join(&path, git_dir, lists[i], err);
        if (status == ST_OK) status = survey_below(facts, workspace, path.ptr, depth, err);
    }
    buf_clear(&path);
    /* Not one itself: part of a module's name. */
    if (status == ST_OK && !is_git) status = survey_below(facts, workspace, git_dir, depth, err);
    return status;
}

Status survey_git_file(Facts *facts, const char *workspace, const char *path, Err *err)
{
    char   line[PATH_MAX], folder[PATH_MAX], git_dir[PATH_MAX];
    Status status = facts_add(facts, FACT_PROTECTED, path, path, err);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (status != ST_OK || !read_line(path, "gitdir: ", line, sizeof line) ||
        !resolve_from(folder, line, git_dir) || !is_ours(facts, workspace, git_dir))
        return status;
    return survey_git(facts, workspace, git_dir, 0, err);
}

/* The workspace's .git file names G = C/worktrees/NAME. A command may have written that file, so G
 * must name the workspace in return, and its common directory must be C: whoever wrote those could
 * already write outside the workspace. */
Status survey_git_dir(Facts *facts, const char *workspace, Err *err)
{
    char   path[PATH_MAX + 16], line[PATH_MAX], git_dir[PATH_MAX], back[PATH_MAX], common[PATH_MAX];
    size_t len = strlen(workspace);
    snprintf(path, sizeof path, "%s/.git", workspace);
    if (!read_line(path, "gitdir: ", line, sizeof line)) return ST_OK;
    if (!resolve_from(workspace, line, git_dir)) return ST_OK;
    if (strncmp(git_dir, workspace, len) == 0 && git_dir[len] == '/') return ST_OK;

    snprintf(path, sizeof path, "%s/gitdir", git_dir);
    if (!read_line(path, "", line, sizeof line)) return ST_OK;
    if (!resolve_from(git_dir, line, back)) return ST_OK;
    if (strncmp(back, workspace, len) != 0 || strcmp(back + len, "/.git") != 0) return ST_OK;

    snprintf(path, sizeof path, "%s/commondir", git_dir);
    if (!read_line(path, "", line, sizeof line)) return ST_OK;
    if (!resolve_from(git_dir, line, common)) return ST_OK;
    size_t common_len = strlen(common);
    if (strncmp(git_dir, common, common_len) != 0 ||
        strncmp(git_dir + common_len, "/worktrees/", 11) != 0)
        return ST_OK;
    Status status = facts_add(facts, FACT_GIT_DIR, common, NULL, err);
    return status == ST_OK ? survey_git(facts, workspace, common, 0, err) : status;
}
