/* Messages between processes: what anyone leaves for a run, and what its owner hears. */
#include "bind_cli.h"

#include "../base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* -- heard ------------------------------------------------------------------------------------- */

typedef struct Messages {
    Op       op;      /* first */
    Journal *journal; /* borrowed; NULL where nothing is kept: nobody can leave a message */
    char     run[RUN_ID_SIZE]; /* at the top of its tree */
    int64_t  after;
    bool     listening;
} Messages;

static void heard(void *arg, const Err *outcome)
{
    Messages *messages = arg;
    messages->listening = false;
    op_finish(&messages->op, outcome);
}

static void messages_cancel(Op *op)
{
    Messages *messages = (Messages *)op;
    Err       why;
    if (messages->listening) journal_unlisten(messages->journal, messages);
    messages->listening = false;
    err_set(&why, ST_CANCELLED, "nobody waits for messages any more");
    op_finish(op, &why);
}

static int messages_push(Op *op, lua_State *L)
{
    Messages *messages = (Messages *)op;
    return bind_push_inbox(L, str_from(messages->run), messages->after);
}

static void messages_free(Op *op) { free(op); }

const OpKind RUN_MESSAGES = {"run.messages", messages_cancel, messages_push, messages_free};

static Run *top_of(Run *run)
{
    while (run->parent) run = run->parent;
    return run;
}

/* run:messages([after[, now]]) -> { { number =, body = JSON text }, ... } | nil, err: those that
 * were left for the top-level run of this tree and that nobody took, oldest first, with numbers
 * above `after`. Waits until there is one; with `now` it may be an empty list. */
int run_messages(lua_State *L)
{
    Run        *top = top_of(bind_check_run(L, 1));
    lua_Integer after = luaL_optinteger(L, 2, 0);
    if (lua_toboolean(L, 3)) {
        if (top->journal) return bind_push_inbox(L, str_from(top->id), after);
        lua_newtable(L);
        return 1;
    }
    op_may_wait(L);
    Messages *messages = mem_new(sizeof *messages);
    messages->op.kind = &RUN_MESSAGES;
    messages->op.passive = true;
    messages->journal = top->journal;
    messages->after = after;
    snprintf(messages->run, sizeof messages->run, "%s", top->id);
    if (top->journal) {
        messages->listening = true;
        journal_listen(top->journal, str_from(messages->run), after, heard, messages);
    }
    return op_await(L, &messages->op);
}

/* run:took(number): removes that message, in order with the records. What came of it is appended
 * before: who dies in between finds it again. */
int run_took(lua_State *L)
{
    Run        *top = top_of(bind_check_run(L, 1));
    lua_Integer number = luaL_checkinteger(L, 2);
    if (top->journal) journal_take(top->journal, str_from(top->id), number);
    return 0;
}

/* cli.read_inbox(run) -> the same list, whoever carries the run, at once; it may be empty */
int cli_read_inbox(lua_State *L)
{
    size_t      len;
    const char *run = luaL_checklstring(L, 1, &len);
    return bind_push_inbox(L, (Str){run, len}, 0);
}

/* -- left -------------------------------------------------------------------------------------- */

static void post_cancel(Op *op) { (void)op; /* what is on its way is answered soon */ }

static int post_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void post_free(Op *op) { free(op); }

static const OpKind POST = {"cli.post", post_cancel, post_push, post_free};

static void posted(void *arg, const Err *outcome) { op_finish(arg, outcome); }

/* cli.post(run, body) -> true | nil, err: leaves a message for whoever carries the run now, or
 * next. It outlives a loss of power once this returns. */
int cli_post(lua_State *L)
{
    Journal    *journal = vm_of(L)->engine->journal;
    size_t      run_len, body_len;
    const char *run = luaL_checklstring(L, 1, &run_len), *body = luaL_checklstring(L, 2, &body_len);
    if (!journal) return luaL_error(L, "no journal is open");
    op_may_wait(L);
    Op *op = mem_new(sizeof *op);
    op->kind = &POST;
    journal_post(journal, (Str){run, run_len}, (Str){body, body_len}, posted, op);
    return op_await(L, op);
}
