/* The journal's file: whose it is, who may read it, what happens when the disk does not play along.
 *
 * fsync and fdatasync are this program's own here (they stand before libc's for SQLite too), so
 * that a test can count them and let one fail. */
#include "store_support.h"

#include "../../host/store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static atomic_int syncs, sync_fails_with;

static int counted_sync(long number, int fd)
{
    int sys = atomic_load(&sync_fails_with);
    atomic_fetch_add(&syncs, 1);
    if (sys != 0) {
        errno = sys;
        return -1;
    }
    return (int)syscall(number, fd);
}

int fsync(int fd) { return counted_sync(SYS_fsync, fd); }
int fdatasync(int fd) { return counted_sync(SYS_fdatasync, fd); }

static int syncs_of_append(Shelf *shelf, int64_t seq, Durability durability)
{
    int before = atomic_load(&syncs);
    CHECK_INT(append_now(shelf, "r", seq, "{}", durability).status, ST_OK);
    return atomic_load(&syncs) - before;
}

TEST(what_must_outlive_a_loss_of_power_is_synced_before_its_answer_the_rest_is_not)
{
    Shelf shelf;
    shelf_begin(&shelf);
    syncs_of_append(&shelf, 1, DURABLE_PROCESS); /* begins the log, which syncs its header */
    CHECK_INT(syncs_of_append(&shelf, 2, DURABLE_PROCESS), 0);
    CHECK(syncs_of_append(&shelf, 3, DURABLE_POWER) >= 1);
    CHECK_INT(syncs_of_append(&shelf, 4, DURABLE_PROCESS), 0);
    CHECK(syncs_of_append(&shelf, 5, DURABLE_POWER) >= 1);
    shelf_end(&shelf);
}

TEST(after_a_failed_sync_the_store_is_closed_to_writers_and_says_the_same_each_time)
{
    Shelf shelf;
    shelf_begin(&shelf);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_POWER).status, ST_OK);
    atomic_store(&sync_fails_with, EIO);
    Err first = append_now(&shelf, "r", 2, "{}", DURABLE_POWER);
    atomic_store(&sync_fails_with, 0);
    Err second = append_now(&shelf, "other", 1, "{}", DURABLE_PROCESS);
    CHECK_INT(first.status, ST_IO);
    CHECK_INT(first.sys, EIO);
    CHECK_INT(second.status, ST_IO);
    CHECK_TEXT(second.text, first.text);
    CHECK_INT(read_run(&shelf, "r").count, 1);
    CHECK_INT(read_run(&shelf, "other").count, 0);
    shelf_close(&shelf);
    shelf_open(&shelf); /* reopening decides: record 2 is there or not, never half */
    Seen seen = read_run(&shelf, "r");
    CHECK(seen.gapless && seen.count >= 1 && seen.count <= 2);
    CHECK_INT(append_now(&shelf, "r", seen.count + 1, "{}", DURABLE_POWER).status, ST_OK);
    shelf_end(&shelf);
}

TEST(a_failed_sync_while_the_log_is_emptied_closes_the_store_too)
{
    Shelf  shelf;
    size_t size = 5u << 20; /* more pages than the log holds before it is emptied */
    char  *body = mem_new(size + 1);
    memset(body, 'x', size);
    shelf_begin(&shelf);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    atomic_store(&sync_fails_with, EIO);
    append_now(&shelf, "r", 2, body, DURABLE_PROCESS); /* itself needs no sync */
    Err err = append_now(&shelf, "r", 3, "{}", DURABLE_PROCESS);
    atomic_store(&sync_fails_with, 0);
    CHECK_INT(err.status, ST_IO);
    CHECK(strstr(err.text, "checkpoint") != NULL);
    CHECK_INT(read_run(&shelf, "r").count, 2);
    free(body);
    shelf_end(&shelf);
}

/* -- permissions ------------------------------------------------------------------------------- */

static int mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int)(st.st_mode & 0777) : -1;
}

