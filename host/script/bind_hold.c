/* call.hold: a file for this call alone, until it ends. */
#include "bind.h"

#include "../base/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOLD_MS = 20000 }; /* how long it is waited for: shorter than any tool that writes takes */

typedef struct HoldOp {
    Op          op;        /* first */
    CallHandle *handle;    /* borrowed; on the stack of the task that waits */
    Workspace  *workspace; /* held; NULL: the file lies in a granted root outside */
    uint64_t    state;
    char       *path; /* owned */
    size_t      path_len;
    Buf         real;  /* below the workspace; absolute outside */
    Hold       *hold;  /* owned until it is the grant's */
    Timer      *timer; /* owned */
    bool        working;
    Err         err;
} HoldOp;

static void hold_free(Op *op)
{
    HoldOp *wait = (HoldOp *)op;
    hold_drop(wait->hold);
    timer_free(wait->timer);
    workspace_release(wait->workspace);
    buf_clear(&wait->real);
    free(wait->path);
    free(wait);
}

/* Leaves the queue at once. A thread that still looks for the name is waited for. */
static void give_up(HoldOp *wait, Status status, const char *why)
{
    if (wait->err.status == ST_OK) err_set(&wait->err, status, "%s: %s", wait->path, why);
    hold_drop(wait->hold);
    wait->hold = NULL;
    if (!wait->working) op_finish(&wait->op, &wait->err);
}

static void hold_cancel(Op *op) { give_up((HoldOp *)op, ST_CANCELLED, "waiting was cancelled"); }

static void too_long(void *arg)
{
    give_up(arg, ST_TIMEOUT, "another call has been changing it for 20 s; try again later");
}

static void on_granted(void *arg)
{
    HoldOp *wait = arg;
    timer_stop(wait->timer);
    op_finish_ok(&wait->op);
}

static void name_work(void *arg)
{
    HoldOp *wait = arg;
    if (!wait->workspace) {
        char  *real = realpath(wait->path, NULL);
        Status whole = buf_append(&wait->real, str_from(real ? real : wait->path), &wait->err);
        (void)whole; /* the error is in `err` */
        free(real);
        return;
    }
    if (workspace_look(wait->workspace, wait->state, &wait->err) != ST_OK) return;
    Status status = root_real(wait->workspace->root, (Str){wait->path, wait->path_len}, &wait->real,
                              &wait->err);
    if (status == ST_OK) err_clear(&wait->err);
}

static void name_done(void *arg, bool abandoned)
{
    HoldOp *wait = arg;
    char    file[2 * PATH_MAX];
    (void)abandoned;
    wait->working = false;
    if (wait->err.status != ST_OK || !wait->hold) {
        hold_drop(wait->hold);
        wait->hold = NULL;
        op_finish(&wait->op, &wait->err);
        return;
    }
    if (wait->workspace)
        snprintf(file, sizeof file, "%s/%s", wait->workspace->path, wait->real.ptr);
    hold_name(wait->hold, wait->workspace ? file : wait->real.ptr);
}

static int hold_push(Op *op, lua_State *L)
{
    HoldOp    *wait = (HoldOp *)op;
    CallGrant *grant = wait->handle->grant;
    if (grant) {
        grant->hold = wait->hold;
        grant->held = mem_text(wait->path);
        wait->hold = NULL;
    }
    lua_pushboolean(L, true);
    return 1;
}

static const OpKind HOLD_OP = {"hold", hold_cancel, hold_push, hold_free};

/* One file a call: nobody waits for a second while others wait for his first. */
int bind_file_hold(lua_State *L)
{
    CallGrant *grant = call_grant(L);
    Str        path = bind_file_path(L, grant->writes, "write");
    if (grant->held) {
        if (strlen(grant->held) != path.len || memcmp(grant->held, path.ptr, path.len) != 0)
            return luaL_error(L, "call.hold: this call holds %s already; one file a call",
                              grant->held);
        lua_pushboolean(L, true);
        return 1;
    }
    Run    *run = grant->run;
    HoldOp *wait = mem_new(sizeof *wait);
    wait->op.kind = &HOLD_OP;
    wait->handle = lua_touserdata(L, lua_upvalueindex(1));
    if (!call_root(grant, path)) {
        wait->workspace = workspace_hold(run->workspace);
        wait->state = workspace_state(wait->workspace);
    }
    wait->path = mem_copy(path.ptr, path.len);
    wait->path_len = path.len;
    buf_init(&wait->real, PATH_MAX);
    err_clear(&wait->err);
    wait->hold = hold_ask(&vm_of(L)->engine->holds, on_granted, wait);
    wait->timer = timer_new(run->loop, too_long, wait);
    timer_set(wait->timer, clock_deadline(loop_clock(run->loop), HOLD_MS));
    wait->working = true;
    work_start(run->loop, name_work, name_done, wait);
    return op_await(L, &wait->op);
}
