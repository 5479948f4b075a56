/* A sandboxed command as an op: run:exec (verbs) and call.exec (tools) are the same path. */
#include "exec.h"

#include "../base/mem.h"

#include <stdlib.h>

typedef struct ExecOp {
    Op         op;        /* first */
    Workspace *workspace; /* held: its space must outlive the command */
    Command   *command;   /* borrowed; NULL once it ended */
    Err        begun;
    ExecEnd    end;
} ExecOp;

static void exec_free(Op *op)
{
    ExecOp *exec = (ExecOp *)op;
    workspace_release(exec->workspace);
    exec_end_clear(&exec->end);
    free(exec);
}

static void exec_stop(Op *op)
{
    ExecOp *exec = (ExecOp *)op;
    if (exec->command) command_cancel(exec->command);
}

static void exec_ended(void *arg, SandboxResult *result)
{
    ExecOp *exec = arg;
    Err     outcome;
    exec->command = NULL;
    exec_end_take(&exec->end, result, &outcome);
    op_finish(&exec->op, &outcome);
}

static int exec_push(Op *op, lua_State *L)
{
    exec_end_push(&((ExecOp *)op)->end, L);
    return 1;
}

static const OpKind EXEC = {"exec", exec_stop, exec_push, exec_free};

int bind_exec(lua_State *L, Run *run, const CallGrant *grant, int at)
{
    static const ExecEvents EVENTS = {.on_end = exec_ended};
    ExecAsked               asked = exec_read(L, run, grant, at);
    ExecOp                 *exec = mem_new(sizeof *exec);
    exec->op.kind = &EXEC;
    exec->workspace = workspace_hold(run->workspace);
    exec_end_init(&exec->end);
    err_clear(&exec->begun);
    if (command_begin(run->workspace, &asked.spec, asked.hosts, &EVENTS, exec, &exec->command,
                      &exec->begun) != ST_OK)
        op_finish(&exec->op, &exec->begun);
    return op_await(L, &exec->op);
}
