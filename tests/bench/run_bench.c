/* A whole `perigee run`, process start to exit, against a server on loopback that answers at once,
 * beside bare_run: two POSTs and one bash without a host around them.
 *
 *     a verb's start    CPU of `runs list` on an empty journal; beside it --help, without a VM
 *
 *     wall, peak memory  a run with one call of bash; memory is the largest of the process or of
 *     any process it waited for (ru_maxrss)
 *
 *     CPU a turn         user and system time of a run with MANY calls of read, less one with FEW,
 *     by the turns between them; children that were waited for are counted. The row of growth sets
 *     the turns from MANY to MORE beside those from FEW to MANY: 1 is linear
 *
 * Use     BUILD=build/release PERIGEE=./perigee build/release/tests/bench/run_bench
 */
#include "canned.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 31, WARM_UP = 3, FEW = 50, MANY = 250, MORE = 650, LONG_RUNS = 5 };

typedef struct Bench {
    const char *perigee, *build; /* borrowed (from the environment) */
    char        folder[PATH_MAX / 2];
    char        url[64];
    pid_t       server;
} Bench;

static Bench bench;

static void clean_up(void)
{
    canned_stop(bench.server);
    char *argv[] = {"rm", "-rf", "--", bench.folder, NULL};
    pid_t pid;
    if (bench.folder[0] && posix_spawnp(&pid, argv[0], NULL, NULL, argv, NULL) == 0)
        waitpid(pid, NULL, 0);
}

static void die(const char *what)
{
    fprintf(stderr, "run_bench: %s\n", what);
    exit(1);
}

static Cost run_ours(const char *tool, int calls)
{
    char workspace[PATH_MAX], store[PATH_MAX], url[200], home[PATH_MAX],
        path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    snprintf(workspace, sizeof workspace, "%s/workspace", bench.folder);
    snprintf(store, sizeof store, "%s/journal.db", bench.folder);
    snprintf(url, sizeof url, "ANTHROPIC_BASE_URL=%s/%s/%d", bench.url, tool, calls);
    snprintf(home, sizeof home, "HOME=%s", bench.folder);
    char *argv[] = {(char *)(uintptr_t)bench.perigee,
                    "run",
                    "--workspace",
                    workspace,
                    "--store",
                    store,
                    "--hops",
                    "off",
                    "--limit",
                    "turns=1000,calls=1000",
                    "062",
                    "Go.",
                    NULL};
    char *envp[] = {path, url, home, NULL};
    return process_measure("run_bench", argv, envp);
}

static Cost run_bare(const char *tool, int calls)
{
    char program[PATH_MAX], count[16], path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    snprintf(program, sizeof program, "%s/tests/bench/bare_run", bench.build);
    snprintf(count, sizeof count, "%d", calls);
    char *argv[] = {program, bench.url, (char *)(uintptr_t)tool, count, NULL};
    char *envp[] = {path, NULL};
    return process_measure("run_bench", argv, envp);
}

static void start_server(void)
{
    bench.server = canned_start(bench.build, bench.url, sizeof bench.url);
    if (bench.server <= 0) die("canned_server does not start");
}

static void make_workspace(void)
{
    const char *tmp = getenv("TMPDIR");
    char        path[PATH_MAX];
    snprintf(bench.folder, sizeof bench.folder, "%.1000s/run-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(bench.folder)) die("mkdtemp");
    snprintf(path, sizeof path, "%s/workspace", bench.folder);
    if (mkdir(path, 0700) != 0) die("mkdir");
    snprintf(path, sizeof path, "%s/workspace/a.txt", bench.folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs("one line\n", file) < 0 || fclose(file) != 0) die("a.txt");
}

static Cost start_verb(const char *verb, const char *word)
{
    char store[PATH_MAX], home[PATH_MAX], path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    snprintf(store, sizeof store, "%s/empty.db", bench.folder);
    snprintf(home, sizeof home, "HOME=%s", bench.folder);
    char *argv[] = {(char *)(uintptr_t)bench.perigee,
                    (char *)(uintptr_t)verb,
                    (char *)(uintptr_t)word,
                    word ? "--store" : NULL,
                    store,
                    NULL};
    char *envp[] = {path, home, NULL};
    return process_measure("run_bench", argv, envp);
}

static void bench_start(void)
{
    static double ours[RUNS], bare[RUNS];
    for (int i = -WARM_UP; i < RUNS; i++) {
        Cost list = start_verb("runs", "list"), help = start_verb("--help", NULL);
        if (i < 0) continue;
        ours[i] = list.cpu_ms;
        bare[i] = help.cpu_ms;
    }
    bench_row("start of a verb, runs list: CPU", "ms", bench_median(ours, RUNS),
              "the same program's --help", bench_median(bare, RUNS));
}

static void bench_one_call(void)
{
    static double wall[2][RUNS], peak[2][RUNS], cpu[2][RUNS];
    for (int i = -WARM_UP; i < RUNS; i++) {
        Cost costs[2] = {run_ours("bash", 1), run_bare("bash", 1)};
        for (int side = 0; side < 2 && i >= 0; side++) {
            wall[side][i] = costs[side].wall_ms;
            peak[side][i] = costs[side].peak_mb;
            cpu[side][i] = costs[side].cpu_ms;
        }
    }
    const char *bare = "two POSTs by libcurl and one bash";
    bench_row("run with one call: wall time", "ms", bench_median(wall[0], RUNS), bare,
              bench_median(wall[1], RUNS));
    bench_row("run with one call: CPU", "ms", bench_median(cpu[0], RUNS), bare,
              bench_median(cpu[1], RUNS));
    bench_row("run with one call: peak memory", "MB", bench_median(peak[0], RUNS), bare,
              bench_median(peak[1], RUNS));
}

static void bench_turns(void)
{
    double ours[LONG_RUNS], bare[LONG_RUNS], peak[LONG_RUNS], peak_bare[LONG_RUNS];
    double late[LONG_RUNS];
    for (int i = 0; i < LONG_RUNS; i++) {
        Cost few = run_ours("read", FEW), bare_few = run_bare("read", FEW);
        Cost many = run_ours("read", MANY), bare_many = run_bare("read", MANY);
        Cost more = run_ours("read", MORE);
        ours[i] = (many.cpu_ms - few.cpu_ms) / (MANY - FEW);
        bare[i] = (bare_many.cpu_ms - bare_few.cpu_ms) / (MANY - FEW);
        late[i] = (more.cpu_ms - many.cpu_ms) / (MORE - MANY);
        peak[i] = many.peak_mb;
        peak_bare[i] = bare_many.peak_mb;
    }
    const char *floor = "one POST of as many turns by libcurl";
    bench_row("CPU a turn with one read", "ms", bench_median(ours, LONG_RUNS), floor,
              bench_median(bare, LONG_RUNS));
    bench_row("CPU a turn: growth from 250 to 650", "ms", bench_median(late, LONG_RUNS),
              "ours, turns 50 to 250", bench_median(ours, LONG_RUNS));
    bench_row("run of 250 reads: peak memory", "MB", bench_median(peak, LONG_RUNS), floor,
              bench_median(peak_bare, LONG_RUNS));
}

int main(void)
{
    bench.perigee = getenv("PERIGEE");
    bench.build = getenv("BUILD");
    if (!bench.perigee || !bench.build) die("PERIGEE and BUILD are not set; make bench sets them");
    atexit(clean_up);
    make_workspace();
    start_server();
    bench_start();
    bench_one_call();
    bench_turns();
    return 0;
}