TEST(folder_and_files_are_closed_to_everybody_else)
{
    Shelf  shelf;
    char   path[300], folder[64];
    mode_t before = umask(0);
    shelf_make(&shelf);
    strcpy(folder, shelf.folder);
    strcat(shelf.folder, "/a");
    snprintf(shelf.path, sizeof shelf.path, "%s/journal.db", shelf.folder);
    shelf_open(&shelf);
    CHECK(shelf.journal != NULL);
    append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS);
    CHECK_INT(mode_of(shelf.folder), 0700);
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", shelf.path, suffixes[i]);
        CHECK_INT(mode_of(path), 0600);
    }
    shelf_close(&shelf);
    CHECK(chmod(shelf.path, 0644) == 0); /* as a copy would have it */
    shelf_open(&shelf);
    CHECK_INT(mode_of(shelf.path), 0600);
    umask(before);
    shelf_end(&shelf);
    CHECK(rmdir(folder) == 0);
}

/* -- whose file -------------------------------------------------------------------------------- */

static void check_refused(Shelf *shelf, Status status, const char *part)
{
    shelf_open(shelf);
    CHECK(shelf->journal == NULL);
    CHECK_INT(shelf->err.status, status);
    if (!strstr(shelf->err.text, part)) printf("# %s\n", shelf->err.text);
    CHECK(strstr(shelf->err.text, part) != NULL);
    shelf_close(shelf);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

TEST(a_newer_journal_is_refused_and_left_as_it_is)
{
    Shelf shelf;
    shelf_begin(&shelf);
    append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS);
    shelf_close(&shelf);
    run_sql(shelf.path, "PRAGMA user_version=3");
    check_refused(&shelf, ST_INVALID, "newer perigee (format 3, this one knows up to 2)");
    run_sql(shelf.path, "PRAGMA user_version=2");
    shelf_open(&shelf);
    CHECK_INT(read_run(&shelf, "r").count, 1);
    shelf_end(&shelf);
}

/* What the first version made, with a run that ended and one that was killed. */
static const char FIRST_VERSION[] =
    "CREATE TABLE runs(run TEXT PRIMARY KEY, parent TEXT NOT NULL, agent TEXT NOT NULL,"
    "  task TEXT NOT NULL, status TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL);"
    "CREATE INDEX runs_by_start ON runs(started);"
    "CREATE TABLE records(format INTEGER NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL,"
    "  time INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(run, seq));"
    "CREATE TABLE texts(hash TEXT PRIMARY KEY, text BLOB NOT NULL);"
    "INSERT INTO runs VALUES('done','','a','t','ok',10,20),('killed','','a','t','running',5,0);"
    "INSERT INTO records VALUES(1,'done',1,10,'turn','{\"old\":true}'),(1,'killed',1,5,'turn','{}');"
    "PRAGMA application_id=1348825703; PRAGMA user_version=1; PRAGMA journal_mode=WAL;";

static bool list_statuses(void *arg, const RunRow *row)
{
    char *text = arg;
    snprintf(text + strlen(text), 200 - strlen(text), "%.*s:%.*s ", STR_ARG(row->run),
             STR_ARG(row->status));
    return true;
}

TEST(a_journal_of_the_first_version_is_brought_up_to_date_with_all_it_holds)
{
    Shelf shelf;
    Err   err;
    char  text[200] = "";
    shelf_make(&shelf);
    run_sql(shelf.path, FIRST_VERSION);
    shelf_open(&shelf);
    if (!shelf.journal) printf("# %s\n", shelf.err.text);
    CHECK(shelf.journal != NULL);
    CHECK_TEXT(read_run(&shelf, "done").body, "{\"old\":true}");
    CHECK(journal_list(shelf.journal, (RunFilter){.most = -1}, list_statuses, text, &err) == ST_OK);
    CHECK_TEXT(text, "done:ok killed:interrupted ");
    CHECK_INT(append_now(&shelf, "killed", 2, "{}", DURABLE_POWER).status, ST_OK);
    shelf_close(&shelf);
    shelf_open(&shelf); /* once is enough */
    CHECK_INT(read_run(&shelf, "killed").count, 2);
    shelf_end(&shelf);
}

