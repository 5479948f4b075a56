/* run:explain(spec): the plan of a command in words. Looking through a workspace takes a while, so
 * it happens on a thread, with copies of what the script said. */
#include "exec.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdlib.h>

typedef struct ExplainOp {
    Op         op;                /* first */
    Workspace *workspace;         /* held */
    char     **argv, **variables; /* owned; end in NULL; `variables` may be NULL */
    char      *folder;            /* owned; may be NULL */
    ExecSpec   spec;
    Buf        words;
    Err        err;
    bool       working, wanted;
} ExplainOp;

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++) free(list[i]);
    free(list);
}

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    if (!list) return NULL;
    while (list[count]) count++;
    char **copy = mem_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) copy[i] = mem_text(list[i]);
    return copy;
}

static void explain_release(ExplainOp *explain)
{
    if (explain->working || explain->wanted) return;
    workspace_release(explain->workspace);
    free_list(explain->argv);
    free_list(explain->variables);
    free(explain->folder);
    buf_clear(&explain->words);
    free(explain);
}

static void explain_work(void *arg)
{
    ExplainOp *explain = arg;
    Err        err;
    if (exec_explain(explain->workspace->space, &explain->spec, &explain->words, &err) != ST_OK)
        explain->err = err;
}

static void explain_done(void *arg, bool abandoned)
{
    ExplainOp *explain = arg;
    (void)abandoned;
    explain->working = false;
    op_finish(&explain->op, &explain->err);
    explain_release(explain);
}

static void explain_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "explaining was cancelled");
    op_finish(op, &why);
}

static int explain_push(Op *op, lua_State *L)
{
    const Buf *words = &((ExplainOp *)op)->words;
    lua_pushlstring(L, words->ptr, words->len);
    return 1;
}

static void explain_free(Op *op)
{
    ((ExplainOp *)op)->wanted = false;
    explain_release((ExplainOp *)op);
}

static const OpKind EXPLAIN = {"explain", explain_cancel, explain_push, explain_free};

int bind_explain(lua_State *L, Run *run, int at)
{
    ExecAsked  asked = exec_read(L, run, NULL, at);
    ExplainOp *explain = mem_new(sizeof *explain);
    explain->op.kind = &EXPLAIN;
    explain->workspace = workspace_hold(run->workspace);
    explain->argv = copy_list(asked.spec.argv);
    explain->variables = copy_list(asked.spec.variables);
    explain->folder = asked.spec.folder ? mem_text(asked.spec.folder) : NULL;
    explain->spec = asked.spec;
    explain->spec.argv = (const char *const *)explain->argv;
    explain->spec.variables = (const char *const *)explain->variables;
    explain->spec.folder = explain->folder;
    explain->spec.input = (Str){0}; /* no step says what it is given to read */
    /* The names of the variables that lead to the proxy are part of the plan, a token is not. */
    bool proxied = run->workspace->network == NETWORK_PROXY && run->workspace->hosts.count > 0;
    explain->spec.token = proxied ? "..." : NULL;
    buf_init(&explain->words, LIMIT_EXPLAINED);
    err_clear(&explain->err);
    explain->working = explain->wanted = true;
    work_start(run->loop, explain_work, explain_done, explain);
    return op_await(L, &explain->op);
}
