/* One sandboxed `true` in a warm space, beside a bare posix_spawn of it and beside bubblewrap with
 * the same isolation: interleaved in one run, so that what the machine does meanwhile meets all
 * three. Prints medians and ratios; asserts nothing. */
#include "../../host/sandbox/process.h"

#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 200, WARM_UP = 10 };

typedef struct Bench {
    Loop  *loop;
    Space *space;
    Err    err;
} Bench;

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

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
    double                   from = now_us();
    if (exec_begin(bench->space, &spec, &events, bench, &exec, &bench->err) != ST_OK) return -1;
    loop_run(bench->loop);
    return bench->err.status == ST_OK ? now_us() - from : -1;
}

static double run_plain(const char *const *argv)
{
    static char *const envp[] = {NULL};
    pid_t              pid;
    int                status = 0;
    double             from = now_us();
    if (posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, envp) != 0)
        return -1;
    waitpid(pid, &status, 0);
    return status == 0 ? now_us() - from : -1;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *samples)
{
    qsort(samples, ROUNDS, sizeof *samples, by_size);
    return samples[ROUNDS / 2];
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
        if (b < 0) return fprintf(stderr, "skipped: %s\n", bench.err.text), 0;
        if (i < 0) continue;
        bare[i] = a;
        boxed[i] = b;
        wrapped[i] = c;
    }
    double a = median(bare), b = median(boxed), c = median(wrapped);
    printf("sandbox true: bare posix_spawn %.0f us, sandboxed %.0f us (first of a run %.0f us)\n",
           a, b, first);
    printf("sandbox true: %.2f times bare (target: at most 6)\n", b / a);
    if (bwrap && c > 0)
        printf("sandbox true: bubblewrap %.0f us; ours is %.2f of it (target: at most 0.7)\n", c,
               b / c);
    else
        printf("sandbox true: bubblewrap is %s, not compared\n", bwrap ? "failing here" : "absent");
    space_free(bench.space);
    loop_free(bench.loop);
    rmdir(folder);
    return 0;
}
