#include "wait.h"

#include "../base/mem.h"
#include "bind.h"
#include "op.h"

#include <stdlib.h>
#include <string.h>

typedef enum WaitKind { WAIT_PERSON, WAIT_GATE, WAIT_CLOCK } WaitKind; /* as KINDS in wait_await */

typedef struct Wait {
    Op           op; /* first */
    Engine      *engine;
    Run         *run;   /* borrowed; outlives the wait, which is cancelled first */
    Timer       *timer; /* owned; NULL without a deadline */
    char        *key;   /* owned */
    char        *text;  /* owned; what it was woken with */
    size_t       text_len;
    WaitKind     kind;
    struct Wait *next;
} Wait;

static void leave(Wait *wait)
{
    Wait **at = &wait->engine->waits;
    while (*at && *at != wait) at = &(*at)->next;
    if (*at) *at = wait->next;
}

static void wait_free(Op *op)
{
    Wait *wait = (Wait *)op;
    leave(wait);
    timer_free(wait->timer);
    free(wait->key);
    free(wait->text);
    free(wait);
}

static void wait_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "the wait was cancelled");
    leave((Wait *)op);
    op_finish(op, &why);
}

static int wait_push(Op *op, lua_State *L)
{
    Wait *wait = (Wait *)op;
    lua_pushlstring(L, wait->text, wait->text_len);
    return 1;
}

static const OpKind WAIT = {"run.wait", wait_cancel, wait_push, wait_free};

static void timed_out(void *arg)
{
    Wait *wait = arg;
    Err   why;
    err_set(&why, ST_TIMEOUT, "nobody came in time");
    leave(wait);
    op_finish(&wait->op, &why);
}

int wait_await(lua_State *L)
{
    static const char *const KINDS[] = {"person", "gate", "clock", NULL};
    static const char *const KEYS[] = {"kind", "key", "ms", NULL};
    Run                     *run = bind_check_run(L, 1);
    Engine                  *engine = vm_of(L)->engine;
    luaL_checktype(L, 2, LUA_TTABLE);
    opt_only(L, 2, "wait", KEYS);
    lua_Integer ms = opt_integer(L, 2, "ms", -1);
    const char *key = opt_text(L, 2, "key", NULL);
    luaL_argcheck(L, key, 2, "key is missing");
    lua_getfield(L, 2, "kind");
    WaitKind kind = (WaitKind)luaL_checkoption(L, -1, NULL, KINDS);
    op_may_wait(L);
    Wait *wait = mem_new(sizeof *wait);
    wait->op.kind = &WAIT;
    wait->op.passive = true;
    wait->engine = engine;
    wait->run = run;
    wait->key = mem_text(key);
    wait->kind = kind;
    if (ms >= 0) {
        wait->timer = timer_new(engine->loop, timed_out, wait);
        timer_set(wait->timer, clock_deadline(loop_clock(engine->loop), ms));
    }
    wait->next = engine->waits;
    engine->waits = wait;
    return op_await(L, &wait->op);
}

int wait_wake(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    size_t      len;
    const char *key = luaL_checkstring(L, 2), *text = luaL_checklstring(L, 3, &len);
    Wait       *wait = vm_of(L)->engine->waits;
    while (wait && (wait->run != run || strcmp(wait->key, key) != 0)) wait = wait->next;
    if (wait) {
        wait->text = mem_new(len + 1);
        for (size_t i = 0; i < len; i++) wait->text[i] = text[i];
        wait->text_len = len;
        leave(wait);
        op_finish_ok(&wait->op);
    }
    lua_pushboolean(L, wait != NULL);
    return 1;
}

/* -- when nothing moves ------------------------------------------------------------------------ */

static bool moves(const Run *run)
{
    for (const Task *task = run->tasks; task; task = task->next_of_run)
        if (task->queued || !task->op || task->op->finished || !task->op->passive) return true;
    for (const Run *child = run->first_child; child; child = child->next_sibling)
        if (moves(child)) return true;
    return false;
}

static Run *top_of(Run *run)
{
    while (run->parent) run = run->parent;
    return run;
}

static void park(Run *run)
{
    for (Run *child = run->first_child; child; child = child->next_sibling) park(child);
    run->parked = true;
}

/* Fails the gates of a tree; false where it has none. */
static bool fail_gates(Engine *engine, const Run *top)
{
    Err   why;
    bool  any = false;
    Wait *next;
    err_set(&why, ST_NOT_FOUND, "nothing leads to what this waits for");
    for (Wait *wait = engine->waits; wait; wait = next) {
        next = wait->next;
        if (wait->kind != WAIT_GATE || top_of(wait->run) != top) continue;
        leave(wait);
        op_finish(&wait->op, &why);
        any = true;
    }
    return any;
}

void wait_look(Engine *engine)
{
    Err why;
    for (Run *top = engine->runs; top; top = top->next_sibling) {
        bool any = false;
        for (Wait *wait = engine->waits; wait && !any; wait = wait->next)
            any = wait->kind != WAIT_CLOCK && top_of(wait->run) == top;
        if (!any || top->cancelled || moves(top) || fail_gates(engine, top)) continue;
        park(top);
        err_set(&why, ST_WAITING, "nothing goes on without a person");
        run_cancel(top, &why);
    }
}
