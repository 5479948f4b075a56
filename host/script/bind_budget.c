/* What a run may spend, as lua/lib sees it: methods of the Run in the host VM. Amounts are whole
 * numbers; dollars come in millionths. */
#include "bind.h"

#include "../base/mem.h"

#include <stdlib.h>

static Budget *check_budget(lua_State *L) { return &bind_check_run(L, 1)->budget; }

static BudgetKind check_kind(lua_State *L, int index)
{
    BudgetKind  kind;
    const char *name = luaL_checkstring(L, index);
    if (!budget_kind(name, &kind)) luaL_error(L, "no budget is called '%s'", name);
    return kind;
}

static int64_t check_amount(lua_State *L, int index)
{
    lua_Integer amount = luaL_checkinteger(L, index);
    luaL_argcheck(L, amount >= 0, index, "an amount is not below 0");
    return amount;
}

static int answer(lua_State *L, Status status, const Err *err)
{
    if (status == ST_OK) {
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushnil(L);
    op_push_error(L, err);
    return 2;
}

/* run:spend(kind, amount), run:reserve(kind, amount) -> true | nil, err */
int bind_budget_spend(lua_State *L)
{
    Err err;
    err_clear(&err);
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    return answer(L, budget_spend(budget, kind, check_amount(L, 3), &err), &err);
}

int bind_budget_reserve(lua_State *L)
{
    Err err;
    err_clear(&err);
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    return answer(L, budget_reserve(budget, kind, check_amount(L, 3), &err), &err);
}

/* run:charge(kind, amount): what was spent before, or is known only afterwards. */
int bind_budget_charge(lua_State *L)
{
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    int64_t    wrote = budget->wrote;
    budget_charge(budget, kind, check_amount(L, 3));
    budget->wrote = wrote; /* what Lua charges stands in a record already */
    return 0;
}

/* run:wrote() -> bytes that the run itself wrote since it was last asked; nil: none */
int bind_budget_wrote(lua_State *L)
{
    Budget *budget = check_budget(L);
    if (budget->wrote > 0)
        lua_pushinteger(L, budget->wrote);
    else
        lua_pushnil(L);
    budget->wrote = 0;
    return 1;
}

/* run:settle(kind, reserved, spent) */
int bind_budget_settle(lua_State *L)
{
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    int64_t    reserved = check_amount(L, 3), spent = check_amount(L, 4);
    budget_settle(budget, kind, reserved, spent);
    return 0;
}

/* run:spent() -> { turns = n, ... } */
int bind_budget_spent(lua_State *L)
{
    Budget *budget = check_budget(L);
    lua_createtable(L, 0, BUDGET_COUNT);
    for (int kind = 0; kind < BUDGET_COUNT; kind++) {
        lua_pushinteger(L, budget->spent[kind]);
        lua_setfield(L, -2, budget_name((BudgetKind)kind));
    }
    return 1;
}

static void push_left(lua_State *L, int64_t left)
{
    if (left == INT64_MAX)
        lua_pushnil(L);
    else
        lua_pushinteger(L, left);
}

/* run:left(kind) -> n, and what it will be if nothing is spent of what is promised to requests; nil
 * when nothing limits it */
int bind_budget_left(lua_State *L)
{
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    push_left(L, budget_left(budget, kind));
    push_left(L, budget_free(budget, kind));
    return 2;
}

/* run:limit(kind, most[, of_part]): of the run, or of the part under way */
int bind_budget_limit(lua_State *L)
{
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    int64_t    most = check_amount(L, 3);
    if (lua_toboolean(L, 4))
        budget->part_limit[kind] = most;
    else
        budget->limit[kind] = most;
    return 0;
}

/* run:short(kind, amount) -> id of the run whose limit leaves less than that, itself or one above,
 * and whether it is the limit of its part; nil: nobody's */
int bind_budget_short(lua_State *L)
{
    Run       *run = bind_check_run(L, 1);
    BudgetKind kind = check_kind(L, 2);
    bool       of_part;
    Budget    *at = budget_short(&run->budget, kind, check_amount(L, 3), &of_part);
    if (!at) return 0;
    while (&run->budget != at) run = run->parent;
    lua_pushstring(L, run->id);
    lua_pushboolean(L, of_part);
    return 2;
}

/* run:raise(kind, amount[, of_part]): so much more of its own limit, or of its part's */
int bind_budget_raise(lua_State *L)
{
    Budget    *budget = check_budget(L);
    BudgetKind kind = check_kind(L, 2);
    budget_raise(budget, kind, check_amount(L, 3), lua_toboolean(L, 4));
    return 0;
}

/* run:begin_part(owner): what is spent from here on is a part's, with limits of its own */
int bind_budget_begin_part(lua_State *L)
{
    budget_begin_part(check_budget(L), luaL_checkstring(L, 2));
    return 0;
}

/* -- waiting ----------------------------------------------------------------------------------- */

typedef struct SettledOp {
    Op         op; /* first */
    BudgetWait wait;
} SettledOp;

static void settled_cancel(Op *op)
{
    SettledOp *mine = (SettledOp *)op;
    Err        err;
    budget_wait_end(&mine->wait);
    err_set(&err, ST_CANCELLED, "waiting for a request to end was cancelled");
    op_finish(op, &err);
}

static int settled_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void settled_free(Op *op)
{
    budget_wait_end(&((SettledOp *)op)->wait);
    free(op);
}

static const OpKind SETTLED = {"run.settled", settled_cancel, settled_push, settled_free};

static void on_settled(void *arg) { op_finish_ok(arg); }

/* run:settled(): waits until a request of the tree that had something reserved has ended. Only
 * where there is one, so that somebody will end it. */
int bind_budget_settled(lua_State *L)
{
    Budget *budget = check_budget(L);
    op_may_wait(L);
    SettledOp *mine = mem_new(sizeof *mine);
    mine->op.kind = &SETTLED;
    mine->wait.settled = on_settled;
    mine->wait.arg = &mine->op;
    budget_wait(budget, &mine->wait);
    return op_await(L, &mine->op);
}
