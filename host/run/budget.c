#include "budget.h"

#include <stdio.h>
#include <string.h>

static const char *const NAMES[] = {
#define X(name, text) text,
    BUDGET_LIST(X)
#undef X
};

void budget_init(Budget *budget, Budget *parent)
{
    *budget = (Budget){.parent = parent};
    for (int kind = 0; kind < BUDGET_COUNT; kind++) budget->limit[kind] = -1;
    budget_begin_part(budget, "");
}

void budget_begin_part(Budget *budget, const char *owner)
{
    snprintf(budget->part_owner, sizeof budget->part_owner, "%s", owner);
    for (int kind = 0; kind < BUDGET_COUNT; kind++) {
        budget->part_limit[kind] = -1;
        budget->part_before[kind] = budget->spent[kind];
    }
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t both;
    return __builtin_add_overflow(a, b, &both) ? INT64_MAX : both;
}

/* What a limit leaves; below 0 where it is passed. Amounts are never negative. */
static int64_t own_left(const Budget *budget, BudgetKind kind)
{
    if (budget->limit[kind] < 0) return INT64_MAX;
    return budget->limit[kind] - sum(budget->spent[kind], budget->promised[kind]);
}

static int64_t part_left(const Budget *budget, BudgetKind kind)
{
    if (budget->part_limit[kind] < 0) return INT64_MAX;
    int64_t used = budget->spent[kind] - budget->part_before[kind];
    return budget->part_limit[kind] - sum(used, budget->promised[kind]);
}

/* "3 turns", "1 call", "0.4000 usd", "2048 bytes written" */
static void put_amount(char *out, size_t size, BudgetKind kind, int64_t amount)
{
    if (kind == BUDGET_USD)
        snprintf(out, size, "%.4f usd", (double)amount / 1e6);
    else if (kind == BUDGET_WRITTEN)
        snprintf(out, size, "%lld bytes written", (long long)amount);
    else if (amount == 1)
        snprintf(out, size, "1 %.*s", kind == BUDGET_CHILDREN ? 5 : (int)strlen(NAMES[kind]) - 1,
                 NAMES[kind]);
    else
        snprintf(out, size, "%lld %s", (long long)amount, NAMES[kind]);
}

static Status refuse(const Budget *budget, const Budget *at, BudgetKind kind, bool part, Err *err)
{
    char amount[60];
    put_amount(amount, sizeof amount, kind, part ? at->part_limit[kind] : at->limit[kind]);
    if (part)
        return err_set(err, ST_LIMIT, "the limit of %s of %s's part is reached", amount,
                       at->part_owner);
    if (at->parent && at == budget)
        return err_set(err, ST_LIMIT,
                       "the limit of %s that this run was begun with is reached; `limits` of the "
                       "run.ask or chain gives more",
                       amount);
    const char *whose = at == budget ? "" : " (the limit of the run that began this one)";
    return err_set(err, ST_LIMIT, "the limit of %s is reached%s; --limit %s=N gives more", amount,
                   whose, NAMES[kind]);
}

static Status check(Budget *budget, BudgetKind kind, int64_t amount, Err *err)
{
    bool    of_part;
    Budget *at = budget_short(budget, kind, amount, &of_part);
    return at ? refuse(budget, at, kind, of_part, err) : ST_OK;
}

Status budget_spend(Budget *budget, BudgetKind kind, int64_t amount, Err *err)
{
    Status status = check(budget, kind, amount, err);
    if (status == ST_OK) budget_charge(budget, kind, amount);
    return status;
}

void budget_charge(Budget *budget, BudgetKind kind, int64_t amount)
{
    for (Budget *at = budget; at; at = at->parent) at->spent[kind] = sum(at->spent[kind], amount);
    if (kind == BUDGET_WRITTEN) budget->wrote = sum(budget->wrote, amount);
}

Status budget_reserve(Budget *budget, BudgetKind kind, int64_t amount, Err *err)
{
    Status status = check(budget, kind, amount, err);
    if (status != ST_OK) return status;
    budget->reserved[kind] = sum(budget->reserved[kind], amount);
    for (Budget *at = budget; at; at = at->parent)
        at->promised[kind] = sum(at->promised[kind], amount);
    return ST_OK;
}

static Budget *top_of(Budget *budget)
{
    while (budget->parent) budget = budget->parent;
    return budget;
}

static void tell_waits(Budget *top)
{
    BudgetWait *wait = top->waits;
    top->waits = NULL;
    while (wait) {
        BudgetWait *next = wait->next;
        wait->top = NULL;
        wait->settled(wait->arg);
        wait = next;
    }
}

void budget_wait(Budget *budget, BudgetWait *wait)
{
    wait->top = top_of(budget);
    wait->next = wait->top->waits;
    wait->top->waits = wait;
}

void budget_wait_end(BudgetWait *wait)
{
    if (!wait->top) return;
    BudgetWait **at = &wait->top->waits;
    while (*at != wait) at = &(*at)->next;
    *at = wait->next;
    wait->top = NULL;
}

void budget_settle(Budget *budget, BudgetKind kind, int64_t reserved, int64_t spent)
{
    if (reserved > budget->reserved[kind]) reserved = budget->reserved[kind];
    budget->reserved[kind] -= reserved;
    for (Budget *at = budget; at; at = at->parent) at->promised[kind] -= reserved;
    budget_charge(budget, kind, spent);
    if (reserved > 0) tell_waits(top_of(budget));
}

void budget_close(Budget *budget)
{
    for (int kind = 0; kind < BUDGET_COUNT; kind++)
        budget_settle(budget, (BudgetKind)kind, budget->reserved[kind], budget->reserved[kind]);
}

Budget *budget_short(Budget *budget, BudgetKind kind, int64_t amount, bool *of_part)
{
    for (Budget *at = budget; at; at = at->parent) {
        int64_t own = own_left(at, kind), part = part_left(at, kind);
        *of_part = part < own;
        if (own < amount || part < amount) return at;
    }
    return NULL;
}

void budget_raise(Budget *budget, BudgetKind kind, int64_t amount, bool of_part)
{
    int64_t *limit = of_part ? &budget->part_limit[kind] : &budget->limit[kind];
    if (*limit >= 0) *limit = sum(*limit, amount);
}

/* The least that any limit leaves, where `promised` counts as left too or does not. */
static int64_t least(const Budget *budget, BudgetKind kind, bool promised)
{
    int64_t left = INT64_MAX;
    for (const Budget *at = budget; at; at = at->parent) {
        const int64_t both[] = {own_left(at, kind), part_left(at, kind)};
        for (int i = 0; i < 2; i++) {
            if (both[i] == INT64_MAX) continue;
            int64_t here = promised ? sum(both[i], at->promised[kind]) : both[i];
            if (here < left) left = here < 0 ? 0 : here;
        }
    }
    return left;
}

int64_t budget_left(const Budget *budget, BudgetKind kind) { return least(budget, kind, false); }

int64_t budget_free(const Budget *budget, BudgetKind kind) { return least(budget, kind, true); }

const char *budget_name(BudgetKind kind) { return NAMES[kind]; }

bool budget_kind(const char *name, BudgetKind *kind)
{
    for (int at = 0; at < BUDGET_COUNT; at++) {
        if (strcmp(NAMES[at], name) != 0) continue;
        *kind = (BudgetKind)at;
        return true;
    }
    return false;
}
