/* sandbox_try.h -- what the sandbox tests share: a folder, a space, a command and its end.
 *
 * Use     Try t; if (!try_open(&t)) SKIP(t.why); try_sh(&t, "echo hi"); CHECK_TEXT(t.out, "hi\n");
 *         try_close(&t);
 * A machine without the sandbox skips, with the sandbox's own words as the reason.
 */
#ifndef TESTS_UNIT_SANDBOX_TRY_H
#define TESTS_UNIT_SANDBOX_TRY_H

#include "../../host/sandbox/process.h"
#include "tap.h"

#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

typedef struct Try {
    char        folder[64]; /* the workspace */
    char        why[ERR_TEXT_MAX];
    Loop       *loop;
    Space      *space;
    SpaceSpec   space_spec;
    ExecSpec    spec; /* for the next command: limits, variables, input, writes */
    int         ends; /* how often on_end came */
    size_t      seen; /* bytes that on_output brought */
    /* of the last command */
    Err         err;
    int         code, signal;
    const char *limit;
    char       *out, *error, *aside;
    size_t      aside_len;
    bool        aside_whole;
    size_t      out_len, out_dropped, out_head;
    double      cpu_s;
    int64_t     allowed_ms;
    DeniedList  denied;
} Try;

/* build/MODE/tests/unit/NAME -> the helper of the same build. */
static inline const char *try_helper(void)
{
    static char path[PATH_MAX + 64];
    const char *named = getenv("PERIGEE_HELPER");
    if (named) return named;
    char    self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    for (int up = 0; up < 3; up++)
        if (strrchr(self, '/')) *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/perigee-sandbox", self);
    if (access(path, X_OK) != 0) snprintf(path, sizeof path, "%s/../../perigee-sandbox", self);
    return path;
}

static inline void try_probed(void *arg, const Err *outcome)
{
    Try *t = arg;
    t->err = *outcome;
    loop_stop(t->loop);
}

static inline bool try_works(Try *t)
{
    Err err;
    if (sandbox_probe(t->loop, try_helper(), try_probed, t, &err) != ST_OK)
        t->err = err;
    else
        loop_run(t->loop);
    snprintf(t->why, sizeof t->why, "%s", t->err.text);
    return t->err.status == ST_OK;
}

static inline bool try_space(Try *t)
{
    t->space_spec.workspace = t->folder;
    t->space_spec.helper = try_helper();
    return space_new(t->loop, &t->space_spec, &t->space, &t->err) == ST_OK;
}

static inline void try_loop(Try *t)
{
    Err err;
    memset(t, 0, sizeof *t);
    if (loop_new(&t->loop, false, &err) != ST_OK) abort();
    snprintf(t->folder, sizeof t->folder, "/tmp/perigee-test-XXXXXX");
    if (!mkdtemp(t->folder)) abort();
    t->spec.writes = true;
}

static inline void try_close(Try *t)
{
    char command[256];
    space_free(t->space);
    loop_run(t->loop); /* until a thread that was abandoned has come back */
    CHECK_INT(loop_objects(t->loop), 0);
    loop_free(t->loop);
    free(t->out);
    free(t->error);
    free(t->aside);
    denied_clear(&t->denied);
    snprintf(command, sizeof command, "chmod -R u+rwX '%s'; rm -rf '%s'", t->folder, t->folder);
    if (system(command) != 0) printf("# %s is left\n", t->folder);
}

/* Steps that a machine, a container or a security module may refuse. */
static inline bool try_may_lack(const char *why)
{
    return strstr(why, "make a user namespace") || strstr(why, "make a network namespace") ||
           strstr(why, "make a mount namespace") || strstr(why, "own namespaces") ||
           strstr(why, "mount proc: Operation not permitted") || strstr(why, "CONFIG_");
}

static inline bool try_open(Try *t)
{
    static char why[ERR_TEXT_MAX];
    try_loop(t);
    bool works = try_works(t);
    if (works && try_space(t)) return true;
    CHECK(!works && try_may_lack(t->why)); /* anything else is our own fault, and no skip */
    snprintf(why, sizeof why, "%s", t->err.text);
    try_close(t);
    memcpy(t->why, why, sizeof why);
    return false;
}

#define TRY_OPEN(t)                                                                                \
    static Try t;                                                                                  \
    if (!try_open(&t)) SKIP(t.why)

static inline void try_on_output(void *arg, bool is_error, Str bytes)
{
    (void)is_error;
    ((Try *)arg)->seen += bytes.len;
}

static inline void try_on_end(void *arg, SandboxResult *result)
{
    Try *t = arg;
    free(t->out);
    free(t->error);
    free(t->aside);
    t->err = result->err;
    t->code = result->exit_code;
    t->signal = result->signal;
    t->allowed_ms = result->allowed_ms;
    denied_clear(&t->denied);
    denied_take(&t->denied, &result->denied);
    t->limit = result->limit;
    t->out_dropped = result->out_dropped;
    t->out_head = result->out_head;
    t->out = buf_steal(&result->out, &t->out_len);
    t->error = buf_steal(&result->error, NULL);
    t->aside = buf_steal(&result->aside, &t->aside_len);
    t->aside_whole = result->aside_whole;
    t->cpu_s = (double)(result->usage.ru_utime.tv_sec + result->usage.ru_stime.tv_sec) +
               (double)(result->usage.ru_utime.tv_usec + result->usage.ru_stime.tv_usec) / 1e6;
    t->ends++;
    loop_stop(t->loop);
}

static inline SandboxExec *try_begin(Try *t, const char *const *argv)
{
    static const ExecEvents events = {.on_output = try_on_output, .on_end = try_on_end};
    SandboxExec            *exec = NULL;
    t->spec.argv = argv;
    if (exec_begin(t->space, &t->spec, &events, t, &exec, &t->err) != ST_OK) return NULL;
    return exec;
}

static inline void try_argv(Try *t, const char *const *argv)
{
    if (try_begin(t, argv)) loop_run(t->loop);
}

/* Runs `sh -c` in t->space; shows what went wrong when it was the sandbox. */
static inline void try_sh(Try *t, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    t->code = -1;
    try_argv(t, argv);
    if (t->err.status != ST_OK) printf("# %s\n", t->err.text);
    if (t->error && *t->error) printf("# stderr: %.300s\n", t->error);
}

/* A file of the workspace, made by the host. */
static inline void try_file(const Try *t, const char *name, const char *text)
{
    char  path[2 * PATH_MAX];
    char *slash;
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    for (slash = strchr(path + strlen(t->folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        char command[2 * PATH_MAX + 20];
        *slash = '\0';
        snprintf(command, sizeof command, "mkdir -p '%s'", path);
        if (system(command) != 0) abort();
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) abort();
}

/* libuv opens two descriptors of its own, once a process: before they are counted. */
static inline int try_main(void)
{
    Loop *loop;
    Err   err;
    if (loop_new(&loop, false, &err) != ST_OK) abort();
    loop_free(loop);
    return tap_run();
}

#endif
