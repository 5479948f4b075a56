/* A run once more, up to one of its records: what is copied, what it is called, what is refused. */
#include "store_support.h"

/* Appends one record of a kind; its body names another run where `names` does. */
static void put(Shelf *shelf, const char *run, int64_t seq, const char *kind, const char *body)
{
    Answer answer = {.loop = shelf->loop};
    Record record = {str_from(run), seq, 1000 + seq, str_from(kind), str_from(body)};
    journal_claim(shelf->journal, record.run, NULL, NULL);
    journal_append(shelf->journal, &record, DURABLE_PROCESS, on_answer, &answer);
    while (!answer.came && loop_run(shelf->loop)) continue;
    CHECK_INT(answer.outcome.status, ST_OK);
}

static void put_run(Shelf *shelf, const char *run, const char *parent, const char *status)
{
    RunRow row = {.run = str_from(run),
                  .parent = str_from(parent),
                  .agent = STR("writer"),
                  .task = STR("write"),
                  .status = str_from(status),
                  .started_ms = 500};
    journal_claim(shelf->journal, row.run, NULL, NULL);
    journal_put_run(shelf->journal, &row);
}

/* "top" asks one child, which asks another, then a second one:
 *
 *     top    1 started  2 child a                      3 child.finished a   4 child b      5
 * finished a               1 started  2 child c  3 finished c                            1 started
 *     b                                                                      1 started */
static void tell(Shelf *shelf)
{
    put_run(shelf, "top", "", "ok");
    put(shelf, "top", 1, "run.started", "{\"task\":\"t\",\"files\":{\"x.lua\":\"00\"}}");
    put_run(shelf, "a", "top", "ok");
    put(shelf, "top", 2, "child", "{\"at\":\"1\",\"run\":\"a\",\"task\":\"a and top\"}");
    put(shelf, "a", 1, "run.started", "{\"parent\":\"top\",\"n\":9007199254740993}");
    put_run(shelf, "c", "a", "running");
    put(shelf, "a", 2, "child", "{\"run\":\"c\"}");
    put(shelf, "c", 1, "run.started", "{\"parent\":\"a\"}");
    put(shelf, "a", 3, "run.finished", "{\"status\":\"ok\"}");
    put(shelf, "top", 3, "child.finished", "{\"at\":\"1\",\"run\":\"a\",\"status\":\"ok\"}");
    put_run(shelf, "b", "top", "ok");
    put(shelf, "top", 4, "child", "{\"run\":\"b\"}");
    put(shelf, "b", 1, "run.started", "{\"parent\":\"top\"}");
    put(shelf, "top", 5, "run.finished", "{\"status\":\"ok\"}");
}

static Err fork_now(Shelf *shelf, const char *of, int64_t at)
{
    Answer answer = {.loop = shelf->loop};
    Record next = {STR("new"), at + 1, 9000, STR("run.resumed"), STR("{\"by\":\"fork\"}")};
    journal_fork(shelf->journal, str_from(of), &next, on_answer, &answer);
    while (!answer.came && loop_run(shelf->loop)) continue;
    CHECK(answer.came);
    return answer.outcome;
}

static bool list_row(void *arg, const RunRow *row)
{
    char *text = arg;
    snprintf(text + strlen(text), 300 - strlen(text), "%.*s<%.*s:%.*s:%lld ", STR_ARG(row->run),
             STR_ARG(row->parent), STR_ARG(row->status), (long long)row->records);
    return true;
}

static const char *tree_of(Shelf *shelf, const char *run)
{
    static char text[300];
    Err         err;
    text[0] = '\0';
    CHECK(journal_list(shelf->journal, (RunFilter){.tree = str_from(run), .most = -1}, list_row, text, &err) == ST_OK);
    return text;
}

static bool list_record(void *arg, const Record *record)
{
    char *text = arg;
    snprintf(text + strlen(text), 600 - strlen(text), "%lld %.*s %.*s\n", (long long)record->seq,
             STR_ARG(record->kind), STR_ARG(record->body));
    return true;
}

static const char *records_of(Shelf *shelf, const char *run)
{
    static char text[600];
    Err         err;
    text[0] = '\0';
    CHECK(journal_read(shelf->journal, str_from(run), 1, list_record, text, &err) == ST_OK);
    return text;
}

TEST(a_copy_has_all_that_was_written_by_then_under_its_own_names)
{
    Shelf shelf;
    shelf_begin(&shelf);
    tell(&shelf);
    CHECK_INT(fork_now(&shelf, "top", 3).status, ST_OK);
    CHECK_TEXT(records_of(&shelf, "new"),
               "1 run.started {\"task\":\"t\",\"files\":{\"x.lua\":\"00\"}}\n"
               "2 child {\"at\":\"1\",\"run\":\"new.1\",\"task\":\"a and top\"}\n"
               "3 child.finished {\"at\":\"1\",\"run\":\"new.1\",\"status\":\"ok\"}\n"
               "4 run.resumed {\"by\":\"fork\"}\n");
    CHECK_TEXT(records_of(&shelf, "new.1"),
               "1 run.started {\"parent\":\"new\",\"n\":9007199254740993}\n"
               "2 child {\"run\":\"new.2\"}\n"
               "3 run.finished {\"status\":\"ok\"}\n");
    CHECK_TEXT(records_of(&shelf, "new.2"), "1 run.started {\"parent\":\"new.1\"}\n");
    CHECK_TEXT(tree_of(&shelf, "new"), "new<:interrupted:4 new.1<new:ok:3 "
                                       "new.2<new.1:interrupted:1 ");
    CHECK_TEXT(tree_of(&shelf, "top"), "top<:ok:5 a<top:ok:3 c<a:running:1 b<top:ok:1 ");
    shelf_end(&shelf);
}

