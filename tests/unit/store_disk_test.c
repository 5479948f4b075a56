/* A disk that takes half a page, refuses a sync, or loses what it had not synced (the seams of
 * host/store/sqlite_faults.c): what the next one to open the journal finds. */
#include "store_support.h"

#ifdef PERIGEE_FAULTS
/* Each pass through the seam fails from here on; NULL: none does. */
static void let_fail(const char *seam)
{
    char fault[64];
    snprintf(fault, sizeof fault, "%s:1+", seam ? seam : "");
    if (seam)
        setenv("PERIGEE_FAULT", fault, 1);
    else
        unsetenv("PERIGEE_FAULT");
}

static void append_some(Shelf *shelf, int64_t from, int64_t to, Durability durability)
{
    for (int64_t seq = from; seq <= to; seq++)
        CHECK_INT(append_now(shelf, "r", seq, "{}", durability).status, ST_OK);
}

static off_t size_of(const Shelf *shelf, const char *suffix)
{
    char        path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", shelf->path, suffix);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Opens the journal again: it has records 1 to `count`, and takes the next one. */
static void check_holds(Shelf *shelf, int64_t least, int64_t most)
{
    shelf_open(shelf);
    CHECK(shelf->journal != NULL);
    Seen seen = read_run(shelf, "r");
    CHECK(seen.gapless);
    CHECK(seen.count >= least && seen.count <= most);
    if (seen.count < least || seen.count > most)
        printf("# %lld records, not %lld to %lld\n", (long long)seen.count, (long long)least,
               (long long)most);
    CHECK_INT(append_now(shelf, "r", seen.count + 1, "{}", DURABLE_POWER).status, ST_OK);
    shelf_close(shelf);
    shelf_open(shelf);
    CHECK_INT(read_run(shelf, "r").count, seen.count + 1);
}
#endif

TEST(half_a_page_costs_the_append_that_was_not_answered_and_nothing_else)
{
#ifdef PERIGEE_FAULTS
    Shelf shelf;
    shelf_begin(&shelf);
    append_some(&shelf, 1, 3, DURABLE_PROCESS);
    let_fail("store.write");
    Err err = append_now(&shelf, "r", 4, "{}", DURABLE_PROCESS);
    let_fail(NULL);
    CHECK_INT(err.status, ST_IO);
    CHECK(strstr(err.text, "disk is full") != NULL);
    CHECK_INT(read_run(&shelf, "r").count, 3); /* reading goes on */
    shelf_close(&shelf);
    check_holds(&shelf, 3, 3);
    shelf_end(&shelf);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

TEST(a_disk_that_loses_what_it_had_not_synced_keeps_a_prefix_with_all_that_was_synced)
{
#ifdef PERIGEE_FAULTS
    Shelf shelf;
    shelf_begin(&shelf);
    append_some(&shelf, 1, 3, DURABLE_POWER);
    append_some(&shelf, 4, 6, DURABLE_PROCESS); /* answered, and not asked to be on the disk */
    let_fail("store.lost");
    CHECK_INT(append_now(&shelf, "r", 7, "{}", DURABLE_POWER).status, ST_IO);
    let_fail(NULL);
    shelf_close(&shelf);
    check_holds(&shelf, 3, 3);
    shelf_end(&shelf);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

/* After a failed sync the kernel takes pages for written that are not, and the next sync succeeds
 * without them. Had the log gone on behind such a hole, a loss of power would have taken records
 * that were synced later. */
TEST(after_a_failed_sync_the_next_to_open_it_writes_the_whole_log_anew)
{
#ifdef PERIGEE_FAULTS
    Shelf shelf;
    shelf_begin(&shelf);
    append_some(&shelf, 1, 1, DURABLE_POWER);
    append_some(&shelf, 2, 3, DURABLE_PROCESS);
    let_fail("store.fsync");
    CHECK_INT(append_now(&shelf, "r", 4, "{}", DURABLE_POWER).status, ST_IO);
    let_fail(NULL);
    shelf_close(&shelf);
    CHECK(size_of(&shelf, "-wal") > 0);
    shelf_open(&shelf);
    CHECK_INT(size_of(&shelf, "-wal"), 0);
    CHECK_INT(size_of(&shelf, "-lock"), 0); /* once is enough */
    shelf_close(&shelf);
    check_holds(&shelf, 3, 4);
    shelf_end(&shelf);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

TEST(while_the_disk_still_refuses_the_journal_can_be_read_and_takes_no_records)
{
#ifdef PERIGEE_FAULTS
    Shelf shelf;
    shelf_begin(&shelf);
    append_some(&shelf, 1, 2, DURABLE_POWER);
    let_fail("store.fsync");
    CHECK_INT(append_now(&shelf, "r", 3, "{}", DURABLE_POWER).status, ST_IO);
    shelf_close(&shelf);
    shelf_open(&shelf);
    CHECK(shelf.journal != NULL);
    CHECK(read_run(&shelf, "r").count >= 2);
    Err err = append_now(&shelf, "r", read_run(&shelf, "r").count + 1, "{}", DURABLE_PROCESS);
    let_fail(NULL);
    CHECK_INT(err.status, ST_IO);
    CHECK(strstr(err.text, "since a sync failed before") != NULL);
    shelf_close(&shelf);
    check_holds(&shelf, 2, 3);
    shelf_end(&shelf);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

TEST(a_page_of_the_file_that_is_torn_while_the_log_is_emptied_comes_back_from_the_log)
{
#ifdef PERIGEE_FAULTS
    static const char *const seams[] = {"store.write", "store.fsync", "store.lost"};
    for (int i = 0; i < 3; i++) {
        Shelf shelf;
        shelf_begin(&shelf);
        append_some(&shelf, 1, 40, DURABLE_POWER);
        let_fail(seams[i]);
        shelf_close(&shelf); /* which empties the log */
        let_fail(NULL);
        CHECK(size_of(&shelf, "-wal") > 0);
        check_holds(&shelf, 40, 40);
        shelf_end(&shelf);
    }
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

int main(void)
{
    open_what_stays_open();
    return tap_run();
}
