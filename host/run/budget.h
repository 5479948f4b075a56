/* budget.h -- what a run may spend, and what it has spent.
 *
 * Why     A child draws on its parent's budget as well as on its own: a chain of a thousand
 * children spends no more than the run that began it was given. Use     budget_init(&b, parent) ->
 * b.limit[BUDGET_TURNS] = 50 -> budget_spend(&b, BUDGET_TURNS, 1, err) Units   Counts; BUDGET_USD
 * in millionths of a dollar. A limit of -1 is none. Owner   The parent must outlive the child.
 * Errors  ST_LIMIT names the budget, the limit and whose it is; nothing is spent then.
 */
#ifndef HOST_RUN_BUDGET_H
#define HOST_RUN_BUDGET_H

#include "../base/status.h"

#include <stdint.h>

#define BUDGET_LIST(X)                                                                             \
    X(TURNS, "turns")                                                                              \
    X(CALLS, "calls")                                                                              \
    X(HOPS, "hops")                                                                                \
    X(CHILDREN, "children")                                                                        \
    X(TOKENS, "tokens")                                                                            \
    X(USD, "usd")

typedef enum BudgetKind {
#define X(name, text) BUDGET_##name,
    BUDGET_LIST(X)
#undef X
        BUDGET_COUNT
} BudgetKind;

typedef struct Budget Budget;
struct Budget {
    Budget *parent; /* borrowed; NULL at the top */
    int64_t limit[BUDGET_COUNT];
    int64_t spent[BUDGET_COUNT];
};

void              budget_init(Budget *budget, Budget *parent);
MUST_CHECK Status budget_spend(Budget *budget, BudgetKind kind, int64_t amount, Err *err);

/* Records what has been spent already (tokens of a reply, its price), also beyond the limit; the
 * next budget_spend refuses then. */
void budget_charge(Budget *budget, BudgetKind kind, int64_t amount);

/* What is left here and in every parent; INT64_MAX when nothing limits it. */
int64_t budget_left(const Budget *budget, BudgetKind kind);

const char *budget_name(BudgetKind kind);
bool        budget_kind(const char *name, BudgetKind *kind);

#endif
