/* How long a run takes to go on, and what one costs that waits.
 *
 *     resume of N steps    `perigee runs resume --from` the last of N steps of a chain, process
 * start to exit, beside the same chain running for the first time a step on resume     by the
 * difference of two lengths: of 1,000 and 10,000 steps beside 100 and 1,000. 1 says that the time
 * grows as the journal does a run that waits     bytes of the journal's file for each of MANY runs
 * that wait for an answer, beside the bodies of their records
 *
 * Use     BUILD=build/release PERIGEE=./perigee build/release/tests/bench/resume_bench
 */
#include "process.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 5, FEW = 10, MANY = 110, WAITING = 40 };

static const int LENGTHS[] = {100, 1000, 10000};

static const char CHAIN[] =
    "local schema = require \"lib.schema\"\n"
    "return { params = schema.object { { \"n\", schema.integer(), \"Steps.\" } },\n"
    "  run = function(run, params)\n"
    "    for i = 1, params.n do run.step(\"count\", function() return i end) end\n"
    "    return params.n > 0 and \"done\" or run.question(\"Shall it go on?\")\n"
    "  end }\n";

static const char *perigee;
static char        folder[PATH_MAX / 2];

static void clean_up(void)
{
    char *argv[] = {"rm", "-rf", "--", folder, NULL};
    pid_t pid;
    if (folder[0] && posix_spawnp(&pid, argv[0], NULL, NULL, argv, NULL) == 0)
        waitpid(pid, NULL, 0);
}

static void die(const char *what)
{
    fprintf(stderr, "resume_bench: %s\n", what);
    exit(1);
}

static char *path_of(const char *name)
{
    static char paths[4][PATH_MAX];
    static int  next;
    char       *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.1000s/resume-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) die("mkdtemp");
    FILE *chain = fopen(path_of("chain.lua"), "w");
    if (!chain || fputs(CHAIN, chain) < 0 || fclose(chain) != 0) die("chain.lua");
    if (mkdir(path_of("work"), 0700) != 0) die("mkdir");
}

static double run_perigee(char *const *argv, int wanted)
{
    char  home[PATH_MAX], path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    char *envp[] = {path, home, NULL};
    snprintf(home, sizeof home, "HOME=%s", folder);
    return process_measure_ending("resume_bench", argv, envp, wanted).wall_ms;
}

static double run_chain(const char *store, int steps, int wanted)
{
    char  set[32];
    char *argv[] = {(char *)(uintptr_t)perigee,
                    "run",
                    "--workspace",
                    path_of("work"),
                    "--store",
                    path_of(store),
                    "--set",
                    set,
                    "--model",
                    "rehearsal:demo",
                    path_of("chain.lua"),
                    NULL};
    snprintf(set, sizeof set, "n=%d", steps);
    return run_perigee(argv, wanted);
}

static double resume_last(const char *store, int steps)
{
    char  from[32];
    char *argv[] = {(char *)(uintptr_t)perigee,
                    "runs",
                    "resume",
                    "last",
                    "--from",
                    from,
                    "--store",
                    path_of(store),
                    NULL};
    snprintf(from, sizeof from, "%d", steps);
    return run_perigee(argv, 0);
}

static void bench_lengths(void)
{
    double resumed[3][ROUNDS], began[3][ROUNDS], ms[3];
    char   store[32], name[64];
    for (int i = 0; i < 3; i++) {
        for (int round = 0; round < ROUNDS; round++) {
            snprintf(store, sizeof store, "%d-%d.db", LENGTHS[i], round);
            began[i][round] = run_chain(store, LENGTHS[i], 0);
            resumed[i][round] = resume_last(store, LENGTHS[i]);
        }
        ms[i] = bench_median(resumed[i], ROUNDS);
        snprintf(name, sizeof name, "resume of %d steps: wall time", LENGTHS[i]);
        bench_row(name, "ms", ms[i], "the same chain, the first time",
                  bench_median(began[i], ROUNDS));
    }
    bench_row("a step on resume, 1,000 to 10,000", "us", (ms[2] - ms[1]) * 1e3 / 9000,
              "a step on resume, 100 to 1,000", (ms[1] - ms[0]) * 1e3 / 900);
}

/* One number that the journal's file answers. */
static double ask(const char *store, const char *sql)
{
    sqlite3      *db;
    sqlite3_stmt *query;
    if (sqlite3_open(path_of(store), &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK ||
        sqlite3_step(query) != SQLITE_ROW)
        die(sqlite3_errmsg(db));
    double number = sqlite3_column_double(query, 0);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return number;
}

static void bench_waiting(void)
{
    static const char *const FILE_BYTES =
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    static const char *const BODY_BYTES = "SELECT sum(length(body)) FROM records";
    double                   bytes = 0, bodies = 0;
    for (int i = 0; i < MANY; i++) {
        run_chain("waiting.db", 0, WAITING);
        if (i + 1 != FEW) continue;
        bytes = ask("waiting.db", FILE_BYTES);
        bodies = ask("waiting.db", BODY_BYTES);
    }
    bench_row("a run that waits: bytes", "bytes",
              (ask("waiting.db", FILE_BYTES) - bytes) / (MANY - FEW), "bodies of its records",
              (ask("waiting.db", BODY_BYTES) - bodies) / (MANY - FEW));
}

int main(void)
{
    perigee = getenv("PERIGEE");
    if (!perigee) die("PERIGEE names the program");
    atexit(clean_up);
    make_folder();
    bench_lengths();
    bench_waiting();
    return 0;
}
