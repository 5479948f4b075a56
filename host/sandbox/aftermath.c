/* After a command's tree is dead: what it put where git would obey it, and where there had been
 * nothing to lay a cover on, gets another name. Nothing is deleted.
 *
 * Two cases. In a git directory that was there before, any control file that is new. In one that
 * the command has made (a clone, a submodule, a folder in which a later `git status` would find
 * one): a hook that is no sample, a config that says more than git itself writes into a new one. */
#include "git_config.h"
#include "space.h"

#include "../base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASIDE_NAMES_MAX = 100 };

/* No link on the way counts: whoever moved the folder away since has moved it for git too. */
static int open_folder(const char *path, const char *name)
{
    char            folder[PATH_MAX];
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    size_t          len = (size_t)(name - path) - 1;
    if (len >= sizeof folder) return -1;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof how);
}

static bool rename_aside(int folder, const char *name, char *aside, size_t size)
{
    for (int i = 1; i <= ASIDE_NAMES_MAX; i++) {
        snprintf(aside, size, "%s.set-aside-%d", name, i);
        if (syscall(SYS_renameat2, folder, name, folder, aside, 1 /* RENAME_NOREPLACE */) == 0)
            return true;
        if (errno != EEXIST) return false;
    }
    return false;
}

static void set_aside(DeniedList *denied, const char *path, const char *what)
{
    const char *name = strrchr(path, '/') + 1;
    char        aside[NAME_MAX + 1], why[PATH_MAX];
    struct stat info;
    int         folder = open_folder(path, name);
    if (folder < 0) return;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        bool done = rename_aside(folder, name, aside, sizeof aside);
        snprintf(why, sizeof why,
                 done ? "%s and would decide what git runs; it is now %s"
                      : "%s and decides what git runs; it could not be renamed to %s: look at it "
                        "before you use git",
                 what, aside);
        denied_add(denied, "file", path, why);
    }
    close(folder);
}

/* -- what is new ------------------------------------------------------------------------------- */

typedef struct Judge {
    const char *workspace, *git_dir; /* borrowed */
    char        why[200];            /* the first setting that is more than plain; "" for none */
} Judge;

static bool lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Where a module's files are: a folder of the workspace, or git would write outside for it. */
static bool is_own_worktree(const Judge *judge, const char *value)
{
    char joined[2 * PATH_MAX], real[PATH_MAX];
    snprintf(joined, sizeof joined, "%s%s%s", value[0] == '/' ? "" : judge->git_dir,
             value[0] == '/' ? "" : "/", value);
    return realpath(joined, real) && lies_in(real, judge->workspace);
}

static bool see_setting(void *arg, const GitSetting *setting)
{
    Judge *judge = arg;
    bool   plain = git_setting_is_plain(setting);
    if (strcmp(setting->section, "core") == 0 && strcmp(setting->key, "worktree") == 0)
        plain = is_own_worktree(judge, setting->value);
    if (!plain)
        snprintf(judge->why, sizeof judge->why, "a command wrote %.60s.%.60s into it",
                 setting->section, setting->key);
    return plain;
}

static void judge_config(Judge *judge, DeniedList *denied, const char *path)
{
    bool read = git_config_read(path, see_setting, judge);
    if (!read) snprintf(judge->why, sizeof judge->why, "a command wrote it, it is not plain text");
    if (judge->why[0]) set_aside(denied, path, judge->why);
}

/* A hook alone is renamed: the samples that git lays down beside it are no harm. */
static void judge_hooks(DeniedList *denied, const char *path)
{
    struct dirent *entry;
    char           hook[PATH_MAX + NAME_MAX + 2];
    int            fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR           *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        if (fd >= 0) close(fd);
        set_aside(denied, path, "a command put it there");
        return;
    }
    while ((entry = readdir(list)) != NULL) {
        Str name = str_from(entry->d_name);
        if (name.ptr[0] == '.' || str_ends(name, STR(".sample")) ||
            str_find(name, STR(".set-aside-")) > 0)
            continue;
        snprintf(hook, sizeof hook, "%s/%s", path, entry->d_name);
        if (strlen(hook) < PATH_MAX) set_aside(denied, hook, "a command put it there");
    }
    closedir(list);
}

/* Only what `git worktree add` makes leads up to the repository that it lies in, which is looked at
 * as well. */
static void judge_common(DeniedList *denied, const char *path, const char *git_dir)
{
    char    line[8], above[PATH_MAX];
    int     fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof line);
    if (fd >= 0) close(fd);
    snprintf(above, sizeof above, "%.*s", (int)(strrchr(git_dir, '/') - git_dir), git_dir);
    bool usual =
        len == 6 && memcmp(line, "../..\n", 6) == 0 && str_ends(str_from(above), STR("/worktrees"));
    if (!usual) set_aside(denied, path, "a command put it there");
}

