/* plan.h -- from policy and facts to a list of steps. Pure: reads nothing, starts nothing.
 *
 * Why     What a command may see and do is decided here and only here, in a form that can be
 *         printed and tested without privileges. survey.h finds the facts; jail.c obeys.
 * Use     1 plan_init  2 plan_space once a run, plan_command for each command
 *         3 plan_encode for the helper, plan_words for people  4 plan_clear
 * Owner   A Plan owns all its texts; policy and facts are borrowed during the call.
 * Errors  ST_DENIED: a workspace that must not be shown; ST_LIMIT; ST_INVALID.
 */
#ifndef HOST_SANDBOX_PLAN_H
#define HOST_SANDBOX_PLAN_H

#include "../base/arena.h"
#include "../base/buf.h"
#include "../base/limits.h"
#include "process.h"
#include "wire.h"

/* -- defaults of ExecLimits -------------------------------------------------------------------- */
enum {
    PLAN_WALL_MS = 120 * 1000,
    PLAN_CPU_MS = 120 * 1000, /* a process */
    PLAN_PROCESSES = 512,     /* and threads */
    PLAN_DESCRIPTORS = 4096,
    PLAN_GRACE_MS = 2000,    /* between TERM and KILL */
    PLAN_OUTPUT_FACTOR = 16, /* times the output that is kept: the command is killed */
    PLAN_INNER_ID = 1000,    /* uid and gid inside */
    PLAN_LANDLOCK_ABI = 2,   /* the first that lets files be renamed into another folder */
};
#define PLAN_MEMORY    (4096 * MB)
#define PLAN_FILE_SIZE (1024 * MB)

/* What was found on the machine and in the workspace. Paths are absolute. */
typedef enum FactKind {
    FACT_FOLDER,    /* of the system, to be shown */
    FACT_FILE,      /* of the system, to be shown */
    FACT_LINK,      /* of the system: `target` is its text */
    FACT_DEVICE,    /* of the system */
    FACT_RESOLVER,  /* of the system: where names are asked for; `target` is the file itself */
    FACT_GIT_DIR,   /* outside the workspace, which is a linked worktree of it */
    FACT_SECRET,    /* in the workspace: a file to mask */
    FACT_SHUT,      /* in the workspace: a folder that could not be looked into; masked as well */
    FACT_PROTECTED, /* in the workspace or its git directory: to be kept read-only */
    FACT_ABSENT,    /* the same, if it were there; what appears is set aside after the command */
    FACT_PINNED,    /* in the workspace: a folder that may be written to and must stay */
} FactKind;

typedef struct Fact {
    FactKind    kind;
    const char *path;   /* in the survey's arena */
    const char *target; /* FACT_LINK, FACT_RESOLVER; of a git directory: the part that is meant */
} Fact;

typedef struct Facts {
    Fact  *items; /* owned; free with facts_clear */
    size_t count, cap;
    Arena  arena;    /* their texts */
    bool   after;    /* looks at what a command left (survey.h); set by who begins the survey */
    int    landlock; /* the ABI that was found; 0: none */
    char  *cgroup;   /* in arena; the command's own, its limits set; NULL: none is delegated */

    unsigned port; /* of the run's proxy; 0 where there is none, or not yet */
} Facts;

typedef struct Plan {
    Arena        arena;
    Step        *steps; /* owned array; texts in arena */
    size_t       step_count, step_cap;
    const char **words; /* in arena; ends in NULL */
    size_t       word_count;
    const char **variables; /* in arena; ends in NULL */
    size_t       variable_count;
    bool         failed; /* a text did not fit the arena: reported once, by the plan_* function */
} Plan;

/* Rules about names, which the survey asks (plan_rules.c). */
bool plan_shows_etc(const char *name);    /* an entry of /etc */
bool plan_is_secret(const char *name);    /* a file's last component, anywhere in the workspace */
bool plan_is_protected(const char *name); /* ".perigee" or ".claude" */
MUST_CHECK Status plan_check_workspace(const char *workspace, const char *home, const char *state,
                                       Err *err); /* home, state: may be NULL */

/* A path that a tool may be granted beside `workspace`. */
MUST_CHECK Status plan_check_root(const char *root, const char *workspace, const char *home,
                                  const char *state, Err *err); /* home, state: may be NULL */

/* What a command gets that asks for `asked`. */
ExecLimits plan_limits(const SpaceSpec *space, const ExecLimits *asked);

void              plan_init(Plan *plan);
void              plan_clear(Plan *plan);
MUST_CHECK Status plan_space(Plan *plan, const SpaceSpec *space, const Facts *facts, Err *err);
MUST_CHECK Status plan_command(Plan *plan, const SpaceSpec *space, const ExecSpec *spec,
                               const Facts *facts, Err *err);
MUST_CHECK Status plan_encode(const Plan *plan, uint32_t host_pid, Buf *out, Err *err);
MUST_CHECK Status plan_words(const Plan *plan, Buf *out, Err *err); /* one step a line */

/* Fills plan->variables; for plan_command. */
void plan_variables(Plan *plan, const SpaceSpec *space, const ExecSpec *spec, const Facts *facts);

/* One step in words, without its number: "mask /w/.env". Cut at `size`. */
void plan_step_words(const Step *step, char *out, size_t size);

#endif
