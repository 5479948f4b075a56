/* `true`, `bash -c true` and a compiler's run in a warm space, each beside a bare posix_spawn of
 * the same and beside bubblewrap with the same isolation: interleaved in one run, so that what the
 * machine does meanwhile meets all three. First with a small host, then with a gigabyte resident in
 * it: what starts a process must not grow with the process that starts it. */
#include "../../host/sandbox/process.h"
#include "bench.h"

#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS_MAX = 200, WARM_UP = 3, WORDS_MAX = 8, WRAP_MAX = 80 };

#define RESIDENT_SMALL (10UL << 20)
#define RESIDENT_LARGE (1UL << 30)

typedef struct Bench {
    Loop  *loop;
    Space *space;
    Err    err;
    int    code;
} Bench;

typedef struct Work {
    const char *name;
    int         rounds;
    const char
        *words[WORDS_MAX]; /* absolute paths, so that all three find the same; ends in NULL */
} Work;

static void on_end(void *arg, SandboxResult *result)
{
    Bench *bench = arg;
    bench->err = result->err;
    bench->code = result->exit_code;
    loop_stop(bench->loop);
}

static double run_sandboxed(Bench *bench, const char *const *words)
{
    const ExecEvents events = {.on_end = on_end};
    const ExecSpec   spec = {.argv = words, .writes = true};
    SandboxExec     *exec;
    double           from = bench_now_us();
    if (exec_begin(bench->space, &spec, &events, bench, &exec, &bench->err) != ST_OK) return -1;
    loop_run(bench->loop);
    return bench->err.status == ST_OK && bench->code == 0 ? bench_now_us() - from : -1;
}

static double run_plain(const char *const *words)
{
    static char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
    pid_t              pid;
    int                status = 0;
    double             from = bench_now_us();
    if (posix_spawn(&pid, words[0], NULL, NULL, (char *const *)(uintptr_t)words, envp) != 0)
        return -1;
    waitpid(pid, &status, 0);
    return status == 0 ? bench_now_us() - from : -1;
}

static const char *find_bwrap(void)
{
    static const char *const paths[] = {"/usr/bin/bwrap", "/usr/local/bin/bwrap", NULL};
    for (size_t i = 0; paths[i]; i++)
        if (access(paths[i], X_OK) == 0) return paths[i];
    return NULL;
}

static const char *helper_path(void)
{
    static char path[PATH_MAX + 64];
    const char *program = getenv("PERIGEE");
    snprintf(path, sizeof path, "%s-sandbox", program ? program : "./perigee");
    return path;
}

/* bubblewrap's words for walls like ours, then the command's. */
static void wrap_words(const char *bwrap, const char *folder, const char *const *words,
                       const char *out[WRAP_MAX])
{
    const char *const walls[] = {bwrap,
                                 "--unshare-all",
                                 "--die-with-parent",
                                 "--new-session",
                                 "--hostname",
                                 "sandbox",
                                 "--ro-bind",
                                 "/usr",
                                 "/usr",
                                 "--symlink",
                                 "usr/bin",
                                 "/bin",
                                 "--symlink",
                                 "usr/lib",
                                 "/lib",
                                 "--symlink",
                                 "usr/lib64",
                                 "/lib64",
                                 "--ro-bind-try",
                                 "/etc/alternatives",
                                 "/etc/alternatives",
                                 "--ro-bind-try",
                                 "/etc/ld.so.cache",
                                 "/etc/ld.so.cache",
                                 "--ro-bind-try",
                                 "/etc/ld.so.conf",
                                 "/etc/ld.so.conf",
                                 "--ro-bind-try",
                                 "/etc/ld.so.conf.d",
                                 "/etc/ld.so.conf.d",
                                 "--ro-bind-try",
                                 "/etc/ssl/certs",
                                 "/etc/ssl/certs",
                                 "--proc",
                                 "/proc",
                                 "--dev",
                                 "/dev",
                                 "--tmpfs",
                                 "/tmp",
                                 "--tmpfs",
                                 "/var/tmp",
                                 "--tmpfs",
                                 "/home/agent",
                                 "--tmpfs",
                                 "/run",
                                 "--bind",
                                 folder,
                                 folder,
                                 "--chdir",
                                 folder,
                                 "--uid",
                                 "1000",
                                 "--gid",
                                 "1000",
                                 "--cap-drop",
                                 "ALL",
                                 "--clearenv",
                                 "--setenv",
                                 "PATH",
                                 "/usr/bin:/bin"};
    size_t            count = sizeof walls / sizeof walls[0];
    memcpy(out, walls, sizeof walls);
    while (*words) out[count++] = *words++;
    out[count] = NULL;
}

