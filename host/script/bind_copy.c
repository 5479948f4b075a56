/* run:copy: a copy of the run's workspace, as files/copy.h has it. Made, sealed and removed on
 * threads. */
#include "bind.h"

#include "../base/mem.h"
#include "../files/copy.h"

#include <stdio.h>
#include <stdlib.h>

static const char COPY[] = "perigee.copy";

typedef struct CopyHandle {
    Copy *copy;      /* owned; NULL once it is closed, and while an op has it */
    bool  worked_in; /* by an earlier process */
} CopyHandle;

typedef struct CopyOp {
    Op          op;        /* first */
    Workspace  *workspace; /* held while the copy is made; NULL when it is sealed */
    uint64_t    looked;    /* the state of the workspace whose rules hold */
    char       *cache;     /* owned; the folder that holds all copies */
    char       *name;      /* owned; of the one that is taken up again, or NULL */
    Copy       *copy;      /* owned until it is pushed */
    bool        worked_in; /* it was there before */
    atomic_bool stop;
    Err         err;
    bool        working, wanted;
} CopyOp;

/* -- made and sealed --------------------------------------------------------------------------- */

static void make_work(void *arg)
{
    CopyOp *making = arg;
    if (making->name) {
        (void)!copy_again(making->cache, making->name, &making->copy, &making->err);
        return;
    }
    if (workspace_look(making->workspace, making->looked, &making->err) == ST_OK)
        (void)!copy_new(making->workspace->root, making->cache, &making->stop, &making->copy,
                        &making->err);
}

static void seal_work(void *arg) { (void)!copy_seal(((CopyOp *)arg)->copy, &((CopyOp *)arg)->err); }

static void release(CopyOp *copying)
{
    if (copying->working || copying->wanted) return;
    workspace_release(copying->workspace);
    /* Who was cancelled meanwhile may go on later in a copy that somebody worked in, so that stays;
     * copy_sweep removes it in the end. */
    bool failed = copying->err.status != ST_OK && !atomic_load(&copying->stop);
    if (copying->copy && copying->worked_in && !failed)
        copy_leave(copying->copy);
    else
        copy_free(copying->copy);
    free(copying->cache);
    free(copying->name);
    free(copying);
}

static void copied(void *arg, bool abandoned)
{
    CopyOp *copying = arg;
    (void)abandoned;
    copying->working = false;
    op_finish(&copying->op, &copying->err); /* nothing where nobody waits any more */
    release(copying);
}

static void copy_stop(Op *op) { atomic_store(&((CopyOp *)op)->stop, true); /* it ends soon */ }

static void copy_done(Op *op)
{
    ((CopyOp *)op)->wanted = false;
    release((CopyOp *)op);
}

static int make_push(Op *op, lua_State *L)
{
    CopyHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->copy = NULL;
    handle->worked_in = ((CopyOp *)op)->worked_in;
    luaL_setmetatable(L, COPY);
    handle->copy = ((CopyOp *)op)->copy;
    ((CopyOp *)op)->copy = NULL;
    return 1;
}

/* The handle stands at stack index 1 of the binding. */
static int seal_push(Op *op, lua_State *L)
{
    CopyHandle *handle = luaL_checkudata(L, 1, COPY);
    handle->copy = ((CopyOp *)op)->copy;
    ((CopyOp *)op)->copy = NULL;
    lua_pushboolean(L, true);
    return 1;
}

static const OpKind MAKE = {"copy", copy_stop, make_push, copy_done};
static const OpKind SEAL = {"copy.seal", copy_stop, seal_push, copy_done};

static CopyOp *copy_op(const OpKind *kind)
{
    CopyOp *copying = mem_new(sizeof *copying);
    copying->op.kind = kind;
    err_clear(&copying->err);
    atomic_init(&copying->stop, false);
    copying->working = copying->wanted = true;
    return copying;
}

static CopyHandle *check_copy(lua_State *L)
{
    CopyHandle *handle = luaL_checkudata(L, 1, COPY);
    if (!handle->copy) luaL_error(L, "the copy is closed");
    return handle;
}

