/* engine.h -- the process as scripts see it: its loop, its client, its journal, its VMs, its files.
 *
 * Use     1 engine_new  2 engine_main(verb)  3 engine_free
 * Owner   main.c. There is one a process.
 * Thread  Loop thread only.
 */
#ifndef HOST_SCRIPT_ENGINE_H
#define HOST_SCRIPT_ENGINE_H

#include "../files/written.h"
#include "../http/transport.h"
#include "../run/hold.h"
#include "../run/places.h"
#include "../store/journal.h"
#include "shipped.h"
#include "source.h"
#include "vm.h"

struct Engine {
    Loop         *loop;
    Sched         sched;
    Transport    *transport; /* owned; made on first use */
    bool          replays;   /* it is a recording */
    Journal      *journal;   /* owned; NULL until a verb opens it */
    char         *store;     /* owned; its path */
    Vm           *host;      /* owned */
    Vm           *decision;  /* owned; NULL until first use, and after a breach */
    Vm           *retired;   /* owned list: freed when no slice is on the stack */
    struct Cross *decisions; /* queued, oldest first: one decision at a time */
    bool          deciding;
    Run          *runs;         /* owned list: top-level runs, through next_sibling */
    Holds         holds;        /* whose turn it is with a file of a workspace */
    Places        places;       /* whose turn it is with a server of models */
    ShippedFind  *shipped;      /* NULL: nothing comes compiled */
    Source       *sources;      /* owned list: what was loaded */
    Source       *project;      /* owned list: Lua of a trusted project, read whole */
    Source       *offered;      /* owned list: the same, before anyone has decided */
    Source       *previous;     /* owned list: what was of the project when somebody looked anew */
    Source       *recorded;     /* owned list: texts of the run that is carried on */
    size_t        source_count; /* files loaded so far */
    Note        **notes;        /* owned array: workspaces of this process's runs */
    size_t        note_count;
    char         *distribution, *user; /* owned; folders; user may be NULL */
    char         *helper, *page;       /* owned; paths of perigee-sandbox and perigee-page */
    int           interrupted; /* the signal that was seen: SIGINT for Ctrl-C, SIGTERM; or 0 */
    bool          unread;      /* nobody reads stdout any more: the verb ends, without words */
    bool          lost;        /* a record could not be written */
    int           exit_code;

    struct Wait *waits; /* of runs; owned by who waits */
    Buf          input; /* of stdin, read and not yet asked for */

    struct Question *questions; /* oldest first, the first is shown; owned by who waits */
};

typedef struct EngineSpec {
    const char  *program; /* argv[0]'s real path: the distribution is found from it */
    bool         virtual_clock;
    ShippedFind *shipped; /* may be NULL */
} EngineSpec;

MUST_CHECK Status engine_new(const EngineSpec *spec, Engine **out, Err *err);
void              engine_free(Engine *engine);

/* Runs lua/cli/VERB.lua with its arguments until it has returned; the answer is the exit code. */
int engine_main(Engine *engine, const char *verb, unsigned grants, int argc, char **argv);

Sched *engine_sched(Engine *engine);

/* Frees `vm` as soon as no task of it is on the stack. */
void engine_retire(Engine *engine, Vm *vm);

/* The decision VM is made anew at its next use: what it has loaded may not be in force any more. */
void engine_renew_decisions(Engine *engine);

/* A last record could not be written: said on stderr, and the exit code tells. */
void engine_note_loss(Engine *engine, const Err *err);

Transport *engine_transport(Engine *engine, Err *err); /* NULL: err says why */

#endif