TEST(a_migration_that_fails_leaves_the_old_journal_as_it_was)
{
#ifdef PERIGEE_FAULTS
    Shelf shelf;
    shelf_make(&shelf);
    run_sql(shelf.path, FIRST_VERSION);
    setenv("PERIGEE_FAULT", "store.migrate:1", 1);
    check_refused(&shelf, ST_IO, "bring it up to date");
    unsetenv("PERIGEE_FAULT");
    run_sql(shelf.path, "CREATE TABLE owners(a); DROP TABLE owners"); /* it was not made */
    shelf_open(&shelf);
    CHECK(shelf.journal != NULL);
    CHECK_INT(read_run(&shelf, "done").count, 1);
    shelf_end(&shelf);
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

TEST(another_programs_database_is_refused_and_left_as_it_is)
{
    Shelf shelf;
    shelf_make(&shelf);
    run_sql(shelf.path, "CREATE TABLE theirs(a); INSERT INTO theirs VALUES(1)");
    struct stat before, after;
    CHECK(stat(shelf.path, &before) == 0);
    check_refused(&shelf, ST_INVALID, "another program");
    CHECK(stat(shelf.path, &after) == 0);
    CHECK(before.st_size == after.st_size && before.st_mode == after.st_mode &&
          before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    shelf_remove(&shelf);
}

TEST(a_file_of_garbage_a_folder_and_a_fifo_are_refused)
{
    Shelf shelf;
    char  garbage[4096];
    shelf_make(&shelf);
    memset(garbage, 'g', sizeof garbage);
    FILE *file = fopen(shelf.path, "w");
    CHECK(fwrite(garbage, 1, sizeof garbage, file) == sizeof garbage);
    fclose(file);
    check_refused(&shelf, ST_INVALID, "no perigee journal");
    CHECK(unlink(shelf.path) == 0);
    CHECK(mkdir(shelf.path, 0700) == 0);
    check_refused(&shelf, ST_INVALID, "no regular file");
    CHECK(rmdir(shelf.path) == 0);
    CHECK(mkfifo(shelf.path, 0600) == 0);
    check_refused(&shelf, ST_INVALID, "no regular file");
    shelf_remove(&shelf);
}

TEST(a_record_of_a_newer_format_is_refused_when_read)
{
    Shelf shelf;
    Seen  seen = {.gapless = true};
    Err   err;
    shelf_begin(&shelf);
    append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS);
    shelf_close(&shelf);
    run_sql(shelf.path, "INSERT INTO records VALUES(2,'r',2,0,'turn','{}')");
    shelf_open(&shelf);
    CHECK_INT(journal_read(shelf.journal, STR("r"), 1, on_record, &seen, &err), ST_INVALID);
    CHECK_INT(seen.count, 1);
    CHECK(strstr(err.text, "format 2") != NULL);
    shelf_end(&shelf);
}

TEST(a_file_with_a_damaged_page_is_said_to_be_damaged_and_not_half_read)
{
    Shelf shelf;
    char  body[2001], noise[4096];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    memset(noise, 0xff, sizeof noise);
    shelf_begin(&shelf);
    for (int64_t seq = 1; seq <= 60; seq++) append_now(&shelf, "r", seq, body, DURABLE_PROCESS);
    shelf_close(&shelf);
    int         fd = open(shelf.path, O_RDWR | O_CLOEXEC);
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    for (off_t at = st.st_size - 20 * 4096; at < st.st_size; at += 4096)
        CHECK(pwrite(fd, noise, sizeof noise, at) == sizeof noise);
    close(fd);
    shelf_open(&shelf);
    Seen seen = {.gapless = true};
    Err  err;
    CHECK(shelf.journal != NULL);
    CHECK_INT(journal_read(shelf.journal, STR("r"), 1, on_record, &seen, &err), ST_IO);
    CHECK(strstr(err.text, "damaged") != NULL);
    CHECK(seen.gapless);
    shelf_end(&shelf);
}

TEST(an_empty_file_becomes_a_journal)
{
    Shelf shelf;
    shelf_make(&shelf);
    fclose(fopen(shelf.path, "w"));
    shelf_open(&shelf);
    CHECK(shelf.journal != NULL);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_end(&shelf);
}

TEST(a_name_that_means_something_to_sqlite_is_a_file_like_others)
{
    Shelf shelf;
    char  before[4096];
    CHECK(getcwd(before, sizeof before) != NULL);
    shelf_make(&shelf);
    CHECK(chdir(shelf.folder) == 0);
    strcpy(shelf.path, ":memory:");
    shelf_open(&shelf);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    shelf_close(&shelf);
    shelf_open(&shelf);
    CHECK_INT(read_run(&shelf, "r").count, 1);
    CHECK(mode_of(":memory:") == 0600);
    CHECK(chdir(before) == 0);
    shelf_close(&shelf);
    shelf_remove(&shelf);
}

/* -- no room ----------------------------------------------------------------------------------- */

/* Appends until one fails; what was answered before is still there. Answers the failure. */
static Err fill(Shelf *shelf, int64_t *answered)
{
    char body[20001];
    Err  err;
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    for (*answered = 0; *answered < 5000; ++*answered) {
        err = append_now(shelf, "r", *answered + 1, body, DURABLE_PROCESS);
        if (err.status != ST_OK) break;
    }
    CHECK_INT(append_now(shelf, "s", 1, "{}", DURABLE_PROCESS).status, err.status);
    Seen seen = read_run(shelf, "r");
    CHECK(seen.gapless);
    CHECK_INT(seen.count, *answered);
    return err;
}

TEST(on_a_full_disk_the_append_fails_and_everything_answered_is_kept)
{
    Shelf   shelf;
    int64_t answered = 0;
    shelf_make(&shelf);
    bool mounted = mount("none", shelf.folder, "tmpfs", 0, "size=2m") == 0;
    if (mounted) {
        shelf_open(&shelf);
        CHECK(shelf.journal != NULL);
        Err err = fill(&shelf, &answered);
        CHECK(answered > 10);
        CHECK_INT(err.status, ST_IO);
        CHECK(strstr(err.text, "disk is full") != NULL);
        shelf_close(&shelf);
        CHECK(mount("none", shelf.folder, "tmpfs", MS_REMOUNT, "size=16m") == 0);
        shelf_open(&shelf);
        CHECK_INT(read_run(&shelf, "r").count, answered);
        CHECK_INT(append_now(&shelf, "r", answered + 1, "{}", DURABLE_POWER).status, ST_OK);
        shelf_close(&shelf);
        CHECK(umount(shelf.folder) == 0);
    }
    shelf_remove(&shelf);
    if (!mounted) SKIP("only root may mount a small tmpfs");
}

TEST(a_file_that_may_not_grow_fails_the_append_and_keeps_everything_answered)
{
    Shelf         shelf;
    int64_t       answered = 0;
    struct rlimit before, small;
    shelf_begin(&shelf);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = before;
    small.rlim_cur = 1u << 20;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    Err err = fill(&shelf, &answered);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, old);
    CHECK(answered > 10);
    CHECK_INT(err.status, ST_IO);
    CHECK(strstr(err.text, "may not grow") != NULL);
    shelf_close(&shelf);
    shelf_open(&shelf);
    CHECK_INT(read_run(&shelf, "r").count, answered);
    shelf_end(&shelf);
}