TEST(a_child_is_copied_as_far_as_it_had_come_and_a_later_one_not_at_all)
{
    Shelf shelf;
    shelf_begin(&shelf);
    tell(&shelf);
    CHECK_INT(fork_now(&shelf, "top", 2).status, ST_OK);
    CHECK_TEXT(tree_of(&shelf, "new"), "new<:interrupted:3 new.1<new:interrupted:0 ");
    CHECK_TEXT(records_of(&shelf, "new.1"), "");
    shelf_end(&shelf);
}

TEST(a_copy_can_be_copied_and_is_owned_by_nobody)
{
    Shelf  shelf;
    Answer answer = {0};
    Record next = {STR("third"), 4, 9000, STR("run.resumed"), STR("{}")};
    shelf_begin(&shelf);
    tell(&shelf);
    CHECK_INT(fork_now(&shelf, "top", 3).status, ST_OK);
    answer.loop = shelf.loop;
    journal_fork(shelf.journal, STR("new"), &next, on_answer, &answer);
    while (!answer.came && loop_run(shelf.loop)) continue;
    CHECK_INT(answer.outcome.status, ST_OK);
    CHECK(strstr(records_of(&shelf, "third"), "\"run\":\"third.1\"") != NULL);
    CHECK_TEXT(records_of(&shelf, "third.2"), "1 run.started {\"parent\":\"third.1\"}\n");
    CHECK_INT(append_now(&shelf, "third", 5, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_end(&shelf);
}

TEST(what_cannot_be_copied_is_refused_with_the_reason_and_leaves_no_trace)
{
    static const struct {
        const char *of;
        int64_t     at;
        Status      status;
        const char *why;
    } CASES[] = {
        {"nobody", 1, ST_NOT_FOUND, "there is no run nobody"},
        {"a", 1, ST_INVALID, "run a is a child of top; fork that one"},
        {"top", 9, ST_INVALID, "run top has no record 9; its last is 5"},
        {"top", 0, ST_INVALID, "run top has no record 0; its last is 5"},
        {"top", 5, ST_INVALID, "run top: record 5 is its end; name an earlier one"},
    };
    Shelf shelf;
    shelf_begin(&shelf);
    tell(&shelf);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        Err err = fork_now(&shelf, CASES[i].of, CASES[i].at);
        CHECK_INT(err.status, CASES[i].status);
        CHECK_TEXT(err.text, CASES[i].why);
    }
    CHECK_TEXT(tree_of(&shelf, "new"), "");
    CHECK_TEXT(records_of(&shelf, "new"), "");
    CHECK_INT(append_now(&shelf, "top", 6, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_end(&shelf);
}

TEST(a_run_that_ended_and_was_carried_on_is_copied_as_open)
{
    Shelf shelf;
    shelf_begin(&shelf);
    tell(&shelf);
    put(&shelf, "top", 6, "run.resumed", "{}");
    put(&shelf, "top", 7, "run.finished", "{\"status\":\"limit\"}");
    put(&shelf, "top", 8, "run.resumed", "{}");
    CHECK_INT(fork_now(&shelf, "top", 8).status, ST_OK);
    CHECK_TEXT(tree_of(&shelf, "new"), "new<:interrupted:9 new.1<new:ok:3 "
                                       "new.2<new.1:interrupted:1 new.3<new:interrupted:1 ");
    shelf_end(&shelf);
}

TEST(bodies_that_are_no_json_are_copied_as_they_are)
{
    Shelf shelf;
    shelf_begin(&shelf);
    put(&shelf, "top", 1, "run.started", "{broken");
    put(&shelf, "top", 2, "child", "{broken too");
    put(&shelf, "top", 3, "turn", "{}");
    CHECK_INT(fork_now(&shelf, "top", 3).status, ST_OK);
    CHECK_TEXT(records_of(&shelf, "new"), "1 run.started {broken\n2 child {broken too\n3 turn {}\n"
                                          "4 run.resumed {\"by\":\"fork\"}\n");
    shelf_end(&shelf);
}

TEST(a_copy_that_cannot_be_committed_is_not_there)
{
#ifdef PERIGEE_FAULTS
    Shelf shelf;
    shelf_begin(&shelf);
    tell(&shelf);
    setenv("PERIGEE_FAULT", "store.commit:1", 1);
    CHECK_INT(fork_now(&shelf, "top", 3).status, ST_IO);
    unsetenv("PERIGEE_FAULT");
    shelf_close(&shelf);
    shelf_open(&shelf);
    CHECK_TEXT(tree_of(&shelf, "new"), "");
    CHECK_TEXT(records_of(&shelf, "new.1"), "");
    shelf_end(&shelf);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

int main(void)
{
    open_what_stays_open();
    return tap_run();
}
