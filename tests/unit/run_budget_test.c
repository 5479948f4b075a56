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

TEST(what_is_reserved_is_nobody_elses_until_it_is_settled)
{
    Budget top, one, other;
    budget_init(&top, NULL);
    budget_init(&one, &top);
    budget_init(&other, &top);
    top.limit[BUDGET_USD] = 1000;
    CHECK(budget_reserve(&one, BUDGET_USD, 700, &err) == ST_OK);
    CHECK_INT(budget_left(&other, BUDGET_USD), 300);
    CHECK_INT(budget_free(&other, BUDGET_USD), 1000);
    CHECK(budget_reserve(&other, BUDGET_USD, 301, &err) == ST_LIMIT);
    CHECK(budget_reserve(&other, BUDGET_USD, 300, &err) == ST_OK);
    CHECK_INT(top.spent[BUDGET_USD], 0); /* promised is not spent */
    budget_settle(&one, BUDGET_USD, 700, 150);
    CHECK_INT(top.spent[BUDGET_USD], 150);
    CHECK_INT(budget_left(&other, BUDGET_USD), 550);
    budget_settle(&other, BUDGET_USD, 5000, 300); /* more than there is settles what there is */
    CHECK_INT(top.promised[BUDGET_USD], 0);
    CHECK_INT(budget_left(&one, BUDGET_USD), 550);
    CHECK_INT(budget_free(&one, BUDGET_USD), 550);
}

TEST(a_child_has_a_slice_and_what_it_leaves_of_it_is_its_parents)
{
    Budget top, child, sibling;
    budget_init(&top, NULL);
    budget_init(&child, &top);
    budget_init(&sibling, &top);
    top.limit[BUDGET_TOKENS] = 1000;
    child.limit[BUDGET_TOKENS] = 400;
    CHECK_INT(budget_left(&child, BUDGET_TOKENS), 400);
    CHECK(budget_reserve(&child, BUDGET_TOKENS, 401, &err) == ST_LIMIT);
    CHECK_TEXT(err.text, "the limit of 400 tokens that this run was begun with is reached; "
                         "`limits` of the run.ask or chain gives more");
    CHECK(budget_spend(&child, BUDGET_TOKENS, 100, &err) == ST_OK);
    CHECK(budget_spend(&sibling, BUDGET_TOKENS, 700, &err) == ST_OK);
    CHECK_INT(budget_left(&child, BUDGET_TOKENS), 200); /* never more than is left above */
    CHECK(budget_reserve(&child, BUDGET_TOKENS, 150, &err) == ST_OK);
    CHECK_INT(budget_left(&sibling, BUDGET_TOKENS), 50);
    budget_settle(&child, BUDGET_TOKENS, 150, 0);
    CHECK_INT(budget_left(&sibling, BUDGET_TOKENS), 200);
}

TEST(what_a_run_reserved_and_never_settled_is_spent_when_it_ends)
{
    Budget top, child;
    budget_init(&top, NULL);
    budget_init(&child, &top);
    CHECK(budget_reserve(&child, BUDGET_USD, 25, &err) == ST_OK);
    CHECK(budget_reserve(&top, BUDGET_USD, 10, &err) == ST_OK);
    budget_close(&child);
    budget_close(&child); /* once only */
    CHECK_INT(top.spent[BUDGET_USD], 25);
    CHECK_INT(top.promised[BUDGET_USD], 10);
    CHECK_INT(child.promised[BUDGET_USD], 0);
}

TEST(a_part_counts_from_where_it_begins_with_children_and_promises)
{
    Budget run, child;
    budget_init(&run, NULL);
    budget_init(&child, &run);
    run.limit[BUDGET_TURNS] = 100;
    CHECK(budget_spend(&run, BUDGET_TURNS, 50, &err) == ST_OK);
    budget_begin_part(&run, "careful-agent");
    run.part_limit[BUDGET_TURNS] = 3;
    CHECK_INT(budget_left(&child, BUDGET_TURNS), 3);
    CHECK(budget_spend(&child, BUDGET_TURNS, 1, &err) == ST_OK);
    CHECK(budget_reserve(&run, BUDGET_TURNS, 1, &err) == ST_OK);
    CHECK(budget_spend(&run, BUDGET_TURNS, 2, &err) == ST_LIMIT);
    CHECK_TEXT(err.text, "the limit of 3 turns of careful-agent's part is reached");
    CHECK_INT(budget_free(&run, BUDGET_TURNS), 2);
    budget_settle(&run, BUDGET_TURNS, 1, 1);
    budget_begin_part(&run, "other-agent");
    CHECK_INT(budget_left(&run, BUDGET_TURNS), 48);
}

TEST(a_raise_is_of_the_one_limit_that_was_short)
{
    Budget top, child;
    budget_init(&top, NULL);
    budget_init(&child, &top);
    top.limit[BUDGET_CALLS] = 10;
    child.limit[BUDGET_CALLS] = 2;
    budget_begin_part(&child, "a");
    child.part_limit[BUDGET_CALLS] = 2;
    CHECK(budget_spend(&child, BUDGET_CALLS, 2, &err) == ST_OK);
    bool of_part = true;
    CHECK(budget_short(&child, BUDGET_CALLS, 1, &of_part) == &child);
    CHECK(!of_part);
    budget_raise(&child, BUDGET_CALLS, 5, false);
    CHECK_INT(child.limit[BUDGET_CALLS], 7);
    CHECK_INT(child.part_limit[BUDGET_CALLS], 2);
    CHECK(budget_short(&child, BUDGET_CALLS, 1, &of_part) == &child);
    CHECK(of_part);
    budget_raise(&child, BUDGET_CALLS, 20, true);
    CHECK_INT(budget_left(&child, BUDGET_CALLS), 5);
    CHECK(budget_short(&child, BUDGET_CALLS, 5, &of_part) == NULL);
    CHECK(budget_short(&child, BUDGET_CALLS, 6, &of_part) == &child);
    budget_raise(&child, BUDGET_CALLS, 20, false);
    CHECK(budget_short(&child, BUDGET_CALLS, 9, &of_part) == &top);
    CHECK_INT(top.limit[BUDGET_CALLS], 10);
    budget_raise(&child, BUDGET_TURNS, 20, false);
    CHECK_INT(child.limit[BUDGET_TURNS], -1); /* what has no limit gets none */
}

static int told;

static void tell(void *arg)
{
    (void)arg;
    told++;
}

TEST(who_waits_is_told_once_when_anything_in_the_tree_is_settled)
{
    Budget     top, one, other;
    BudgetWait wait = {.settled = tell}, gone = {.settled = tell};
    told = 0;
    budget_init(&top, NULL);
    budget_init(&one, &top);
    budget_init(&other, &top);
    CHECK(budget_reserve(&one, BUDGET_USD, 5, &err) == ST_OK);
    budget_wait(&other, &wait);
    budget_wait(&other, &gone);
    budget_wait_end(&gone);
    budget_charge(&one, BUDGET_USD, 1);
    CHECK_INT(told, 0);
    budget_settle(&one, BUDGET_USD, 2, 2);
    CHECK_INT(told, 1);
    budget_settle(&one, BUDGET_USD, 3, 3);
    CHECK_INT(told, 1);
    budget_wait_end(&wait);
    budget_wait_end(&gone);
    CHECK(top.waits == NULL);
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
