/* space.h -- what process.c, space.c and survey_job.c share: the two structs, in whole.
 *
 *     Space   EMPTY ──first command── MAKING ──REPORT_SPACE── READY
 *               └──────────── failed: its commands end, the next one tries again ──┘
 *     Exec    PREPARING (survey, space) ── RUNNING ── ENDING (tree dead, pipes drained) ── QUEUED
 *
 * Every end goes through the space's queue, so that on_end is called from one place, with nothing
 * of ours on the stack that on_end could free.
 */
#ifndef HOST_SANDBOX_SPACE_H
#define HOST_SANDBOX_SPACE_H

#include "helper.h"
#include "output.h"
#include "survey.h"
#include "tree.h"

/* -- a survey on a thread ---------------------------------------------------------------------- */
typedef struct SurveyJob {
    char           *workspace; /* owned, as everything here: the thread may outlive its space */
    char          **pins;
    bool            system;       /* for the space, else for a command */
    bool            resolver;     /* with `system`: commands ask for names */
    bool            holds_cgroup; /* as Space has it */
    struct timespec born;
    Facts           facts;
    Status          status;
    Err             err;
    void (*done)(void             *arg,
                 struct SurveyJob *job); /* not called once abandoned; job is freed after */
    void *arg;
    Work *work;
} SurveyJob;

SurveyJob *survey_begin(const Space *space, bool system, void (*done)(void *arg, SurveyJob *job),
                        void *arg);
void       survey_abandon(SurveyJob *job); /* NULL allowed */

/* The same at once, on this thread. */
Status survey_now(const Space *space, bool system, Facts *facts, Err *err);

/* A list that ends in NULL, with its texts; NULL is copied as an empty one. */
char **texts_copy(const char *const *list);
void   texts_free(char **list); /* NULL allowed */

/* The same for granted paths. */
RootGrant *roots_copy(const RootGrant *list);
void       roots_free(RootGrant *list); /* NULL allowed */

/* -- the space --------------------------------------------------------------------------------- */
typedef enum SpaceState { SPACE_EMPTY, SPACE_MAKING, SPACE_READY } SpaceState;

struct Space {
    Loop           *loop;         /* borrowed */
    SpaceSpec       spec;         /* owned copies */
    struct timespec born;         /* wall clock */
    int             workspace_fd; /* owned; O_PATH: the folder that was meant */
    SpaceState      state;
    int             fds[3];   /* owned; user, mount, net namespace; -1 until READY, and the last one
                                 where the host's network stays */
    int             listener; /* owned until it is handed to spec.listens; else -1 */
    unsigned        port;     /* of the listener */
    SurveyJob      *survey;   /* while MAKING */
    Child          *maker;    /* while MAKING */
    Watch          *report;   /* on report_fd */
    int             report_fd;
    Plan            plan; /* the maker's */
    WireReport      said; /* the maker's last word */
    bool            has_said;
    SandboxExec    *execs;        /* owned list */
    uint64_t        changes;      /* see space_changes */
    Waker          *ends;         /* calls on_end for what is QUEUED */
    bool            ends_held;    /* the loop waits for `ends` */
    bool            ending;       /* some on_end is being called */
    bool            holds_cgroup; /* of this process: each command gets one of its own */
    bool            gone;         /* space_free was called meanwhile: only this shell is left */
};

/* Begins to make the space when it is EMPTY; its commands hear of it through exec_space_ready and
 * exec_space_failed. */
void space_make(Space *space);
void space_queue_ends(Space *space); /* some command is QUEUED */

/* -- one command ------------------------------------------------------------------------------- */
typedef enum ExecPhase { EXEC_PREPARING, EXEC_RUNNING, EXEC_ENDING, EXEC_QUEUED } ExecPhase;

enum { PIPE_OUT, PIPE_ERROR, PIPE_ASIDE, PIPE_COUNT }; /* the last where it is asked for */

typedef struct ExecPipe {
    int          fd;    /* owned; -1 when closed */
    Watch       *watch; /* owned */
    Output       output;
    SandboxExec *exec; /* borrowed: ours */
} ExecPipe;

typedef struct TreeJob { /* one look at the tree, on a thread */
    pid_t        root;
    size_t       limit;
    TreeUse      use;
    Work        *work;
    SandboxExec *exec; /* borrowed; NULL once abandoned */
} TreeJob;

typedef struct AfterJob AfterJob; /* aftermath.c: the look at what a command left, on a thread */

struct SandboxExec {
    Space       *space; /* borrowed */
    SandboxExec *next;  /* in space->execs */
    ExecPhase    phase;
    Arena        arena;
    ExecSpec     spec; /* in arena; limits filled in */
    ExecEvents   events;
    void        *arg;
    SurveyJob   *survey;
    AfterJob    *after; /* while the end waits for it */
    Facts        facts;
    bool         surveyed;
    Plan         plan;
    Child       *child; /* owned; the helper's outer process */
    bool         child_ended;
    int          child_code, child_signal;
    int          report_fd; /* owned */
    Watch       *report;    /* owned */
    int          init_fd;   /* owned; pidfd of init: its end is the end of the whole tree */
    pid_t        init;
    Watch       *init_watch; /* owned; only when init outlives the outer process */
    WireReport   said;
    bool         has_said;
    ExecPipe     pipes[PIPE_COUNT];
    int64_t      began;      /* on the loop's clock, when its helper was started; else 0 */
    int64_t      ended;      /* the same, when it was seen dead */
    DeniedList   denied;     /* owned */
    bool         paused;     /* its output is not read for now */
    Timer       *wall;       /* owned */
    bool         terminated; /* the wall limit passed, TERM was sent */
    Timer       *look;       /* owned; when to look at the tree */
    TreeJob     *looking;
    const char  *limit; /* which one was passed; static */
    bool         cancelled, stopped;
    Err          err; /* why nothing ran, when that is so */
};

void exec_space_ready(SandboxExec *exec);
void exec_space_failed(SandboxExec *exec, const Err *err);
void exec_queue_end(SandboxExec *exec);
void exec_signal_init(const SandboxExec *exec, int signo); /* exec->init_fd is known */

/* exec_limits.c */
void exec_pass_limit(SandboxExec *exec, const char *limit); /* the first one counts; kills */
void exec_on_wall(void *exec);
void exec_on_look(void *exec);
void exec_abandon_look(SandboxExec *exec);

/* aftermath.c: the tree is dead. What it put where git would obey it is renamed, and said so; on a
 * thread, then the end is queued. False where there is nothing to look for. */
bool exec_look_again(SandboxExec *exec);
void exec_look_again_now(SandboxExec *exec); /* the same at once, for one that is being destroyed */

/* exec_result.c: buffers in `result` are the caller's to clear. */
void exec_result(SandboxExec *exec, SandboxResult *result);

void exec_kill(SandboxExec *exec);    /* the whole tree, now; its end is still awaited */
void exec_finish(SandboxExec *exec);  /* takes a QUEUED one that has left the list: on_end, free */
void exec_destroy(SandboxExec *exec); /* takes it: kills, waits until the tree is dead, no event */

#endif
