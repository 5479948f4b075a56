/* A sandboxed command as an op: run:exec (verbs) and call.exec (tools) are the same path. */
#include "exec.h"

#include "../base/mem.h"
#include "feed.h"

#include <stdlib.h>

typedef struct ExecOp {
    Op         op;        /* first */
    Workspace *workspace; /* held: its space must outlive the command */
    Command   *command;   /* borrowed; NULL once it ended */
    Feed      *feed;      /* owned while it runs and somebody is shown what it prints; or NULL */
    Err        begun;
    ExecEnd    end;
    Run       *run; /* borrowed; there while the task waits */
} ExecOp;

static void exec_free(Op *op)
{
    ExecOp *exec = (ExecOp *)op;
    workspace_release(exec->workspace);
    feed_drop(exec->feed);
    exec_end_clear(&exec->end);
    free(exec);
}

static void exec_stopped(Op *op)
{
    ExecOp *exec = (ExecOp *)op;
    feed_drop(exec->feed);
    exec->feed = NULL;
    if (exec->command) command_cancel(exec->command);
}

static void exec_printed(void *arg, bool is_error, Str bytes)
{
    ExecOp *exec = arg;
    if (exec->feed) feed_take(exec->feed, is_error, bytes);
}

static void exec_ended(void *arg, SandboxResult *result)
{
    ExecOp *exec = arg;
    Err     outcome;
    exec->command = NULL;
    feed_finish(exec->feed);
    exec->feed = NULL;
    if (!exec->op.orphan) /* else its run may be gone */
        budget_charge(&exec->run->budget, BUDGET_WRITTEN, command_wrote(result));
    exec_end_take(&exec->end, result, &outcome);
    op_finish(&exec->op, &outcome);
}

static int exec_push(Op *op, lua_State *L)
{
    exec_end_push(&((ExecOp *)op)->end, L);
    return 1;
}

static const OpKind EXEC = {"exec", exec_stopped, exec_push, exec_free};

int bind_exec(lua_State *L, Run *run, const CallGrant *grant, int at)
{
    static const ExecEvents EVENTS = {.on_output = exec_printed, .on_end = exec_ended};
    ExecAsked               asked = exec_read(L, run, grant, at);
    ExecOp                 *exec = mem_new(sizeof *exec);
    exec->op.kind = &EXEC;
    exec->run = run;
    exec->workspace = workspace_hold(run->workspace);
    exec_end_init(&exec->end);
    if (asked.show && grant->call)
        exec->feed = feed_new(vm_of(L)->engine, run, grant->call, grant->tool);
    err_clear(&exec->begun);
    if (command_begin(run->workspace, &asked.spec, asked.hosts, &EVENTS, exec, &exec->command,
                      &exec->begun) != ST_OK)
        op_finish(&exec->op, &exec->begun);
    return op_await(L, &exec->op);
}
