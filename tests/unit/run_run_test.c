/* A run in its tree: cancelling, deadlines, what it has seen. */
#include "../../host/run/run.h"
#include "tap.h"

static Err  err;
static char cancelled[200];

static void note(Run *run)
{
    strcat(cancelled, run->agent);
    strcat(cancelled, " ");
}

static Run *make(Loop *loop, Run *parent, const char *name)
{
    Run *run = NULL;
    if (run_new(loop, NULL, parent, NULL, name, "task", NULL, &run, &err) != ST_OK) return NULL;
    run->on_cancel = note;
    return run;
}

static Loop *open_loop(void)
{
    Loop *loop = NULL;
    cancelled[0] = '\0';
    CHECK(loop_new(&loop, true, &err) == ST_OK);
    return loop;
}

TEST(cancelling_goes_from_the_leaves_to_the_root_and_the_first_reason_stays)
{
    Loop *loop = open_loop();
    Run  *top = make(loop, NULL, "top"), *child = make(loop, top, "child"),
        *leaf = make(loop, child, "leaf");
    Err first, second;
    err_set(&first, ST_CANCELLED, "first");
    err_set(&second, ST_LIMIT, "second");
    run_cancel(child, &first);
    run_cancel(top, &second);
    CHECK_TEXT(cancelled, "leaf child top ");
    CHECK_TEXT(leaf->why.text, "first");
    CHECK_TEXT(top->why.text, "second");
    CHECK(make(loop, leaf, "late") == NULL);
    CHECK(err.status == ST_CANCELLED);
    run_free(leaf);
    run_free(child);
    run_free(top);
    CHECK_INT(loop_objects(loop), 0);
    loop_free(loop);
}

TEST(a_deadline_cancels_the_run_and_a_child_has_none_later_than_its_parents)
{
    Loop *loop = open_loop();
    Run  *top = make(loop, NULL, "top"), *child = make(loop, top, "child");
    run_set_deadline(top, 100, false);
    run_set_deadline(child, 5000, false);
    CHECK_INT(run_deadline(child, false), 100);
    run_set_deadline(child, 40, false);
    while (!top->cancelled && loop_run(loop)) {
    }
    CHECK_TEXT(cancelled, "child top ");
    CHECK_INT(top->why.status, ST_LIMIT);
    run_free(child);
    run_free(top);
    CHECK_INT(loop_objects(loop), 0);
    loop_free(loop);
}

TEST(a_deadline_at_which_a_person_is_asked_cancels_nothing_and_holds_below_as_lateness)
{
    Loop *loop = open_loop();
    Run  *top = make(loop, NULL, "top"), *child = make(loop, top, "child");
    run_set_deadline(top, 100, true);
    run_set_deadline(child, 5000, false);
    CHECK_INT(run_deadline(child, false), 100);
    CHECK_INT(run_deadline(child, true), 5000);
    while (!child->cancelled && loop_run(loop)) {
    }
    CHECK_TEXT(cancelled, "child ");
    CHECK(run_late(child) == NULL);
    top->late = true;
    CHECK(run_late(child) == top);
    run_set_deadline(top, 0, false); /* the answer was no */
    while (!top->cancelled && loop_run(loop)) {
    }
    CHECK_TEXT(cancelled, "child top ");
    run_free(child);
    run_free(top);
    CHECK_INT(loop_objects(loop), 0);
    loop_free(loop);
}

static int     overdue;
static int64_t overdue_at;

static void note_overdue(Run *run, int64_t seq)
{
    (void)seq;
    overdue++;
    overdue_at = loop_now(run->loop);
}

static void end(void *arg) { run_finish(arg, "limit"); }

TEST(a_run_that_does_not_end_after_its_deadline_is_reported_once_and_one_that_ends_is_not)
{
    for (int ends = 0; ends < 2; ends++) {
        Loop *loop = open_loop();
        Run  *run = make(loop, NULL, "slow");
        run->on_overdue = note_overdue;
        overdue = 0;
        Timer  *ending = timer_new(loop, end, run);
        int64_t until = loop_now(loop) + 100;
        run_set_deadline(run, until, false);
        if (ends) timer_set(ending, until + RUN_GRACE_MS - 1);
        while (loop_run(loop)) { /* until nothing is left to wait for */
        }
        CHECK(run->cancelled);
        CHECK_INT(overdue, ends ? 0 : 1);
        if (!ends) CHECK(overdue_at >= until + RUN_GRACE_MS);
        timer_free(ending);
        run_free(run);
        CHECK_INT(loop_objects(loop), 0);
        loop_free(loop);
    }
}

TEST(ids_are_different_and_can_be_said)
{
    Loop *loop = open_loop();
    Run  *a = make(loop, NULL, "a"), *b = make(loop, NULL, "b");
    CHECK(strcmp(a->id, b->id) != 0);
    CHECK_INT(strlen(a->id), strlen("20260101-000000-abcdef"));
    CHECK_INT(strspn(a->id, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(a->id));
    run_free(a);
    run_free(b);
    loop_free(loop);
}

int main(void)
{
    loop_free(open_loop()); /* libuv keeps a pipe for signals from the first loop on */
    return tap_run();
}
