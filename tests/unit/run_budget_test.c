/* What runs may spend, in a tree. */
#include "../../host/run/budget.h"
#include "tap.h"

static Err err;

TEST(a_child_spends_from_every_budget_above_it)
{
    Budget top, middle, leaf;
    budget_init(&top, NULL);
    budget_init(&middle, &top);
    budget_init(&leaf, &middle);
    top.limit[BUDGET_TURNS] = 3;
    CHECK(budget_left(&leaf, BUDGET_TURNS) == 3);
    CHECK(budget_spend(&leaf, BUDGET_TURNS, 2, &err) == ST_OK);
    CHECK_INT(top.spent[BUDGET_TURNS], 2);
    CHECK_INT(budget_left(&middle, BUDGET_TURNS), 1);
    CHECK(budget_spend(&leaf, BUDGET_TURNS, 2, &err) == ST_LIMIT);
    CHECK_INT(leaf.spent[BUDGET_TURNS], 2); /* nothing is spent by a refusal */
    CHECK_INT(top.spent[BUDGET_TURNS], 2);
    CHECK(strstr(err.text, "the limit of the run that began this one") != NULL);
    CHECK(budget_spend(&leaf, BUDGET_TURNS, 1, &err) == ST_OK);
    CHECK_INT(budget_left(&leaf, BUDGET_TURNS), 0);
}

TEST(without_a_limit_all_is_left_and_a_limit_of_nothing_leaves_nothing)
{
    Budget budget;
    budget_init(&budget, NULL);
    CHECK(budget_left(&budget, BUDGET_USD) == INT64_MAX);
    budget.limit[BUDGET_CALLS] = 0;
    CHECK(budget_spend(&budget, BUDGET_CALLS, 0, &err) == ST_OK);
    CHECK(budget_spend(&budget, BUDGET_CALLS, 1, &err) == ST_LIMIT);
    CHECK_TEXT(err.text, "the limit of 0 calls is reached; --limit calls=N gives more");
}

TEST(what_was_spent_already_counts_beyond_the_limit_and_never_overflows)
{
    Budget budget;
    budget_init(&budget, NULL);
    budget.limit[BUDGET_USD] = 1000000;
    budget_charge(&budget, BUDGET_USD, 2500000);
    CHECK_INT(budget_left(&budget, BUDGET_USD), 0);
    CHECK(budget_spend(&budget, BUDGET_USD, 0, &err) == ST_LIMIT);
    CHECK_TEXT(err.text, "the limit of 1.0000 usd is reached; --limit usd=N gives more");
    budget_charge(&budget, BUDGET_TOKENS, INT64_MAX);
    budget_charge(&budget, BUDGET_TOKENS, INT64_MAX);
    CHECK(budget.spent[BUDGET_TOKENS] == INT64_MAX);
}

TEST(every_budget_is_found_by_its_name)
{
    for (int kind = 0; kind < BUDGET_COUNT; kind++) {
        BudgetKind found = BUDGET_COUNT;
        CHECK(budget_kind(budget_name((BudgetKind)kind), &found));
        CHECK_INT(found, kind);
    }
    BudgetKind found;
    CHECK(!budget_kind("money", &found));
}

int main(void) { return tap_run(); }