/* -- the log ----------------------------------------------------------------------------------- */

TEST(the_log_does_not_grow_without_bound)
{
    Shelf       shelf;
    char        path[200], body[20001];
    struct stat st;
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    shelf_begin(&shelf);
    for (int64_t seq = 1; seq <= 1500; seq++) /* 30 MB, one by one */
        if (append_now(&shelf, "r", seq, body, DURABLE_PROCESS).status != ST_OK) CHECK(false);
    snprintf(path, sizeof path, "%s-wal", shelf.path);
    CHECK(stat(path, &st) == 0);
    CHECK(st.st_size < 8 << 20);
    shelf_close(&shelf);
    CHECK(stat(path, &st) != 0); /* the last one to close empties it */
    shelf_open(&shelf);
    CHECK_INT(read_run(&shelf, "r").count, 1500);
    shelf_end(&shelf);
}

/* -- seams ------------------------------------------------------------------------------------- */

#ifdef PERIGEE_FAULTS
static void check_fault_closes(const char *fault)
{
    Shelf shelf;
    shelf_begin(&shelf);
    setenv("PERIGEE_FAULT", fault, 1);
    Err first = append_now(&shelf, "r", 1, "{}", DURABLE_POWER);
    Err second = append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS);
    unsetenv("PERIGEE_FAULT");
    CHECK_INT(first.status, ST_IO);
    CHECK_INT(second.status, ST_IO);
    shelf_close(&shelf);
    shelf_open(&shelf);
    CHECK_INT(read_run(&shelf, "r").count, 0);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_POWER).status, ST_OK);
    shelf_end(&shelf);
}
#endif

TEST(a_failing_append_or_commit_leaves_no_trace_and_closes_the_store)
{
#ifdef PERIGEE_FAULTS
    check_fault_closes("store.append:2"); /* passes are counted over the whole process */
    check_fault_closes("store.commit:3");
#else
    SKIP("this build has no fault seams (MODE=asan has)");
#endif
}

int main(void)
{
    open_what_stays_open();
    return tap_run();
}
