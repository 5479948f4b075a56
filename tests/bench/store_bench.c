/* The time of an append through the journal beside the same rows written by a bare SQLite program,
 * in the same folder, in one run: turn by turn, so that a slow moment of the disk hits both.
 *
 *     one, synced     each append waits for the one before and is fsynced
 *     many, synced    100 appends wait together; the bare program takes them in one transaction
 *     one, committed  each append waits for the one before; nothing is fsynced
 *     2, 8 writers    processes that append side by side, one record a transaction, each fsynced
 */
#include "../../host/store/journal.h"
#include "bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 10, PER_ROUND = 200, TOGETHER = 100 };

static const char BODY[] =
    "{\"role\":\"assistant\",\"text\":\"The test failed because the bounds of the array were read "
    "before the lock was taken; moved the check below it and ran the tests again.\",\"usage\":"
    "{\"input\":18234,\"output\":412,\"cached\":17920},\"stop\":\"tool\",\"model\":\"some-model\"}";

typedef struct Bench {
    Loop         *loop;
    Journal      *journal;
    int64_t       seq, asked, answered;
    sqlite3      *db;
    sqlite3_stmt *insert;
    int64_t       bare_seq;
} Bench;

static void die(const char *what)
{
    fprintf(stderr, "store_bench: %s\n", what);
    exit(1);
}

static void run_sql(Bench *bench, const char *sql)
{
    if (sqlite3_exec(bench->db, sql, NULL, NULL, NULL) != SQLITE_OK) die(sqlite3_errmsg(bench->db));
}

