/* Git directories: what in them decides what git will run. The host never runs git itself, and
 * takes nothing from these files but two paths, which must prove each other. */
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

/* Hooks and config; `commondir` and `gitdir` say where git looks for them. A link among them could
 * be replaced behind a cover, so then the whole directory is covered. */
/* What is not there has no place to be covered: it is noted, and what a command puts there is set
 * aside after its end (aftermath.c). */
static Status protect_parts(Facts *facts, const char *git_dir, Err *err)
{
    static const char *const names[] = {"hooks",     "config", "config.worktree",
                                        "commondir", "gitdir", NULL};
    Status                   status = ST_OK;
    Buf                      path;
    buf_init(&path, PATH_MAX);
    for (size_t i = 0; names[i] && status == ST_OK; i++) {
        struct stat info;
        status = path_join(&path, git_dir, names[i], err);
        if (status == ST_OK && lstat(path.ptr, &info) != 0) {
            status = facts_add(facts, FACT_ABSENT, path.ptr, NULL, err);
            continue;
        }
        if (status != ST_OK) continue;
        const char *cover = S_ISLNK(info.st_mode) ? git_dir : path.ptr;
        status = facts_add(facts, FACT_PROTECTED, cover, NULL, err);
    }
    buf_clear(&path);
    return status;
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
    if (depth > MODULE_DEPTH_MAX)
        return err_set(err, ST_LIMIT, "workspace %s: git modules deeper than %d levels", workspace,
                       MODULE_DEPTH_MAX);
    buf_init(&path, PATH_MAX);
    Status status = is_git_dir(git_dir, &is_git, err);
    if (status == ST_OK && is_git) status = protect_parts(facts, git_dir, err);
    for (size_t i = 0; is_git && lists[i] && status == ST_OK; i++) {
        status = path_join(&path, git_dir, lists[i], err);
        if (status == ST_OK) status = survey_below(facts, workspace, path.ptr, depth, err);
    }
    buf_clear(&path);
    /* Not one itself: part of a module's name. */
    if (status == ST_OK && !is_git) status = survey_below(facts, workspace, git_dir, depth, err);
    return status;
}

/* The first line of a small file, without its prefix; false when there is none. */
static bool read_line(const char *path, const char *prefix, char *line, size_t size)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    ssize_t len = read(fd, line, size - 1);
    close(fd);
    size_t skip = strlen(prefix);
    if (len <= (ssize_t)skip || strncmp(line, prefix, skip) != 0) return false;
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
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
