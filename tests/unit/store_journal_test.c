/* The journal in one process: what goes in comes out, in order, and is refused for good reasons. */
#include "store_support.h"

TEST(an_appended_record_is_read_back_as_it_was)
{
    Shelf shelf;
    shelf_begin(&shelf);
    CHECK_INT(append_now(&shelf, "run-a", 1, "{\"a\":\"\xc4\xb1\"}", DURABLE_PROCESS).status,
              ST_OK);
    CHECK_INT(append_now(&shelf, "run-a", 2, "{\"b\":2}", DURABLE_POWER).status, ST_OK);
    Seen seen = read_run(&shelf, "run-a");
    CHECK_INT(seen.count, 2);
    CHECK(seen.gapless);
    CHECK_TEXT(seen.kind, "turn");
    CHECK_TEXT(seen.body, "{\"b\":2}");
    CHECK_INT(read_run(&shelf, "run-b").count, 0);
    shelf_end(&shelf);
}

static bool first_only(void *arg, const Record *record)
{
    *(int64_t *)arg = record->seq;
    return false;
}

TEST(reading_begins_where_asked_and_stops_when_told)
{
    Shelf   shelf;
    Err     err;
    int64_t at = 0;
    shelf_begin(&shelf);
    for (int64_t seq = 1; seq <= 5; seq++) append_now(&shelf, "r", seq, "{}", DURABLE_PROCESS);
    CHECK(journal_read(shelf.journal, STR("r"), 3, first_only, &at, &err) == ST_OK);
    CHECK_INT(at, 3);
    shelf_end(&shelf);
}