static void open_bare(Bench *bench, const char *path)
{
    if (sqlite3_open(path, &bench->db) != SQLITE_OK) die(sqlite3_errmsg(bench->db));
    sqlite3_busy_timeout(bench->db, 60000);
    run_sql(bench,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE IF NOT EXISTS records(format INTEGER NOT NULL, run TEXT NOT NULL,"
            "  seq INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL,"
            "  body TEXT NOT NULL, PRIMARY KEY(run, seq))");
    if (sqlite3_prepare_v2(bench->db, "INSERT INTO records VALUES(1,?3,?1,1,'turn',?2)", -1,
                           &bench->insert, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(bench->db));
}

static void on_answer(void *arg, const Err *outcome)
{
    Bench *bench = arg;
    if (outcome->status != ST_OK) die(outcome->text);
    if (++bench->answered == bench->asked) loop_stop(bench->loop);
}

/* Appends `count` records, `together` at a time. */
static double through_journal(Bench *bench, int count, int together, Durability durability)
{
    double began = bench_now_us();
    for (int done = 0; done < count; done += together) {
        for (int i = 0; i < together; i++) {
            Record record = {STR("run"), ++bench->seq, 1, STR("turn"), {BODY, sizeof BODY - 1}};
            bench->asked++;
            journal_append(bench->journal, &record, durability, on_answer, bench);
        }
        loop_run(bench->loop);
    }
    return bench_now_us() - began;
}

static double through_sqlite(Bench *bench, int count, int together, Durability durability)
{
    run_sql(bench,
            durability == DURABLE_POWER ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    double began = bench_now_us();
    for (int done = 0; done < count; done += together) {
        run_sql(bench, "BEGIN IMMEDIATE");
        for (int i = 0; i < together; i++) {
            sqlite3_bind_int64(bench->insert, 1, ++bench->bare_seq);
            sqlite3_bind_text(bench->insert, 2, BODY, sizeof BODY - 1, SQLITE_STATIC);
            sqlite3_bind_text(bench->insert, 3, "run", -1, SQLITE_STATIC);
            if (sqlite3_step(bench->insert) != SQLITE_DONE) die(sqlite3_errmsg(bench->db));
            sqlite3_reset(bench->insert);
        }
        run_sql(bench, "COMMIT");
    }
    return bench_now_us() - began;
}

static void measure(Bench *bench, const char *name, int together, Durability durability)
{
    double ours[ROUNDS], bare[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        ours[round] = through_journal(bench, PER_ROUND, together, durability) / PER_ROUND;
        bare[round] = through_sqlite(bench, PER_ROUND, together, durability) / PER_ROUND;
    }
    bench_row(name, "us", bench_median(ours, ROUNDS), "the same rows by bare SQLite",
              bench_median(bare, ROUNDS));
}

/* -- several writers --------------------------------------------------------------------------- */

/* A writer is this program again: `store_bench journal|bare PATH NAME`. It says when it is ready,
 * begins when its stdin ends, commits records one by one, synced, for WRITER_MS, and says how many.
 */
enum { WRITER_MS = 1500, WRITERS_MOST = 8 };

static int write_for_a_while(Bench *bench, const char *run, bool bare)
{
    int64_t count = 0;
    char    byte;
    if (write(STDOUT_FILENO, "r", 1) != 1) return 1;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    for (double end = bench_now_us() + WRITER_MS * 1e3; bench_now_us() < end; count++) {
        if (bare) {
            run_sql(bench, "BEGIN IMMEDIATE");
            sqlite3_bind_int64(bench->insert, 1, ++bench->bare_seq);
            sqlite3_bind_text(bench->insert, 2, BODY, sizeof BODY - 1, SQLITE_STATIC);
            sqlite3_bind_text(bench->insert, 3, run, -1, SQLITE_STATIC);
            if (sqlite3_step(bench->insert) != SQLITE_DONE) die(sqlite3_errmsg(bench->db));
            sqlite3_reset(bench->insert);
            run_sql(bench, "COMMIT");
            continue;
        }
        Record record = {str_from(run), ++bench->seq, 1, STR("turn"), {BODY, sizeof BODY - 1}};
        bench->asked++;
        journal_append(bench->journal, &record, DURABLE_POWER, on_answer, bench);
        loop_run(bench->loop);
    }
    printf("%lld\n", (long long)count);
    return 0;
}

static int writer_main(char **argv)
{
    Bench bench = {0};
    Err   err;
    bool  bare = strcmp(argv[1], "bare") == 0;
    int   rc;
    if (bare) {
        open_bare(&bench, argv[2]);
    } else {
        if (loop_new(&bench.loop, false, &err) != ST_OK) die(err.text);
        if (journal_open(bench.loop, argv[2], &bench.journal, &err) != ST_OK) die(err.text);
        journal_claim(bench.journal, str_from(argv[3]), NULL, NULL);
    }
    rc = write_for_a_while(&bench, argv[3], bare);
    if (bare) {
        sqlite3_finalize(bench.insert);
        sqlite3_close(bench.db);
    } else {
        journal_close(bench.journal);
        loop_free(bench.loop);
    }
    return rc;
}

static FILE *start_writer(const char *kind, const char *path, const char *run, const int gate[2])
{
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) die("pipe");
    if (fork() == 0) {
        dup2(gate[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execl("/proc/self/exe", "store_bench", kind, path, run, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *said = fdopen(out[0], "r");
    if (!said || fgetc(said) != 'r') die("a writer did not start");
    return said;
}

/* `*total` records a second, and `*apart`: the most that a writer had for each of the least (one that
 * had none counts as one). */
static void let_write(const char *kind, const char *path, int writers, double *total, double *apart)
{
    FILE  *said[WRITERS_MOST];
    int    gate[2];
    double most = 0, least = 1e18;
    char   run[40];
    *total = 0;
    if (pipe2(gate, O_CLOEXEC) != 0) die("pipe");
    for (int i = 0; i < writers; i++) {
        snprintf(run, sizeof run, "%d-of-%d", i, writers);
        said[i] = start_writer(kind, path, run, gate);
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < writers; i++) {
        char   line[40] = "0";
        double count = fgets(line, sizeof line, said[i]) ? strtod(line, NULL) : 0;
        fclose(said[i]);
        if (wait(NULL) < 0) die("wait");
        *total += count / (WRITER_MS / 1e3);
        if (count > most) most = count;
        if (count < least) least = count;
    }
    *apart = least > 0 ? most / least : most;
}

static void measure_writers(const char *folder, int writers)
{
    char   ours_path[300], bare_path[300], name[60];
    double ours, bare, ours_apart, bare_apart;
    snprintf(ours_path, sizeof ours_path, "%s/journal.db", folder);
    snprintf(bare_path, sizeof bare_path, "%s/bare.db", folder);
    let_write("journal", ours_path, writers, &ours, &ours_apart);
    let_write("bare", bare_path, writers, &bare, &bare_apart);
    snprintf(name, sizeof name, "%d writers: appends, synced", writers);
    bench_row(name, "per s", ours, "the same by bare SQLite, busy_timeout", bare);
    snprintf(name, sizeof name, "%d writers: the most for one of the least", writers);
    bench_row(name, "times", ours_apart, "the same by bare SQLite, busy_timeout", bare_apart);
}

int main(int argc, char **argv)
{
    if (argc == 4) return writer_main(argv);
    Bench       bench = {0};
    Err         err;
    char        path[200], command[300];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.100s/store-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(path)) die("mkdtemp");
    snprintf(command, sizeof command, "rm -rf -- '%s'", path);
    size_t end = strlen(path);

    strcpy(path + end, "/journal.db");
    if (loop_new(&bench.loop, false, &err) != ST_OK) die(err.text);
    if (journal_open(bench.loop, path, &bench.journal, &err) != ST_OK) die(err.text);
    journal_claim(bench.journal, STR("run"), NULL, NULL);
    strcpy(path + end, "/bare.db");
    open_bare(&bench, path);

    measure(&bench, "append: one, synced", 1, DURABLE_POWER);
    measure(&bench, "append: 100 at once, synced", TOGETHER, DURABLE_POWER);
    measure(&bench, "append: one, committed", 1, DURABLE_PROCESS);

    sqlite3_finalize(bench.insert);
    sqlite3_close(bench.db);
    journal_close(bench.journal);
    loop_free(bench.loop);
    path[end] = '\0';
    measure_writers(path, 2);
    measure_writers(path, 8);
    return system(command) == 0 ? 0 : 1;
}
