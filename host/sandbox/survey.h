/* survey.h -- looks at the machine and the workspace for what a plan needs to know.
 *
 * Why     plan.c is pure; this is the part that reads. It blocks (a large workspace takes a while),
 *         so process.c calls it on a thread.
 * Use     facts_init -> survey_system, survey_git_dir (for the space) or survey_git_dir,
 *         survey_workspace (for a command) -> plan_* -> facts_clear
 * Errors  ST_LIMIT: more entries, secrets or depth than the survey takes; nothing is then run,
 *         because what was not seen could not be masked.
 */
#ifndef HOST_SANDBOX_SURVEY_H
#define HOST_SANDBOX_SURVEY_H

#include "plan.h"

#include <time.h>

enum {
    SURVEY_ENTRIES_MAX = 2000000, /* looked at, below one workspace */
    SURVEY_FACTS_MAX = 4000,      /* found */
    SURVEY_DEPTH_MAX = 200,
    SURVEY_AFTER_MAX = 1000000, /* found, of what a command left */
};

void facts_init(Facts *facts);
void facts_clear(Facts *facts);

/* Adds a fact; texts are copied. `target` may be NULL. */
MUST_CHECK Status facts_add(Facts *facts, FactKind kind, const char *path, const char *target,
                            Err *err);

/* /usr with its links, the shown part of /etc, devices; with `resolver` also where this machine
 * asks for names. */
MUST_CHECK Status survey_system(Facts *facts, bool resolver, Err *err);

/* Which Landlock the kernel has (facts->landlock), found by asking it for a list of rules. */
void survey_landlock(Facts *facts);

/* When the workspace is a linked worktree: the repository's common directory, once it is proved by
 * its own record that it belongs to this workspace. */
MUST_CHECK Status survey_git_dir(Facts *facts, const char *workspace, Err *err);

/* Secrets to mask and parts to keep read-only, `pins` among them (may be NULL). A socket that is
 * older than `born` (wall clock: when the run began) belongs to somebody outside, and being
 * read-only would not keep a command from connecting to it: it is masked too. */
MUST_CHECK Status survey_workspace(Facts *facts, const char *workspace, const char *const *pins,
                                   struct timespec born, Err *err);

/* The same for what a command has left (facts->after): it must not hide a repository behind one of
 * these limits, so nothing is too much, folders that would be masked are looked into, and one that
 * is too deep or shut is a FACT_SHUT, without its being an error. */
void facts_init_after(Facts *facts);

/* What lies in a git directory (".git", or one of its modules or worktrees) and is run or obeyed by
 * whoever uses git there later: hooks and config files. */
MUST_CHECK Status survey_git(Facts *facts, const char *workspace, const char *git_dir, int depth,
                             Err *err);

/* A file named ".git", and the git directory that it leads to, where that is one of ours. */
MUST_CHECK Status survey_git_file(Facts *facts, const char *workspace, const char *path, Err *err);

#endif
