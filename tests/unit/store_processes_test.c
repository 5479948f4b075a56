/* Several processes on one journal, and one that is killed. This program starts itself again as the
 * other process: `store_processes_test write|share|flood|race PATH RUN COUNT`. */
#include "store_support.h"

#include "../../host/store/fair_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* -- the other process ------------------------------------------------------------------------- */

/* Appends COUNT records of its own run, one by one, every third of them synced. */
static int child_write(Shelf *shelf, const char *run, int64_t count)
{
    for (int64_t seq = 1; seq <= count; seq++)
        if (append_now(shelf, run, seq, "{}", seq % 3 ? DURABLE_PROCESS : DURABLE_POWER).status !=
            ST_OK)
            return 1;
    return 0;
}

/* Appends COUNT records to a run that others append to as well: each is claimed, and given up. */
static int child_share(Shelf *shelf, const char *run, int64_t count)
{
    for (int64_t i = 1; i <= count;) {
        char body[64];
        snprintf(body, sizeof body, "{\"by\":%d,\"i\":%lld}", (int)getpid(), (long long)i);
        Err err = claim_now(shelf, run);
        if (err.status == ST_UNAVAILABLE) continue; /* it is the other's now */
        if (err.status == ST_OK)
            err = append_now(shelf, run, read_run(shelf, run).count + 1, body, DURABLE_PROCESS);
        if (err.status != ST_OK) return 1;
        journal_release(shelf->journal, str_from(run));
        i++;
    }
    return 0;
}

typedef struct Flood {
    Shelf      *shelf;
    const char *run;
    int64_t     next, answered;
} Flood;

static void on_flood(void *arg, const Err *outcome)
{
    Flood *flood = arg;
    if (outcome->status != ST_OK) _exit(1);
    flood->answered++;
    char byte = 'a';
    if (write(STDOUT_FILENO, &byte, 1) != 1) _exit(1); /* one byte for each answer */
    Record record = record_of(flood->run, flood->next++, "{\"text\":\"some bytes of a record\"}");
    journal_append(flood->shelf->journal, &record, DURABLE_PROCESS, on_flood, flood);
}

/* Appends without end, COUNT records in flight at any time, until it is killed. */
static int child_flood(Shelf *shelf, const char *run, int64_t count)
{
    Flood flood = {shelf, run, read_run(shelf, run).count + 1, 0};
    if (claim_now(shelf, run).status != ST_OK) return 1;
    for (int64_t i = 0; i < count; i++) {
        Record record = record_of(run, flood.next++, "{}");
        journal_append(shelf->journal, &record, DURABLE_PROCESS, on_flood, &flood);
    }
    loop_run(shelf->loop);
    return 1;
}

/* Waits until stdin ends, which it does for all racers at once, then appends one by one. */
static int child_race(Shelf *shelf, const char *run, int64_t count)
{
    char byte;
    if (claim_now(shelf, run).status != ST_OK) return 1;
    if (write(STDOUT_FILENO, "a", 1) != 1) return 1;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    return child_write(shelf, run, count);
}

static int child_main(char **argv)
{
    Shelf   shelf = {0};
    int     rc = 2;
    int64_t count = strtoll(argv[4], NULL, 10);
    snprintf(shelf.path, sizeof shelf.path, "%s", argv[2]);
    shelf_open(&shelf);
    if (!shelf.journal) fprintf(stderr, "%s\n", shelf.err.text);
    if (!shelf.journal) return 3;
    if (strcmp(argv[1], "write") == 0) rc = child_write(&shelf, argv[3], count);
    if (strcmp(argv[1], "share") == 0) rc = child_share(&shelf, argv[3], count);
    if (strcmp(argv[1], "flood") == 0) rc = child_flood(&shelf, argv[3], count);
    if (strcmp(argv[1], "race") == 0) rc = child_race(&shelf, argv[3], count);
    shelf_close(&shelf);
    return rc;
}

/* Starts the child; `out` gets the reading end of its stdout, or NULL leaves it where it is. */
static pid_t start(const char *what, const Shelf *shelf, const char *run, const char *count,
                   int *out)
{
    int pipes[2] = {-1, -1};
    if (out) CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        const char *argv[] = {"store_processes_test", what, shelf->path, run, count, NULL};
        if (out) dup2(pipes[1], STDOUT_FILENO);
        execv("/proc/self/exe", (char *const *)argv);
        _exit(127);
    }
    if (out) {
        close(pipes[1]);
        *out = pipes[0];
    }
    CHECK(pid > 0);
    return pid;
}

