/* cross.h -- calling a function in another VM, as an op.
 *
 * Why     VMs share nothing and resume nothing of each other: the caller waits, the function runs
 * as a task of its own VM, and plain data goes both ways. Errors  What the function returned comes
 * back as it is. What it raised, a limit it passed or a timeout comes back as nil, { code, message
 * }.
 */
#ifndef HOST_SCRIPT_CROSS_H
#define HOST_SCRIPT_CROSS_H

#include "op.h"

/* Pushes what the function is given besides plain data (the `call` object of a tool, a Run, the
 * `run` of a chain), inside the target VM. `arg` is what CrossSpec.object_arg was. */
typedef void CrossObject(lua_State *L, void *arg);

typedef struct CrossSpec {
    VmKind       vm;
    Run         *run;        /* whose work it is; its VM when vm is VM_RUN; NULL for a verb's own */
    const char  *entry;      /* "tools/read.lua" */
    const char  *field;      /* "run" */
    CrossObject *object;     /* may be NULL */
    void        *object_arg; /* owned by the op from here; freed with object_free */
    void (*object_free)(void *arg);
    bool        answers;     /* a function that returns nothing has forgotten to: an error */
    bool        object_last; /* behind the plain arguments instead of before them */
    int64_t     timeout_ms;  /* 0 is none */
    const char *what;        /* for messages: "tool read"; copied */
} CrossSpec;

typedef struct Cross Cross;

/* 1 (may raise): makes the op with the plain arguments copied from stack index `first` on. */
Cross *cross_new(lua_State *L, const CrossSpec *spec, int first, int count);

/* 2: starts it and waits: return cross_await(L, cross); */
int cross_await(lua_State *L, Cross *cross);

/* Calls without anyone who waits, from a loop callback: what the function is given comes from
 * `object` alone. How it failed is logged. */
void cross_post(Engine *engine, const CrossSpec *spec);

/* Decisions that are still queued go on without `run`, which is about to be freed. */
void cross_forget_run(Engine *engine, const Run *run);

/* The VM of a run, made on first use; closed with run_close_vm when the run ends. */
MUST_CHECK Status run_vm(Engine *engine, Run *run, Vm **out, Err *err);
void              run_close_vm(Run *run);

#endif