/* Answers false, and why, when the sandbox or the command itself fails. */
static bool measure(Bench *bench, const Work *work, const char *bwrap, const char *folder,
                    const char *host)
{
    static double bare[ROUNDS_MAX], boxed[ROUNDS_MAX], wrapped[ROUNDS_MAX];
    const char   *wrap[WRAP_MAX];
    char          what[80];
    if (bwrap) wrap_words(bwrap, folder, work->words, wrap);
    for (int i = -WARM_UP; i < work->rounds; i++) {
        int    at = i < 0 ? 0 : i;
        double with = bwrap ? run_plain(wrap) : -1;
        bare[at] = run_plain(work->words);
        boxed[at] = run_sandboxed(bench, work->words);
        wrapped[at] = with;
        if (with < 0) bwrap = NULL; /* it is not there, or fails here */
        if (bare[at] < 0 || boxed[at] < 0) {
            fprintf(stderr, "sandbox_bench: %s left out: %s\n", work->name,
                    bare[at] < 0 ? "it does not run here" : bench->err.text);
            return bare[at] < 0;
        }
    }
    size_t count = (size_t)work->rounds;
    double ours = bench_median(boxed, count);
    snprintf(what, sizeof what, "%s, %s host", work->name, host);
    bench_row(what, "us", ours, "bare posix_spawn", bench_median(bare, count));
    if (bwrap) bench_row(what, "us", ours, "bubblewrap, same walls", bench_median(wrapped, count));
    return true;
}

/* Memory that is really there until the process ends. */
static bool reside(size_t bytes)
{
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    for (size_t i = 0; i < bytes; i += 4096) at[i] = 1;
    return true;
}

static bool has_room(size_t bytes)
{
    return (size_t)sysconf(_SC_AVPHYS_PAGES) > 2 * bytes / (size_t)sysconf(_SC_PAGESIZE);
}

static bool write_source(const char *path)
{
    FILE *file = fopen(path, "w");
    return file &&
           fputs("#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n", file) >=
               0 &&
           fclose(file) == 0;
}

int main(void)
{
    char        folder[] = "/tmp/perigee-bench-XXXXXX", source[64], program[64];
    Bench       bench = {0};
    const char *bwrap = find_bwrap();
    if (!mkdtemp(folder)) return 1;
    snprintf(source, sizeof source, "%s/main.c", folder);
    snprintf(program, sizeof program, "%s/main", folder);
    SpaceSpec  spec = {.workspace = folder, .helper = helper_path()};
    const Work works[] = {
        {"true", 200, {"/bin/true", NULL}},
        {"bash -c true", 100, {"/bin/bash", "-c", "true", NULL}},
        {"cc of a small program", 15, {"/usr/bin/cc", "-o", program, source, NULL}},
    };
    if (!write_source(source) || loop_new(&bench.loop, false, &bench.err) != ST_OK ||
        space_new(bench.loop, &spec, &bench.space, &bench.err) != ST_OK)
        return fprintf(stderr, "%s\n", bench.err.text), 1;
    if (!bwrap) fprintf(stderr, "sandbox_bench: bubblewrap is not installed, not compared\n");
    double first = run_sandboxed(&bench, works[0].words);
    if (first < 0) return fprintf(stderr, "skipped: %s\n", bench.err.text), 0;
    bench_row("true, first of a run", "us", first, "bare posix_spawn", run_plain(works[0].words));
    bool works_here = reside(RESIDENT_SMALL);
    for (size_t i = 0; i < 3 && works_here; i++)
        works_here = measure(&bench, &works[i], bwrap, folder, "10 MB");
    if (!has_room(RESIDENT_LARGE) || !reside(RESIDENT_LARGE))
        fprintf(stderr, "sandbox_bench: too little memory for a host of 1 GB\n"),
            works_here = false;
    for (size_t i = 0; i < 3 && works_here; i++)
        works_here = measure(&bench, &works[i], bwrap, folder, "1 GB");
    space_free(bench.space);
    loop_free(bench.loop);
    unlink(source);
    unlink(program);
    rmdir(folder);
    return 0;
}