static int wait_for_exit(pid_t pid)
{
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reads `count` bytes, or to the end when it is negative. Answers how many came. */
static int64_t read_answers(int fd, int64_t count)
{
    char    bytes[64];
    int64_t came = 0;
    while (count < 0 || came < count) {
        size_t  want = count < 0 || count - came > 64 ? 64 : (size_t)(count - came);
        ssize_t got = read(fd, bytes, want);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        came += got;
    }
    return came;
}

/* -- side by side ------------------------------------------------------------------------------ */

TEST(processes_that_start_on_a_new_file_together_lose_and_double_nothing)
{
    enum { CHILDREN = 3 };
    Shelf shelf;
    pid_t pids[CHILDREN];
    char  runs[CHILDREN][16];
    shelf_make(&shelf);
    for (int i = 0; i < CHILDREN; i++) {
        snprintf(runs[i], sizeof runs[i], "run-%d", i);
        pids[i] = start("write", &shelf, runs[i], "150", NULL);
    }
    for (int i = 0; i < CHILDREN; i++) CHECK_INT(wait_for_exit(pids[i]), 0);
    shelf_open(&shelf);
    for (int i = 0; i < CHILDREN; i++) {
        Seen seen = read_run(&shelf, runs[i]);
        CHECK_INT(seen.count, 150);
        CHECK(seen.gapless);
    }
    shelf_end(&shelf);
}

typedef struct Bodies {
    char  *all[1000]; /* owned */
    size_t count;
    int    doubles;
} Bodies;

static bool collect_body(void *arg, const Record *record)
{
    Bodies *bodies = arg;
    char   *body = mem_copy(record->body.ptr, record->body.len);
    for (size_t i = 0; i < bodies->count; i++) bodies->doubles += strcmp(bodies->all[i], body) == 0;
    bodies->all[bodies->count++] = body;
    return bodies->count < 1000;
}

TEST(two_processes_on_one_run_never_take_the_same_seq)
{
    Shelf  shelf;
    Err    err;
    Bodies bodies = {.count = 0};
    shelf_make(&shelf);
    pid_t one = start("share", &shelf, "shared", "100", NULL);
    pid_t two = start("share", &shelf, "shared", "100", NULL);
    CHECK_INT(wait_for_exit(one), 0);
    CHECK_INT(wait_for_exit(two), 0);
    shelf_open(&shelf);
    Seen seen = read_run(&shelf, "shared");
    CHECK_INT(seen.count, 200);
    CHECK(seen.gapless);
    CHECK(journal_read(shelf.journal, STR("shared"), 1, collect_body, &bodies, &err) == ST_OK);
    CHECK_INT(bodies.count, 200);
    CHECK_INT(bodies.doubles, 0);
    for (size_t i = 0; i < bodies.count; i++) free(bodies.all[i]);
    shelf_end(&shelf);
}

TEST(a_reader_sees_what_another_process_appended_meanwhile)
{
    Shelf shelf;
    shelf_begin(&shelf);
    CHECK_INT(read_run(&shelf, "theirs").count, 0);
    CHECK_INT(wait_for_exit(start("write", &shelf, "theirs", "5", NULL)), 0);
    CHECK_INT(read_run(&shelf, "theirs").count, 5);
    CHECK_INT(append_now(&shelf, "theirs", 6, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK_INT(append_now(&shelf, "theirs", 6, "{}", DURABLE_PROCESS).status, ST_INVALID);
    shelf_end(&shelf);
}

static bool count_races(void *arg, const RunRow *row)
{
    int64_t *whole = arg;
    *whole += row->records == 80 && strncmp(row->run.ptr, "race-", 5) == 0;
    return true;
}

/* All are ready before the first one begins. Answers the gate: closing it starts them. */
static int line_up(const Shelf *shelf, pid_t *pids, int racers)
{
    int  gate[2], ready[2], before = dup(STDIN_FILENO);
    char byte, name[24];
    CHECK(before >= 0 && pipe2(gate, O_CLOEXEC) == 0);
    dup2(gate[0], STDIN_FILENO); /* the racers inherit it */
    close(gate[0]);
    for (int i = 0; i < racers; i++) {
        snprintf(name, sizeof name, "race-%d", i);
        pids[i] = start("race", shelf, name, "80", &ready[0]);
        CHECK(read(ready[0], &byte, 1) == 1);
        close(ready[0]);
    }
    dup2(before, STDIN_FILENO);
    close(before);
    return gate[1];
}

static void race(int racers)
{
    Shelf   shelf;
    pid_t   pids[8];
    int64_t whole = 0, behind = -1;
    Err     err;
    shelf_begin(&shelf);
    close(line_up(&shelf, pids, racers));
    for (int i = 0; i < racers; i++) { /* whoever is first to end has not shut the others out */
        int   status;
        pid_t pid = waitpid(-1, &status, 0);
        CHECK(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (i > 0) continue;
        for (int other = 0; other < racers; other++) {
            char name[24];
            snprintf(name, sizeof name, "race-%d", other);
            int64_t count = read_run(&shelf, name).count;
            if (behind < 0 || count < behind) behind = count;
        }
    }
    printf("# when the first of %d had its 80 records, the last one had %d\n", racers, (int)behind);
    CHECK(behind > 0);
    CHECK(journal_list(shelf.journal, (RunFilter){.most = -1}, count_races, &whole, &err) == ST_OK);
    CHECK_INT(whole, racers);
    shelf_end(&shelf);
}

TEST(two_writers_without_a_pause_both_get_their_turns) { race(2); }
TEST(eight_writers_without_a_pause_all_get_their_turns) { race(8); }

TEST(a_reader_sees_a_growing_prefix_without_gaps_while_another_process_writes)
{
    Shelf   shelf;
    int     fd = -1;
    int64_t before = 0;
    shelf_begin(&shelf);
    pid_t pid = start("flood", &shelf, "theirs", "40", &fd);
    for (int i = 0; i < 30; i++) {
        int64_t answered = read_answers(fd, 20);
        Seen    seen = read_run(&shelf, "theirs");
        CHECK_INT(answered, 20);
        CHECK(seen.gapless);
        CHECK(seen.count >= before && seen.count >= 20 * (i + 1));
        before = seen.count;
    }
    CHECK(kill(pid, SIGKILL) == 0);
    wait_for_exit(pid);
    close(fd);
    shelf_end(&shelf);
}

typedef struct Meanwhile {
    Shelf  *writer; /* borrowed */
    int64_t next;
} Meanwhile;

static bool append_meanwhile(void *arg, const Record *record)
{
    Meanwhile *meanwhile = arg;
    (void)record;
    Err err = append_now(meanwhile->writer, "r", meanwhile->next++, "{}", DURABLE_POWER);
    CHECK_INT(err.status, ST_OK);
    return true;
}

TEST(a_reader_in_the_middle_of_a_run_is_not_waited_for)
{
    Shelf writer, reader;
    Err   err;
    shelf_begin(&writer);
    for (int64_t seq = 1; seq <= 5; seq++) append_now(&writer, "r", seq, "{}", DURABLE_PROCESS);
    reader = writer;
    shelf_open(&reader);
    Meanwhile meanwhile = {&writer, 6};
    Status status = journal_read(reader.journal, STR("r"), 1, append_meanwhile, &meanwhile, &err);
    CHECK_INT(status, ST_OK);
    CHECK_INT(meanwhile.next, 11); /* it saw the five that were there when it began */
    CHECK_INT(read_run(&reader, "r").count, 10);
    shelf_close(&reader);
    shelf_end(&writer);
}

/* Waits until somebody has the turn: the journal's thread, which wants to write. */
static void wait_for_the_turn(const Shelf *shelf)
{
    char     path[200];
    FairLock lock;
    Err      err;
    snprintf(path, sizeof path, "%s-lock", shelf->path);
    CHECK(fair_lock_open(&lock, path, &err) == ST_OK);
    while (fair_lock_take(&lock, 1, &err) == ST_OK) fair_lock_leave(&lock);
    fair_lock_close(&lock);
}

TEST(another_program_that_writes_without_the_lock_is_waited_for)
{
    Shelf    shelf;
    sqlite3 *theirs;
    Answer   answer = {0};
    Record   record = record_of("r", 2, "{}");
    shelf_begin(&shelf);
    CHECK_INT(append_now(&shelf, "r", 1, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK(sqlite3_open(shelf.path, &theirs) == SQLITE_OK);
    CHECK(sqlite3_exec(theirs, "BEGIN IMMEDIATE; UPDATE runs SET task='theirs'", NULL, NULL,
                       NULL) == SQLITE_OK);
    journal_append(shelf.journal, &record, DURABLE_PROCESS, on_answer, &answer);
    wait_for_the_turn(&shelf);
    CHECK(sqlite3_exec(theirs, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(theirs) == SQLITE_OK);
    while (!answer.came && loop_run(shelf.loop)) continue;
    CHECK_INT(answer.outcome.status, ST_OK);
    CHECK_INT(read_run(&shelf, "r").count, 2);
    shelf_end(&shelf);
}

/* -- killed ------------------------------------------------------------------------------------ */

TEST(after_a_kill_in_the_middle_everything_answered_is_there_without_gaps)
{
    Shelf   shelf;
    int64_t before = 0;
    shelf_make(&shelf);
    for (int round = 0; round < 8; round++) {
        int     fd = -1;
        pid_t   pid = start("flood", &shelf, "r", round % 2 ? "1" : "40", &fd);
        int64_t answered = read_answers(fd, 50 + 37 * round);
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK_INT(wait_for_exit(pid), 128 + SIGKILL);
        answered += read_answers(fd, -1);
        close(fd);
        shelf_open(&shelf);
        Seen seen = read_run(&shelf, "r");
        CHECK(seen.gapless);
        CHECK(seen.count >= before + answered);
        CHECK_INT(append_now(&shelf, "r", seen.count + 1, "{}", DURABLE_PROCESS).status, ST_OK);
        before = seen.count + 1;
        shelf_close(&shelf);
    }
    shelf_remove(&shelf);
}

TEST(a_process_that_is_killed_does_not_keep_the_others_waiting)
{
    Shelf shelf;
    int   fd = -1;
    shelf_begin(&shelf);
    pid_t pid = start("flood", &shelf, "theirs", "40", &fd);
    CHECK_INT(read_answers(fd, 20), 20);
    for (int64_t seq = 1; seq <= 20; seq++)
        CHECK_INT(append_now(&shelf, "ours", seq, "{}", DURABLE_PROCESS).status, ST_OK);
    CHECK(kill(pid, SIGKILL) == 0);
    wait_for_exit(pid);
    close(fd);
    CHECK_INT(append_now(&shelf, "ours", 21, "{}", DURABLE_POWER).status, ST_OK);
    CHECK_INT(read_run(&shelf, "ours").count, 21);
    shelf_end(&shelf);
}

/* -- the lock ---------------------------------------------------------------------------------- */

TEST(a_lock_that_is_not_let_go_is_given_up_on_in_time)
{
    Shelf    shelf;
    FairLock one, two;
    Err      err;
    char     path[200];
    shelf_make(&shelf);
    snprintf(path, sizeof path, "%s/lock", shelf.folder);
    CHECK(fair_lock_open(&one, path, &err) == ST_OK);
    CHECK(fair_lock_open(&two, path, &err) == ST_OK);
    CHECK(fair_lock_take(&one, 1000, &err) == ST_OK);
    CHECK_INT(fair_lock_take(&two, 5, &err), ST_TIMEOUT);
    CHECK_INT(fair_lock_take(&two, 0, &err), ST_TIMEOUT);
    fair_lock_leave(&one);
    CHECK_INT(fair_lock_take(&two, 0, &err), ST_OK);
    fair_lock_close(&two); /* closing lets go */
    CHECK_INT(fair_lock_take(&one, 0, &err), ST_OK);
    fair_lock_close(&one);
    shelf_remove(&shelf);
}

typedef struct Hog {
    const char *path;
    atomic_bool stop;
    atomic_int  inside, clashes, turns;
} Hog;

static bool take_turn(Hog *hog, FairLock *lock)
{
    Err err;
    if (fair_lock_take(lock, 60000, &err) != ST_OK) return false;
    if (atomic_fetch_add(&hog->inside, 1) != 0) atomic_fetch_add(&hog->clashes, 1);
    atomic_fetch_add(&hog->turns, 1);
    atomic_fetch_sub(&hog->inside, 1);
    fair_lock_leave(lock);
    return true;
}

static void *be_greedy(void *arg)
{
    Hog     *hog = arg;
    FairLock lock;
    Err      err;
    if (fair_lock_open(&lock, hog->path, &err) != ST_OK) return NULL;
    while (!atomic_load(&hog->stop) && take_turn(hog, &lock)) continue;
    fair_lock_close(&lock);
    return NULL;
}

TEST(who_takes_the_lock_without_a_pause_does_not_shut_the_others_out)
{
    Shelf     shelf;
    char      path[200];
    pthread_t threads[3];
    FairLock  lock;
    Err       err;
    shelf_make(&shelf);
    snprintf(path, sizeof path, "%s/lock", shelf.folder);
    Hog hog = {.path = path};
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, be_greedy, &hog) == 0);
    CHECK(fair_lock_open(&lock, path, &err) == ST_OK);
    for (int i = 0; i < 300; i++) CHECK(take_turn(&hog, &lock));
    atomic_store(&hog.stop, true);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    CHECK_INT(hog.clashes, 0);
    printf("# %d turns in all while we had 300\n", atomic_load(&hog.turns));
    fair_lock_close(&lock);
    shelf_remove(&shelf);
}

int main(int argc, char **argv)
{
    if (argc == 5) return child_main(argv);
    open_what_stays_open();
    return tap_run();
}
