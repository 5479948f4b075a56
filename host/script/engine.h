/* engine.h -- the process as scripts see it: its loop, its client, its journal, its VMs, its files.
 *
 * Use     1 engine_new  2 engine_main(verb)  3 engine_free
 * Owner   main.c. There is one a process.
 * Thread  Loop thread only.
 */
#ifndef HOST_SCRIPT_ENGINE_H
#define HOST_SCRIPT_ENGINE_H

#include "../http/transport.h"
#include "../store/journal.h"
#include "vm.h"

/* A file of a layer, loaded once: the same text for every VM of this process. */
typedef struct Source {
    struct Source *next;
    char          *path; /* owned; as entries name it: "tools/read.lua" */
    char          *file; /* owned; where it was found */
    Buf            text;
    Buf            code; /* compiled, from the second load on; made by vm.c and by nobody else */
    size_t         loads;
    char           hash[HASH_HEX_SIZE]; /* "" until a run asks for it */
    bool           kept;                /* its text stands in the journal */
    bool           own; /* taken from the distribution, whatever the user's folder holds */
} Source;

struct Engine {
    Loop         *loop;
    Sched         sched;
    Transport    *transport; /* owned; made on first use */
    Journal      *journal;   /* owned; NULL until a verb opens it */
    char         *store;     /* owned; its path */
    Vm           *host;      /* owned */
    Vm           *decision;  /* owned; NULL until first use, and after a breach */
    Vm           *retired;   /* owned list: freed when no slice is on the stack */
    struct Cross *decisions; /* queued, oldest first: one decision at a time */
    bool          deciding;
    Run          *runs;                /* owned list: top-level runs, through next_sibling */
    Source       *sources;             /* owned list */
    char         *distribution, *user; /* owned; folders; user may be NULL */
    char         *helper;              /* owned; path of perigee-sandbox */
    int           interrupted; /* the signal that was seen: SIGINT for Ctrl-C, SIGTERM; or 0 */
    bool          unread;      /* nobody reads stdout any more: the verb ends, without words */
    bool          lost;        /* a record could not be written */
    int           exit_code;

    struct Question *questions; /* oldest first, the first is shown; owned by who waits */
};

typedef struct EngineSpec {
    const char *program; /* argv[0]'s real path: the distribution is found from it */
    bool        virtual_clock;
} EngineSpec;

MUST_CHECK Status engine_new(const EngineSpec *spec, Engine **out, Err *err);
void              engine_free(Engine *engine);

/* Runs lua/cli/VERB.lua with its arguments until it has returned; the answer is the exit code. */
int engine_main(Engine *engine, const char *verb, unsigned grants, int argc, char **argv);

Sched *engine_sched(Engine *engine);

/* An entry file with its text; loaded on first use, bounded. A relative path is looked for in the
 * user's folder, then in the distribution; `own` (and lua/lib, lua/cli always): in the distribution
 * only. Blocks for one small file. */
MUST_CHECK Status engine_source(Engine *engine, const char *path, bool own, Source **out, Err *err);

/* The folder and name under which a relative path is found; false when it is in no layer. */
bool engine_locate(Engine *engine, const char *path, bool own, char *file, size_t size);

/* Frees `vm` as soon as no task of it is on the stack. */
void engine_retire(Engine *engine, Vm *vm);

/* A last record could not be written: said on stderr, and the exit code tells. */
void engine_note_loss(Engine *engine, const Err *err);

Transport *engine_transport(Engine *engine, Err *err); /* NULL: err says why */

#endif
