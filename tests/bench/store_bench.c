/* The time of an append through the journal beside the same rows written by a bare SQLite program,
 * in the same folder, in one run: turn by turn, so that a slow moment of the disk hits both.
 *
 *     one, synced     each append waits for the one before and is fsynced
 *     many, synced    100 appends wait together; the bare program takes them in one transaction
 *     one, committed  each append waits for the one before; nothing is fsynced
 */
#include "../../host/store/journal.h"
#include "bench.h"

#include <sqlite3.h>
#include <string.h>
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

int main(void)
{
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
    strcpy(path + end, "/bare.db");
    if (sqlite3_open(path, &bench.db) != SQLITE_OK) die(sqlite3_errmsg(bench.db));
    run_sql(&bench,
            "PRAGMA journal_mode=WAL; CREATE TABLE records(format INTEGER NOT NULL, run TEXT "
            "NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, "
            "body TEXT NOT NULL, PRIMARY KEY(run, seq))");
    if (sqlite3_prepare_v2(bench.db, "INSERT INTO records VALUES(1,'run',?1,1,'turn',?2)", -1,
                           &bench.insert, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(bench.db));

    measure(&bench, "append: one, synced", 1, DURABLE_POWER);
    measure(&bench, "append: 100 at once, synced", TOGETHER, DURABLE_POWER);
    measure(&bench, "append: one, committed", 1, DURABLE_PROCESS);

    sqlite3_finalize(bench.insert);
    sqlite3_close(bench.db);
    journal_close(bench.journal);
    loop_free(bench.loop);
    return system(command) == 0 ? 0 : 1;
}
