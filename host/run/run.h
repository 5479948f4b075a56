/* run.h -- one execution: its id, place in the tree, deadline, budget, workspace and journal.
 *
 * Why     Everything that costs, waits or writes belongs to a run and ends with it.
 * Use     1 run_new  2 run_append for each step  3 run_finish  4 run_free (from the leaves up)
 * Owner   A top-level run: its maker. A child: its parent, but whoever made it frees it first.
 * Life    live -> cancelled (sticky, optional) -> finished -> freed; parked: cancelled for that
 * Units   Absolute deadlines on the loop's clock.
 * Thread  Loop thread only.
 */
#ifndef HOST_RUN_RUN_H
#define HOST_RUN_RUN_H

#include "../files/root.h"
#include "../http/host_rule.h"
#include "../sandbox/process.h"
#include "../store/journal.h"
#include "budget.h"
#include "seen.h"

#include <pthread.h>

enum { RUN_ID_SIZE = 40 };
enum { RUN_GRACE_MS = 10000 }; /* in which a run ends whose deadline passed */

/* A folder that runs work in: its files and its sandbox, shared by a run and its children. */
typedef struct Workspace {
    Loop           *loop;     /* borrowed */
    Root           *root;     /* owned */
    Space          *space;    /* owned */
    NetworkMode     network;  /* as it is: unconfined, the host's */
    HostRules       hosts;    /* owned; what its commands may reach through the proxy */
    struct Proxy   *proxy;    /* owned; NULL before its first command, and without a proxy */
    struct Command *commands; /* borrowed list: those that have not ended */
    char           *path;     /* owned; absolute, resolved */
    int             users;    /* freed when the last one releases it */

    pthread_mutex_t looking; /* holds for `looked` */
    uint64_t        looked;  /* state for which the rules were looked up; 0 is never */
} Workspace;

typedef struct WorkspaceSpec { /* lists end in NULL and may be NULL */
    const char        *path;
    const char        *helper; /* of the sandbox */
    const char *const *pins;   /* read-only where they lie in it */
    const char *const *show;   /* further paths that commands see, read-only */
    const char *const *pass;   /* names of the host's variables that commands see */
    NetworkMode        network;
    const char *const *hosts;  /* NETWORK_PROXY: entries as in http/host_rule.h */
    ExecLimits         limits; /* of its commands, as SpaceSpec has it */
    int64_t            wall_most_ms;
    const RootGrant   *roots; /* outside it, for commands of the tools that have them */
    bool               unconfined;
    dev_t              device; /* with `inode`: the folder that is meant, */
    ino_t              inode;  /* where another may stand at the path by now; 0: none is named */
} WorkspaceSpec;

/* Refuses "/", the home folder, an ancestor of `state` (the folder of the journal); the first two
 * and what holds `state` also in `show`; in `pass` what is no name, or a key's name; in `hosts`
 * what is no entry. */
MUST_CHECK Status workspace_new(Loop *loop, const WorkspaceSpec *spec, const char *state,
                                Workspace **out, Err *err);
bool workspace_holds(const Workspace *workspace, const char *path); /* once links are followed */
Workspace *workspace_hold(Workspace *workspace);
void       workspace_release(Workspace *workspace); /* NULL allowed */

/* The sandbox looks before each command where links and git directories lead, and masks and
 * protects what it finds. The root has to know the same. workspace_state: of now, never 0; loop
 * thread. workspace_look: looks, unless it was done for that state; on a thread, blocks; before
 * each use of the root. */
uint64_t          workspace_state(Workspace *workspace);
MUST_CHECK Status workspace_look(Workspace *workspace, uint64_t state, Err *err);

typedef struct Run  Run;
typedef struct Jobs Jobs; /* jobs.h */
struct Run {
    Loop      *loop;                       /* borrowed */
    Journal   *journal;                    /* borrowed; NULL keeps nothing (tests of scripts) */
    Run       *parent;                     /* borrowed; NULL at the top */
    Run       *first_child, *next_sibling; /* borrowed */
    Workspace *workspace;                  /* held; NULL for a run without one */
    char       id[RUN_ID_SIZE];
    char      *agent, *task; /* owned; for the list of runs */
    Budget     budget;
    int64_t    deadline;   /* its own; DEADLINE_NEVER: none but those of the runs above it */
    bool       asks;       /* passing its own deadline cancels nothing: its scripts ask a person */
    bool       late;       /* they do so now: nothing new begins in it */
    Timer     *timer;      /* owned; fires at its own deadline */
    int64_t    began;      /* on the loop's clock, in this process */
    int64_t    started_ms; /* wall */
    int64_t    seq;        /* of the last record */
    Jobs      *jobs;       /* owned; NULL before the first one */
    Seen       seen;       /* owned; files as this run last saw them */
    bool       cancelled, finished, overdue;
    bool       goes_on; /* it has records of another process */
    bool       parked;  /* cancelled because nothing in its tree goes on without a person */
    Err        why;     /* of the cancellation */
    void (*on_cancel)(Run *run); /* the scripts' side: cancel this run's tasks; may be NULL */
    void (*on_overdue)(Run *run, int64_t seq); /* likewise: tell whoever watches; of the record */
    void  *tasks, *vm, *handle; /* for script/: its tasks, its VM, what host scripts call it by */
    size_t sources_told;        /* for script/: up to which file it was told what was loaded */
    char  *steps; /* owned; what the places of its scripts' steps begin with, or NULL */
};

typedef struct RunPast { /* of a run that goes on: what its records say */
    const char *id;
    int64_t     seq; /* of the last record */
    int64_t     started_ms;
} RunPast;

/* `past` NULL: a new run. Else the run of that id goes on, if its records are this journal's to
 * write; who else owns it is told at the first append. */
MUST_CHECK Status run_new(Loop *loop, Journal *journal, Run *parent, Workspace *workspace,
                          const char *agent, const char *task, const RunPast *past, Run **out,
                          Err *err);
void              run_free(Run *run); /* NULL allowed; no child is left */

/* 20261122-211205-k3f9xa: sorts by time, can be read aloud, and its last part is enough to name it.
 */
void run_make_id(const Clock *clock, char out[RUN_ID_SIZE]);

/* Sets its own deadline. Passing it cancels the run, and all below it, with ST_LIMIT; one that has
 * not ended RUN_GRACE_MS later is our bug: it is logged, and recorded as `watchdog`. With `asks`
 * nothing happens by itself: the scripts that carry the run watch it. */
void run_set_deadline(Run *run, int64_t deadline, bool asks);

/* The earliest of its own and those above it; with `ends` only of those that cancel. */
int64_t run_deadline(const Run *run, bool ends);

/* The nearest run that is late: itself, or one above; NULL: none is. */
const Run *run_late(const Run *run);

/* Cancels the children first, then this run. Sticky: the first reason stays. */
void run_cancel(Run *run, const Err *why);

/* Appends the next record. `done` comes later, from the loop. */
void run_append(Run *run, Str kind, Str body, Durability durability, JournalDone *done, void *arg);

/* Kills its background jobs, and writes the run's row with its end; "waiting" is an end only for
 * this process. */
void run_finish(Run *run, const char *status);

#endif