TEST(a_seq_that_is_not_the_next_one_is_refused_and_both_are_named)
{
    Shelf shelf;
    shelf_begin(&shelf);
    append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS);
    Err again = append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS);
    CHECK_INT(again.status, ST_INVALID);
    CHECK(strstr(again.text, "record 1 ") && strstr(again.text, "next one is 2"));
    CHECK_INT(append_now(&shelf, "r", 7, "{}", DURABLE_PROCESS).status, ST_INVALID);
    CHECK_INT(append_now(&shelf, "new", 2, "{}", DURABLE_PROCESS).status, ST_INVALID);
    CHECK_INT(append_now(&shelf, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK_INT(read_run(&shelf, "r").count, 2);
    shelf_end(&shelf);
}

typedef struct Order {
    int next, wrong;
} Order;

typedef struct Numbered {
    Order *order;
    int    number;
} Numbered;

static void on_numbered(void *arg, const Err *outcome)
{
    Numbered *self = arg;
    bool      refused = self->number % 10 == 7; /* see below */
    if (self->number != self->order->next++) self->order->wrong++;
    if ((outcome->status == ST_INVALID) != refused) self->order->wrong++;
}

TEST(answers_come_in_the_order_of_the_appends_and_one_refusal_does_not_spoil_its_group)
{
    enum { COUNT = 500 };
    Shelf           shelf;
    static Numbered each[COUNT];
    Order           order = {0};
    shelf_begin(&shelf);
    int64_t seq = 1;
    claim_now(&shelf, "r");
    for (int i = 0; i < COUNT; i++) {
        each[i] = (Numbered){&order, i};
        Record record = record_of("r", i % 10 == 7 ? 100000 : seq++, "{}");
        journal_append(shelf.journal, &record, i % 50 ? DURABLE_PROCESS : DURABLE_POWER,
                       on_numbered, &each[i]);
    }
    CHECK(!loop_run(shelf.loop)); /* ends by itself: the last answer was given */
    CHECK_INT(order.next, COUNT);
    CHECK_INT(order.wrong, 0);
    Seen seen = read_run(&shelf, "r");
    CHECK_INT(seen.count, seq - 1);
    CHECK(seen.gapless);
    shelf_end(&shelf);
}

TEST(closing_writes_and_answers_what_still_waits)
{
    Shelf  shelf;
    Answer answers[20];
    shelf_begin(&shelf);
    claim_now(&shelf, "r");
    for (int i = 0; i < 20; i++) {
        answers[i] = (Answer){0};
        Record record = record_of("r", i + 1, "{}");
        journal_append(shelf.journal, &record, DURABLE_PROCESS, on_answer, &answers[i]);
    }
    shelf_close(&shelf);
    for (int i = 0; i < 20; i++) CHECK(answers[i].came && answers[i].outcome.status == ST_OK);
    shelf_open(&shelf);
    CHECK_INT(read_run(&shelf, "r").count, 20);
    shelf_end(&shelf);
}

typedef struct Closer {
    Shelf *shelf;
    Answer late;
} Closer;

static void close_inside(void *arg, const Err *outcome)
{
    Closer *closer = arg;
    CHECK_INT(outcome->status, ST_OK);
    journal_close(closer->shelf->journal);
    closer->shelf->journal = NULL;
}

TEST(a_journal_may_be_closed_inside_an_answer)
{
    Shelf  shelf;
    Answer after = {0};
    shelf_begin(&shelf);
    Closer closer = {.shelf = &shelf};
    claim_now(&shelf, "r");
    Record first = record_of("r", 1, "{}"), second = record_of("r", 2, "{}");
    journal_append(shelf.journal, &first, DURABLE_PROCESS, close_inside, &closer);
    journal_append(shelf.journal, &second, DURABLE_PROCESS, on_answer, &after);
    CHECK(!loop_run(shelf.loop));
    CHECK(shelf.journal == NULL);
    CHECK(after.came && after.outcome.status == ST_OK);
    shelf_end(&shelf);
}

static void append_while_closing(void *arg, const Err *outcome)
{
    Closer *closer = arg;
    (void)outcome;
    Record record = record_of("r", 2, "{}");
    journal_append(closer->shelf->journal, &record, DURABLE_PROCESS, on_answer, &closer->late);
}

TEST(an_append_that_comes_while_the_journal_closes_is_answered_as_cancelled)
{
    Shelf shelf;
    shelf_begin(&shelf);
    Closer closer = {.shelf = &shelf};
    claim_now(&shelf, "r");
    Record record = record_of("r", 1, "{}");
    journal_append(shelf.journal, &record, DURABLE_PROCESS, append_while_closing, &closer);
    shelf_close(&shelf);
    CHECK(closer.late.came);
    CHECK_INT(closer.late.outcome.status, ST_CANCELLED);
    shelf_remove(&shelf);
}

TEST(records_without_a_run_or_a_kind_are_refused)
{
    Shelf  shelf;
    Answer answer = {0};
    Record bad = {.run = STR("r"), .seq = 1};
    shelf_begin(&shelf);
    CHECK_INT(append_now(&shelf, "", 1, "{}", DURABLE_PROCESS).status, ST_INVALID);
    journal_append(shelf.journal, &bad, DURABLE_PROCESS, on_answer, &answer);
    CHECK(!answer.came);
    loop_run(shelf.loop);
    CHECK_INT(answer.outcome.status, ST_INVALID);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_end(&shelf);
}

TEST(a_body_of_many_megabytes_comes_back_whole)
{
    Shelf  shelf;
    size_t size = 20u << 20;
    char  *body = mem_new(size + 1);
    shelf_begin(&shelf);
    memset(body, 'x', size);
    CHECK_INT(append_now(&shelf, "r", 1, body, DURABLE_PROCESS).status, ST_OK);
    CHECK_INT(append_now(&shelf, "r", 2, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK_INT(read_run(&shelf, "r").count, 2);
    free(body);
    shelf_end(&shelf);
}

TEST(a_text_is_kept_once_by_its_hash)
{
    Shelf shelf;
    Err   err;
    Buf   text;
    buf_init(&text, 1000);
    shelf_begin(&shelf);
    journal_put_text(shelf.journal, STR("h1"), STR("a\0b"));
    journal_put_text(shelf.journal, STR("h1"), STR("other"));
    journal_put_text(shelf.journal, STR("h2"), STR(""));
    loop_run(shelf.loop);
    CHECK(journal_text(shelf.journal, STR("h1"), &text, &err) == ST_OK);
    CHECK(str_equal(buf_str(&text), STR("a\0b")));
    buf_reset(&text);
    CHECK(journal_text(shelf.journal, STR("h2"), &text, &err) == ST_OK);
    CHECK_INT(text.len, 0);
    CHECK(journal_text(shelf.journal, STR("h3"), &text, &err) == ST_NOT_FOUND);
    buf_clear(&text);
    shelf_end(&shelf);
}

/* -- runs -------------------------------------------------------------------------------------- */

static void put_run(Shelf *shelf, const char *run, const char *parent, int64_t started)
{
    RunRow row = {.run = str_from(run),
                  .parent = str_from(parent),
                  .agent = STR("coder"),
                  .task = STR("do it"),
                  .status = STR("running"),
                  .started_ms = started};
    journal_claim(shelf->journal, row.run, NULL, NULL);
    journal_put_run(shelf->journal, &row);
}

static bool list_ids(void *arg, const RunRow *row)
{
    char *text = arg;
    snprintf(text + strlen(text), 200 - strlen(text), "%.*s:%.*s:%lld ", STR_ARG(row->run),
             STR_ARG(row->status), (long long)row->records);
    return true;
}

TEST(the_list_shows_the_newest_run_first_with_its_status_and_count_of_records)
{
    Shelf  shelf;
    Err    err;
    char   text[200] = "";
    RunRow ended = {.run = STR("a"), .status = STR("ok"), .started_ms = 10, .ended_ms = 20};
    shelf_begin(&shelf);
    put_run(&shelf, "a", "", 10);
    put_run(&shelf, "b", "", 30);
    append_now(&shelf, "a", 1, "{}", DURABLE_PROCESS);
    append_now(&shelf, "a", 2, "{}", DURABLE_PROCESS);
    append_now(&shelf, "no-row", 1, "{}", DURABLE_PROCESS); /* its time is 1001 */
    journal_put_run(shelf.journal, &ended);
    loop_run(shelf.loop);
    CHECK(journal_list(shelf.journal, (RunFilter){.most = -1}, list_ids, text, &err) == ST_OK);
    CHECK_TEXT(text, "no-row:running:1 b:running:0 a:ok:2 ");
    text[0] = '\0';
    CHECK(journal_list(shelf.journal, (RunFilter){.most = 2}, list_ids, text, &err) == ST_OK);
    CHECK_TEXT(text, "no-row:running:1 b:running:0 ");
    shelf_end(&shelf);
}

TEST(a_list_leaves_out_children_or_what_has_ended_where_that_is_asked)
{
    Shelf  shelf;
    Err    err;
    char   text[200] = "";
    RunRow ended = {.run = STR("a"), .status = STR("ok"), .started_ms = 10, .ended_ms = 20};
    shelf_begin(&shelf);
    put_run(&shelf, "a", "", 10);
    put_run(&shelf, "a-child", "a", 20);
    put_run(&shelf, "b", "", 30);
    journal_put_run(shelf.journal, &ended);
    loop_run(shelf.loop);
    RunFilter tops = {.top_only = true, .most = -1};
    CHECK(journal_list(shelf.journal, tops, list_ids, text, &err) == ST_OK);
    CHECK_TEXT(text, "b:running:0 a:ok:0 ");
    text[0] = '\0';
    RunFilter open = {.open_only = true, .most = -1};
    CHECK(journal_list(shelf.journal, open, list_ids, text, &err) == ST_OK);
    CHECK_TEXT(text, "b:running:0 a-child:running:0 ");
    text[0] = '\0';
    RunFilter both = {.tree = STR("a"), .top_only = true, .most = -1};
    CHECK(journal_list(shelf.journal, both, list_ids, text, &err) == ST_OK);
    CHECK_TEXT(text, "a:ok:0 ");
    shelf_end(&shelf);
}

static bool copy_task(void *arg, const RunRow *row)
{
    snprintf(arg, 300, "%.*s", STR_ARG(row->task));
    return true;
}

TEST(a_long_task_is_cut_at_200_bytes_between_code_points)
{
    Shelf shelf;
    Err   err;
    char  task[300] = "", text[300] = "";
    for (int i = 0; i < 70; i++) strcat(task, "\xe2\x86\x92"); /* 210 bytes of arrows */
    RunRow row = {.run = STR("a"), .task = str_from(task), .status = STR("running")};
    shelf_begin(&shelf);
    claim_now(&shelf, "a");
    journal_put_run(shelf.journal, &row);
    loop_run(shelf.loop);
    CHECK(journal_list(shelf.journal, (RunFilter){.most = 1}, copy_task, text, &err) == ST_OK);
    CHECK_INT(strlen(text), 198);
    CHECK(strncmp(text, task, 198) == 0);
    shelf_end(&shelf);
}

static void check_found(Shelf *shelf, const char *part, Status want, const char *id)
{
    Err err;
    Buf run;
    buf_init(&run, 300);
    err_clear(&err);
    CHECK_INT(journal_find(shelf->journal, str_from(part), &run, &err), want);
    CHECK_TEXT(want == ST_OK ? run.ptr : err.text, id);
    if (want != ST_OK) CHECK_INT(run.len, 0);
    buf_clear(&run);
}

TEST(a_run_is_found_by_its_id_by_a_unique_part_and_by_last)
{
    Shelf shelf;
    shelf_begin(&shelf);
    put_run(&shelf, "0723-abc", "", 10);
    put_run(&shelf, "0723-abd", "", 20);
    put_run(&shelf, "0723-abd.1", "0723-abd", 30);
    put_run(&shelf, "0723", "", 5);
    loop_run(shelf.loop);
    check_found(&shelf, "abc", ST_OK, "0723-abc");
    check_found(&shelf, "abd", ST_OK, "0723-abd");
    check_found(&shelf, "abd.1", ST_OK, "0723-abd.1");
    check_found(&shelf, "0723", ST_OK, "0723");
    check_found(&shelf, "last", ST_OK, "0723-abd");
    check_found(&shelf, "ab", ST_INVALID,
                "\"ab\" is part of several runs' ids: 0723-abd, 0723-abc; name more of it");
    check_found(&shelf, "%", ST_NOT_FOUND,
                "no run's id contains \"%\"; `perigee runs list` shows them");
    shelf_end(&shelf);
}

TEST(of_many_candidates_five_are_named)
{
    Shelf shelf;
    shelf_begin(&shelf);
    for (char id[] = "r-a"; id[2] <= 'g'; id[2]++) put_run(&shelf, id, "", id[2]);
    loop_run(shelf.loop);
    check_found(
        &shelf, "r-", ST_INVALID,
        "\"r-\" is part of several runs' ids: r-g, r-f, r-e, r-d, r-c, ...; name more of it");
    shelf_end(&shelf);
}

TEST(an_empty_journal_says_that_it_holds_no_run)
{
    Shelf shelf;
    Err   err;
    Buf   run;
    buf_init(&run, 300);
    shelf_begin(&shelf);
    CHECK_INT(journal_find(shelf.journal, STR("last"), &run, &err), ST_NOT_FOUND);
    CHECK(strstr(err.text, "holds no run yet") != NULL);
    buf_clear(&run);
    shelf_end(&shelf);
}

int main(void)
{
    open_what_stays_open();
    return tap_run();
}
