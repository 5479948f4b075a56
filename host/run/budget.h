/* budget.h -- what a run may spend, what it has spent, and what it has promised to requests.
 *
 * Why     A child draws on its parent's budget as well as on its own: a chain of a thousand
 *         children spends no more than the run that began it was given. What something costs is
 *         often known only afterwards; so the most that it may cost is reserved before, and no two
 *         requests side by side are promised the same money.
 * Use     1 budget_init(&b, parent)  2 b.limit[BUDGET_TURNS] = 50
 *         3 budget_spend(&b, BUDGET_TURNS, 1, err), or budget_reserve, then budget_settle
 *         4 budget_close when the run ends
 * Parts   A budget may have one part at a time, such as one agent's in a run: limits of its own for
 *         what is spent from budget_begin_part on, here and in children.
 * Units   Counts; BUDGET_USD in millionths of a dollar, BUDGET_WRITTEN in bytes. A limit of -1 is
 *         none. What is spent or promised never passes INT64_MAX.
 * Owner   The parent must outlive the child.
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
    X(USD, "usd")                                                                                  \
    X(WRITTEN, "written")

typedef enum BudgetKind {
#define X(name, text) BUDGET_##name,
    BUDGET_LIST(X)
#undef X
        BUDGET_COUNT
} BudgetKind;

enum { BUDGET_OWNER_MAX = 120 };

/* Somebody who waits until something reserved in the tree is settled; the shell is the caller's. */
typedef struct Budget     Budget;
typedef struct BudgetWait BudgetWait;
struct BudgetWait {
    BudgetWait *next; /* borrowed; in the list of `top` */
    Budget     *top;  /* borrowed; NULL: it does not wait */
    void (*settled)(void *arg);
    void *arg;
};

struct Budget {
    Budget     *parent; /* borrowed; NULL at the top */
    BudgetWait *waits;  /* borrowed list; at the top only */
    int64_t     limit[BUDGET_COUNT];
    int64_t     spent[BUDGET_COUNT];
    int64_t     promised[BUDGET_COUNT];   /* reserved here and in children, and not settled */
    int64_t     reserved[BUDGET_COUNT];   /* of that, by this budget itself */
    int64_t     part_limit[BUDGET_COUNT]; /* of the part under way */
    int64_t     part_before[BUDGET_COUNT];
    int64_t     wrote; /* bytes by this run itself that stand in none of its records yet */
    char        part_owner[BUDGET_OWNER_MAX]; /* whose part it is */
};

void              budget_init(Budget *budget, Budget *parent);
MUST_CHECK Status budget_spend(Budget *budget, BudgetKind kind, int64_t amount, Err *err);

/* Records what has been spent already (what a command wrote), also beyond the limit; the next
 * budget_spend refuses then. */
void budget_charge(Budget *budget, BudgetKind kind, int64_t amount);

/* Sets `amount` aside until budget_settle, which gives it back and charges what was spent of it.
 * Settling more than was reserved settles what there is. */
MUST_CHECK Status budget_reserve(Budget *budget, BudgetKind kind, int64_t amount, Err *err);
void              budget_settle(Budget *budget, BudgetKind kind, int64_t reserved, int64_t spent);

/* Tells once, from within the next budget_settle of any reservation in the tree; a `settled` only
 * records. budget_wait_end leaves the list; also when it was told, or never waited. */
void budget_wait(Budget *budget, BudgetWait *wait);
void budget_wait_end(BudgetWait *wait);

/* The end of a run: what it reserved and never settled is spent. Its children are closed before. */
void budget_close(Budget *budget);

/* Begins a part, in place of the one before; without any limit until they are set. */
void budget_begin_part(Budget *budget, const char *owner);

/* Whose limit leaves less than `amount`: this budget, or the nearest above it; NULL: nobody's.
 * `of_part`: it is the limit of the part under way there. */
Budget *budget_short(Budget *budget, BudgetKind kind, int64_t amount, bool *of_part);

/* Gives `amount` more of one limit, where there is one: its own, or that of the part under way. */
void budget_raise(Budget *budget, BudgetKind kind, int64_t amount, bool of_part);

/* What is left here, of the part, and in every parent; INT64_MAX when nothing limits it.
 * budget_free counts as left what is promised: so much there will be if nothing of it is spent. */
int64_t budget_left(const Budget *budget, BudgetKind kind);
int64_t budget_free(const Budget *budget, BudgetKind kind);

const char *budget_name(BudgetKind kind);
bool        budget_kind(const char *name, BudgetKind *kind);

#endif
