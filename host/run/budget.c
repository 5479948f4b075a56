#include "budget.h"

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
}

static bool fits(const Budget *budget, BudgetKind kind, int64_t amount)
{
    return budget->limit[kind] < 0 || budget->spent[kind] <= budget->limit[kind] - amount;
}

Status budget_spend(Budget *budget, BudgetKind kind, int64_t amount, Err *err)
{
    for (Budget *at = budget; at; at = at->parent) {
        if (fits(at, kind, amount)) continue;
        const char *whose = at == budget ? "" : " (the limit of the run that began this one)";
        if (kind == BUDGET_USD)
            return err_set(err, ST_LIMIT,
                           "the limit of %.4f usd is reached%s; --limit usd=N gives more",
                           (double)at->limit[kind] / 1e6, whose);
        return err_set(err, ST_LIMIT, "the limit of %lld %s is reached%s; --limit %s=N gives more",
                       (long long)at->limit[kind], NAMES[kind], whose, NAMES[kind]);
    }
    budget_charge(budget, kind, amount);
    return ST_OK;
}

void budget_charge(Budget *budget, BudgetKind kind, int64_t amount)
{
    for (Budget *at = budget; at; at = at->parent)
        if (__builtin_add_overflow(at->spent[kind], amount, &at->spent[kind]))
            at->spent[kind] = INT64_MAX;
}

int64_t budget_left(const Budget *budget, BudgetKind kind)
{
    int64_t left = INT64_MAX;
    for (const Budget *at = budget; at; at = at->parent) {
        if (at->limit[kind] < 0) continue;
        int64_t here = at->limit[kind] - at->spent[kind];
        if (here < left) left = here < 0 ? 0 : here;
    }
    return left;
}

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