/* copy:seal() -> true | nil, err: without any .git. Where it fails the copy is closed. */
static int seal(lua_State *L)
{
    CopyHandle *handle = check_copy(L);
    op_may_wait(L);
    CopyOp *sealing = copy_op(&SEAL);
    sealing->copy = handle->copy;
    sealing->worked_in = true;
    handle->copy = NULL;
    work_start(vm_of(L)->engine->loop, seal_work, copied, sealing);
    return op_await(L, &sealing->op);
}

/* copy:folder() -> path that holds a and b; copy:work() -> path of b; copy:name() */
static int folder(lua_State *L)
{
    lua_pushstring(L, copy_folder(check_copy(L)->copy));
    return 1;
}

static int work(lua_State *L)
{
    lua_pushstring(L, copy_work(check_copy(L)->copy));
    return 1;
}

static int name(lua_State *L)
{
    lua_pushstring(L, copy_name(check_copy(L)->copy));
    return 1;
}

/* copy:leave(): closes it and leaves it on the disk, for who goes on later. */
static int leave(lua_State *L)
{
    CopyHandle *handle = luaL_checkudata(L, 1, COPY);
    if (handle->copy) copy_leave(handle->copy);
    handle->copy = NULL;
    return 0;
}

static void remove_work(void *copy) { copy_free(copy); }

static void removed(void *copy, bool abandoned)
{
    (void)copy;
    (void)abandoned;
}

/* copy:close(): removes it, on a thread; waits for nothing, so that a cancelled run tidies up too.
 */
static int close_copy(lua_State *L)
{
    CopyHandle *handle = luaL_checkudata(L, 1, COPY);
    if (handle->copy) work_start(vm_of(L)->engine->loop, remove_work, removed, handle->copy);
    handle->copy = NULL;
    return 0;
}

/* Of who was cancelled in the instant in which it was handed out. */
static int collect(lua_State *L)
{
    CopyHandle *handle = luaL_checkudata(L, 1, COPY);
    if (handle->copy && handle->worked_in)
        copy_leave(handle->copy);
    else
        copy_free(handle->copy);
    handle->copy = NULL;
    return 0;
}

/* -- the run's method -------------------------------------------------------------------------- */

static void make_metatable(lua_State *L)
{
    static const luaL_Reg METHODS[] = {{"seal", seal}, {"folder", folder}, {"work", work},
                                       {"name", name}, {"leave", leave},   {"close", close_copy},
                                       {NULL, NULL}};
    if (luaL_newmetatable(L, COPY)) {
        luaL_newlib(L, METHODS);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, collect);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}

/* Not the state folder, whose files no command may see. */
static bool cache_folder(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/') return snprintf(path, size, "%s/perigee", cache) < (int)size;
    return home && home[0] == '/' && snprintf(path, size, "%s/.cache/perigee", home) < (int)size;
}

int bind_copy(lua_State *L, Run *run)
{
    char        cache[4096];
    const char *again = luaL_optstring(L, 2, NULL);
    op_may_wait(L);
    if (!run->workspace) return luaL_error(L, "copy: this run has no workspace");
    if (!cache_folder(cache, sizeof cache))
        return luaL_error(L, "copy: neither HOME nor XDG_CACHE_HOME is set");
    make_metatable(L);
    CopyOp *making = copy_op(&MAKE);
    making->cache = mem_text(cache);
    making->name = again ? mem_text(again) : NULL;
    making->worked_in = again != NULL;
    making->workspace = workspace_hold(run->workspace);
    making->looked = workspace_state(run->workspace);
    work_start(vm_of(L)->engine->loop, make_work, copied, making);
    return op_await(L, &making->op);
}

/* -- what was left behind ---------------------------------------------------------------------- */

static void sweep_work(void *cache) { copy_sweep(cache); }

static void swept(void *cache, bool abandoned)
{
    (void)abandoned;
    free(cache);
}

void bind_sweep_copies(Engine *engine)
{
    char cache[4096];
    if (cache_folder(cache, sizeof cache))
        work_start(engine->loop, sweep_work, swept, mem_text(cache));
}
