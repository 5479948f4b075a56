/* One sandboxed `true` in a warm space, beside a bare posix_spawn of it and beside bubblewrap with
 * the same isolation: interleaved in one run, so that what the machine does meanwhile meets all
 * three. */
#include "../../host/sandbox/process.h"
#include "bench.h"

#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 200, WARM_UP = 10 };

typedef struct Bench {
    Loop  *loop;
    Space *space;
    Err    err;
} Bench;

static void on_end(void *arg, SandboxResult *result)
{
    Bench *bench = arg;
    bench->err = result->err;
    loop_stop(bench->loop);
}

static double run_sandboxed(Bench *bench)
{
    static const char *const argv[] = {"/bin/true", NULL};
    const ExecEvents         events = {.on_end = on_end};
    const ExecSpec           spec = {.argv = argv, .writes = true};
    SandboxExec             *exec;
    double                   from = bench_now_us();
    if (exec_begin(bench->space, &spec, &events, bench, &exec, &bench->err) != ST_OK) return -1;
    loop_run(bench->loop);
    return bench->err.status == ST_OK ? bench_now_us() - from : -1;
}

static double run_plain(const char *const *argv)
{
    static char *const envp[] = {NULL};
    pid_t              pid;
    int                status = 0;
    double             from = bench_now_us();
    if (posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, envp) != 0)
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

int main(void)
{
    static double bare[ROUNDS], boxed[ROUNDS], wrapped[ROUNDS];
    char          folder[] = "/tmp/perigee-bench-XXXXXX";
    Bench         bench = {0};
    const char   *bwrap = find_bwrap();
    if (!mkdtemp(folder)) return 1;
    const char *const plain[] = {"/bin/true", NULL};
    const char *const wrap[] = {bwrap,
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
                                "/usr/bin:/bin",
                                "/bin/true",
                                NULL};
    SpaceSpec         spec = {.workspace = folder, .helper = helper_path()};
    if (loop_new(&bench.loop, false, &bench.err) != ST_OK ||
        space_new(bench.loop, &spec, &bench.space, &bench.err) != ST_OK)
        return fprintf(stderr, "%s\n", bench.err.text), 1;
    double first = run_sandboxed(&bench);
    for (int i = -WARM_UP; i < ROUNDS; i++) {
        double a = run_plain(plain), b = run_sandboxed(&bench), c = bwrap ? run_plain(wrap) : 0;
        if (c < 0) bwrap = NULL; /* it fails here */
        if (b < 0) return fprintf(stderr, "skipped: %s\n", bench.err.text), 0;
        if (i < 0) continue;
        bare[i] = a;
        boxed[i] = b;
        wrapped[i] = c;
    }
    double a = bench_median(bare, ROUNDS), b = bench_median(boxed, ROUNDS);
    bench_row("sandboxed true", "us", b, "bare posix_spawn of true", a);
    bench_row("sandboxed true, first of a run", "us", first, "bare posix_spawn of true", a);
    if (bwrap)
        bench_row("sandboxed true", "us", b, "bubblewrap with the same walls",
                  bench_median(wrapped, ROUNDS));
    else
        fprintf(stderr, "sandbox_bench: bubblewrap is not installed, not compared\n");
    space_free(bench.space);
    loop_free(bench.loop);
    rmdir(folder);
    return 0;
}
