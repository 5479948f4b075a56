/* vm.h -- one Lua state: its memory quota, its hook, its tasks, and the files it has loaded.
 *
 * Why     Three kinds of VM, each with its own trust: the host VM runs the distribution's own Lua
 * and is never suspended; the decision VM runs what is pure; a run VM runs tools, hooks and chains
 *         of one run. Nothing is shared between them but plain data, copied (convert.h).
 * Use     vm_new -> task_new for each piece of work -> (the scheduler runs it) -> vm_free
 * Owner   Host and decision VM: the Engine. Run VM: its RunScripts (cross.c).
 * Life    A VM is freed after its last task; vm_free cancels what is left.
 * Thread  Loop thread only.
 * Errors  Memory beyond the quota is LUA_ERRMEM in the task that asked for it.
 */
#ifndef HOST_SCRIPT_VM_H
#define HOST_SCRIPT_VM_H

#include "../base/buf.h"
#include "../run/run.h"
#include "../run/sched.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

typedef struct Engine Engine;
typedef struct Task   Task;
typedef struct Vm     Vm;

typedef enum VmKind { VM_HOST, VM_DECISION, VM_RUN } VmKind;

struct Vm {
    Turn       turn; /* first: the scheduler's handle */
    VmKind     kind;
    lua_State *L;      /* owned */
    Engine    *engine; /* borrowed */
    Run       *run;    /* borrowed; NULL unless VM_RUN */
    size_t     used, peak, quota;
    Task      *tasks;              /* all that live, in a list */
    Task      *ready, *last_ready; /* those that can go on, in order */
    Task      *suspended;          /* stopped by the hook: nothing else may run here before it */
    Task      *current;            /* inside lua_resume now */
    Vm        *next_retired;       /* of the engine's list */
    int64_t    outside_began;      /* when closing began: __close may not hold the loop either */
    bool       closing;            /* inside vm_free */
    uint64_t   work;               /* steps inside C functions since the hook looked last */
    bool       broken;             /* a limit was breached: use no more, make a new one */
};

MUST_CHECK Status vm_new(Engine *engine, VmKind kind, Run *run, size_t quota, Vm **out, Err *err);
void              vm_free(Vm *vm); /* NULL allowed; not from inside one of its tasks */

/* The VM that `L` (any of its coroutines) belongs to. */
Vm *vm_of(lua_State *L);

/* Counts steps (about a nanosecond each) that a library function spent where no instruction shows
 * it: after many the hook comes at the next instruction, and they count against the task's
 * allowance. task.c */
void vm_charge(lua_State *L, uint64_t steps);

/* Steps that may still be spent before the hook has to come: C functions that call C functions have
 * no instruction between them. task.c */
uint64_t vm_work_left(lua_State *L);

/* Pushes what the file `path` returned; loads it on first use, each entry file in an environment
 * and with module instances of its own. `path` is relative to the layers ("tools/read.lua") or an
 * absolute one that the command line named. Raises with file, line and reason. Nothing may wait
 * meanwhile. */
void vm_push_entry(lua_State *L, const char *path);

/* Opens the libraries and builds the shared, read-only base environment. lib.c */
void lib_open(lua_State *L);

/* Pushes an environment table for an entry file: reads fall through to the base. lib.c */
void lib_push_environment(lua_State *L);

/* Makes the table at the top read-only: replaces it by a proxy. lib.c */
void lib_freeze(lua_State *L);

/* Whether the value at `index` is such a proxy; then pushes the table behind it. lib.c */
bool lib_push_frozen(lua_State *L, int index);

/* Sorts `keys[low..high]` (a list of integers and strings at a stack index): integers first. lib.c
 */
void lib_sort(lua_State *L, int keys, lua_Integer low, lua_Integer high);

/* require "lib.json"; json.c */
int json_open(lua_State *L);

#endif