static void judge_part(DeniedList *denied, const char *workspace, const char *part)
{
    char        git_dir[PATH_MAX];
    const char *name = strrchr(part, '/') + 1;
    struct stat info;
    snprintf(git_dir, sizeof git_dir, "%.*s", (int)(name - part) - 1, part);
    Judge judge = {.workspace = workspace, .git_dir = git_dir, .why = ""};
    if (lstat(part, &info) != 0) return;
    if (S_ISLNK(info.st_mode))
        set_aside(denied, part, "a command put a link there");
    else if (strcmp(name, "hooks") == 0)
        judge_hooks(denied, part);
    else if (strncmp(name, "config", 6) == 0)
        judge_config(&judge, denied, part);
    else if (strcmp(name, "commondir") == 0)
        judge_common(denied, part, git_dir);
    /* gitdir and .git name a place; what lies there is found by itself. */
}

/* It lay under a cover while the command ran, or below one. */
static bool was_covered(const Facts *before, const char *path)
{
    for (size_t i = 0; i < before->count; i++) {
        FactKind kind = before->items[i].kind;
        bool     covers = kind == FACT_PROTECTED || kind == FACT_SECRET || kind == FACT_SHUT;
        if (covers && lies_in(path, before->items[i].path)) return true;
    }
    return false;
}

static void judge(DeniedList *denied, const char *workspace, const Facts *before, const Fact *fact)
{
    bool is_part = fact->kind == FACT_PROTECTED && fact->target;
    if (!is_part && fact->kind != FACT_SHUT) return;
    const char *path = is_part ? fact->target : fact->path;
    if (was_covered(before, path)) return;
    if (is_part)
        judge_part(denied, workspace, path);
    else
        set_aside(denied, path, "a command made it, nobody can look into it,");
}

/* -- the job ----------------------------------------------------------------------------------- */

struct AfterJob {
    SandboxExec    *exec;      /* borrowed; not looked at once abandoned */
    char           *workspace; /* owned, as all that follows: the thread may outlive its space */
    Facts           before;    /* what the command was started with */
    struct timespec born;
    DeniedList      denied;
    bool            looked; /* it came to its turn */
    Work           *work;
};

static void look_again(AfterJob *job)
{
    Facts after;
    Err   err;
    for (size_t i = 0; i < job->before.count; i++)
        if (job->before.items[i].kind == FACT_ABSENT)
            set_aside(&job->denied, job->before.items[i].path, "it was not there before");
    facts_init_after(&after);
    Status status = survey_git_dir(&after, job->workspace, &err);
    if (status == ST_OK) status = survey_workspace(&after, job->workspace, NULL, job->born, &err);
    for (size_t i = 0; i < after.count; i++)
        judge(&job->denied, job->workspace, &job->before, &after.items[i]);
    if (status != ST_OK) denied_add(&job->denied, "file", job->workspace, err.text);
    facts_clear(&after);
    job->looked = true;
}

static void run_job(void *arg) { look_again(arg); }

static void free_job(AfterJob *job)
{
    free(job->workspace);
    facts_clear(&job->before);
    denied_clear(&job->denied);
    free(job);
}

static void job_done(void *arg, bool abandoned)
{
    AfterJob *job = arg;
    if (!job->looked) look_again(job); /* abandoned while it waited for a thread */
    if (!abandoned) {
        SandboxExec *exec = job->exec;
        exec->after = NULL;
        denied_take(&exec->denied, &job->denied);
        exec_queue_end(exec);
    }
    free_job(job);
}

static AfterJob *job_new(SandboxExec *exec)
{
    AfterJob *job = mem_new(sizeof *job);
    Facts     left;
    facts_init(&left);
    if (exec->facts.cgroup) left.cgroup = arena_copy(&left.arena, str_from(exec->facts.cgroup));
    *job = (AfterJob){.exec = exec,
                      .workspace = mem_text(exec->space->spec.workspace),
                      .before = exec->facts,
                      .born = exec->space->born};
    exec->facts = left;
    return job;
}

static bool is_needed(const SandboxExec *exec)
{
    return exec->spec.writes && exec->surveyed && !exec->space->spec.unconfined;
}

bool exec_look_again(SandboxExec *exec)
{
    if (!is_needed(exec)) return false;
    exec->after = job_new(exec);
    exec->after->work = work_start(exec->space->loop, run_job, job_done, exec->after);
    return true;
}

void exec_look_again_now(SandboxExec *exec)
{
    if (exec->after) { /* it goes on without us: what it works on is its own */
        work_abandon(exec->after->work);
        exec->after = NULL;
        return;
    }
    if (!is_needed(exec) || exec->phase == EXEC_QUEUED) return;
    AfterJob *job = job_new(exec);
    look_again(job);
    free_job(job);
}
