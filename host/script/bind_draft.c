/* run:sweep_drafts: files that an earlier process of a run was writing when it was killed. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../files/draft.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MAX = 20 }; /* paths; one call writes one file at a time */

typedef struct Sweeping {
    Op          op;        /* first */
    Workspace  *workspace; /* held */
    uint32_t    tag;
    atomic_bool stop;
    Buf         gone; /* paths, each ended by a NUL */
    size_t      count;
    bool        working, wanted;
} Sweeping;

static void note_gone(void *arg, Str path)
{
    Sweeping *sweeping = arg;
    Err       err; /* what is beyond the buffer is gone all the same */
    err_clear(&err);
    if (sweeping->count == TOLD_MAX || buf_append(&sweeping->gone, path, &err) != ST_OK ||
        buf_append(&sweeping->gone, (Str){"", 1}, &err) != ST_OK)
        return;
    sweeping->count++;
}

static void sweep_work(void *arg)
{
    Sweeping *sweeping = arg;
    draft_sweep(sweeping->workspace->path, &sweeping->tag, &sweeping->stop, note_gone, sweeping);
}

static void release(Sweeping *sweeping)
{
    if (sweeping->working || sweeping->wanted) return;
    workspace_release(sweeping->workspace);
    buf_clear(&sweeping->gone);
    free(sweeping);
}

static void swept(void *arg, bool abandoned)
{
    Sweeping *sweeping = arg;
    (void)abandoned;
    sweeping->working = false;
    op_finish_ok(&sweeping->op); /* nothing where nobody waits any more */
    release(sweeping);
}

static void sweep_stop(Op *op) { atomic_store(&((Sweeping *)op)->stop, true); /* it ends soon */ }

static void sweep_done(Op *op)
{
    ((Sweeping *)op)->wanted = false;
    release((Sweeping *)op);
}

static int sweep_push(Op *op, lua_State *L)
{
    Sweeping *sweeping = (Sweeping *)op;
    size_t    at = 0;
    lua_createtable(L, (int)sweeping->count, 0);
    for (size_t i = 1; i <= sweeping->count; i++) {
        const char *path = sweeping->gone.ptr + at;
        lua_pushstring(L, path);
        lua_rawseti(L, -2, (lua_Integer)i);
        at += strlen(path) + 1;
    }
    return 1;
}

static const OpKind SWEEP = {"drafts", sweep_stop, sweep_push, sweep_done};

/* run:sweep_drafts() -> { path below the workspace, ... }: removes what calls of this run or of its
 * children were writing into its workspace when their process was killed. Before anything writes.
 */
int run_sweep_drafts(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    op_may_wait(L);
    if (!run->workspace) {
        lua_newtable(L);
        return 1;
    }
    Sweeping *sweeping = mem_new(sizeof *sweeping);
    sweeping->op.kind = &SWEEP;
    sweeping->workspace = workspace_hold(run->workspace);
    sweeping->tag = draft_tag(str_from(run->id));
    atomic_init(&sweeping->stop, false);
    buf_init(&sweeping->gone, LIMIT_SCRIPT);
    sweeping->working = sweeping->wanted = true;
    work_start(vm_of(L)->engine->loop, sweep_work, swept, sweeping);
    return op_await(L, &sweeping->op);
}
