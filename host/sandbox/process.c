/* One command, from exec_begin to on_end. Read space.h for the states. */
#include "space.h"

#include "cgroup.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ARENA_SPEC = 20 * 1024 * 1024,
    LOOK_FIRST_MS = 50, /* most commands end before the first look at their memory */
    READ_SIZE = 65536,
    DRAIN_MAX = 2 * 1024 * 1024, /* more than a pipe can hold */
    DEATH_MS = 5000,             /* how long space_free waits for the kernel to kill a tree */
};

static void try_start(SandboxExec *exec);
static void try_end(SandboxExec *exec);

/* -- the end ----------------------------------------------------------------------------------- */

void exec_queue_end(SandboxExec *exec)
{
    if (exec->phase == EXEC_QUEUED) return;
    exec->phase = EXEC_QUEUED;
    space_queue_ends(exec->space);
}

static void fail(SandboxExec *exec, const Err *err)
{
    exec->err = *err;
    exec_queue_end(exec);
}

static void stop_timers(SandboxExec *exec)
{
    timer_stop(exec->wall);
    timer_stop(exec->look);
}

void exec_signal_init(const SandboxExec *exec, int signo)
{
    syscall(SYS_pidfd_send_signal, exec->init_fd, signo, NULL, 0);
}

/* Unconfined, the helper itself kills what it can find below it. Confined and not yet STARTED, its
 * outer process dies and with it the gate: no command will run. */
void exec_kill(SandboxExec *exec)
{
    if (!exec->child) return;
    if (exec->init_fd >= 0)
        exec_signal_init(exec, SIGKILL);
    else if (!exec->child_ended)
        child_kill(exec->child, exec->space->spec.unconfined ? SIGUSR1 : SIGKILL);
}

void exec_cancel(SandboxExec *exec)
{
    if (exec->phase == EXEC_QUEUED || exec->cancelled) return;
    exec->cancelled = true;
    if (exec->phase == EXEC_PREPARING)
        exec_queue_end(exec);
    else
        exec_kill(exec);
}

/* -- output ------------------------------------------------------------------------------------ */

static void close_pipe(ExecPipe *pipe)
{
    watch_free(pipe->watch);
    pipe->watch = NULL;
    if (pipe->fd >= 0) close(pipe->fd);
    pipe->fd = -1;
}

/* Reads once. Returns the bytes, 0 when there is nothing now or no more. */
static size_t read_pipe(ExecPipe *pipe)
{
    static char  bytes[READ_SIZE]; /* one thread, copied at once */
    SandboxExec *exec = pipe->exec;
    if (pipe->fd < 0) return 0;
    ssize_t got = read(pipe->fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) {
        close_pipe(pipe);
        return 0;
    }
    Str part = {bytes, (size_t)got};
    output_take(&pipe->output, part);
    if (pipe->output.total / PLAN_OUTPUT_FACTOR > exec->spec.limits.output)
        exec_pass_limit(exec, "output");
    int which = (int)(pipe - exec->pipes);
    if (which != PIPE_ASIDE && exec->events.on_output)
        exec->events.on_output(exec->arg, which == PIPE_ERROR, part);
    return (size_t)got;
}

static void on_pipe(void *arg, int fd, int events)
{
    (void)fd;
    (void)events;
    read_pipe(arg);
}

/* What the pipes hold now that the tree is dead. Their end is not waited for: a descriptor may have
 * been handed to another command of the run. */
static void drain(ExecPipe *pipe)
{
    size_t sum = 0, got;
    while (sum < DRAIN_MAX && (got = read_pipe(pipe)) > 0) sum += got;
    close_pipe(pipe);
}

static Status open_pipe(ExecPipe *pipe, int *write_end, Err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ST_IO, "sandbox: pipe: %s", strerror(errno));
    pipe->fd = ends[0];
    *write_end = ends[1];
    if (fcntl(pipe->fd, F_SETFL, O_NONBLOCK) != 0)
        return err_set(err, ST_IO, "sandbox: pipe: %s", strerror(errno));
    Status status = watch_new(pipe->exec->space->loop, pipe->fd, on_pipe, pipe, &pipe->watch, err);
    if (status == ST_OK) watch_set(pipe->watch, pipe->exec->paused ? 0 : WATCH_READ);
    return status;
}

void exec_pause(SandboxExec *exec, bool paused)
{
    exec->paused = paused;
    for (int i = 0; i < 2; i++)
        if (exec->pipes[i].watch) watch_set(exec->pipes[i].watch, paused ? 0 : WATCH_READ);
}

/* -- running ----------------------------------------------------------------------------------- */

static void take_reports(SandboxExec *exec)
{
    WireReport said;
    int        fds[WIRE_REPORT_FDS];
    while (exec->report_fd >= 0 && helper_receive(exec->report_fd, &said, fds)) {
        if (said.kind == REPORT_STARTED && exec->init_fd < 0) {
            exec->init_fd = fds[0];
            exec->init = said.pid;
            fds[0] = -1;
            if (exec->cancelled || exec->limit) exec_kill(exec);
        } else if (said.kind == REPORT_ENDED || said.kind == REPORT_FAILED) {
            exec->said = said;
            exec->has_said = true;
        }
        for (int i = 0; i < WIRE_REPORT_FDS; i++)
            if (fds[i] >= 0) close(fds[i]);
    }
}

static void on_report(void *arg, int fd, int events)
{
    SandboxExec *exec = arg;
    (void)events;
    take_reports(exec);
    struct pollfd state = {.fd = fd};
    /* Closed at the other end: the child's own end follows, and is what counts. */
    if (poll(&state, 1, 0) > 0 && state.revents & (POLLHUP | POLLERR)) watch_set(exec->report, 0);
}

static bool init_is_dead(const SandboxExec *exec, int timeout_ms)
{
    struct pollfd state = {.fd = exec->init_fd, .events = POLLIN};
    return exec->init_fd < 0 || poll(&state, 1, timeout_ms) > 0;
}

static void on_init_dead(void *arg, int fd, int events)
{
    SandboxExec *exec = arg;
    (void)fd;
    (void)events;
    watch_set(exec->init_watch, 0);
    try_end(exec);
}

/* The helper's outer process ends after init, and init after all others: unless somebody killed it
 * alone. Then init follows by itself, and is waited for. */
static void try_end(SandboxExec *exec)
{
    Err err;
    if (!exec->child_ended || exec->phase == EXEC_QUEUED || exec->after) return;
    if (!init_is_dead(exec, 0)) {
        exec_signal_init(exec, SIGKILL);
        if (!exec->init_watch && watch_new(exec->space->loop, exec->init_fd, on_init_dead, exec,
                                           &exec->init_watch, &err) == ST_OK)
            watch_set(exec->init_watch, WATCH_READ);
        if (exec->init_watch) return;
        init_is_dead(exec, DEATH_MS);
    }
    for (int i = 0; i < PIPE_COUNT; i++) drain(&exec->pipes[i]);
    if (!exec->limit && cgroup_events(exec->facts.cgroup, "memory.events", "oom_kill") > 0)
        exec->limit = "memory";
    if (!exec_look_again(exec)) exec_queue_end(exec);
}

static void on_child_ended(void *arg, int exit_code, int signo)
{
    SandboxExec *exec = arg;
    exec->child_ended = true;
    exec->child_code = exit_code;
    exec->child_signal = signo;
    exec->phase = EXEC_ENDING;
    exec->ended = loop_now(exec->space->loop);
    stop_timers(exec);
    take_reports(exec);
    try_end(exec);
}

/* Where a part of the cgroup tree is ours, the kernel bounds the whole tree of the command; where
 * none can be made for it, the host's watch is what it was. */
static void enter_cgroup(SandboxExec *exec)
{
    const ExecLimits   *limits = &exec->spec.limits;
    const CgroupSetting settings[] = {
        {.file = "memory.max", .value = limits->memory},
        {.file = "memory.swap.max", .value = 0, .optional = true},
        {.file = "memory.oom.group", .value = 1, .optional = true},
        {.file = "pids.max", .value = limits->processes + 1}, /* init counts too */
        {.file = NULL},
    };
    char leaf[PATH_MAX];
    if (!exec->space->holds_cgroup || !cgroup_leaf(settings, leaf)) return;
    exec->facts.cgroup = arena_copy(&exec->facts.arena, str_from(leaf));
    if (!exec->facts.cgroup) cgroup_leaf_end(leaf);
}

static void leave_cgroup(SandboxExec *exec)
{
    cgroup_leaf_end(exec->facts.cgroup);
    exec->facts.cgroup = NULL;
}

static Status start(SandboxExec *exec, Err *err)
{
    Space *space = exec->space;
    int    ends[PIPE_COUNT] = {-1, -1, -1}, input = -1;
    enter_cgroup(exec);
    exec->facts.port = space->port;
    Status status = plan_command(&exec->plan, &space->spec, &exec->spec, &exec->facts, err);
    int    pipes = exec->spec.aside > 0 ? PIPE_COUNT : PIPE_ASIDE;
    for (int i = 0; i < pipes && status == ST_OK; i++)
        status = open_pipe(&exec->pipes[i], &ends[i], err);
    if (status == ST_OK && exec->spec.input.len > 0 &&
        (input = sealed_file("input", exec->spec.input, err)) < 0)
        status = err->status;
    if (status == ST_OK) {
        HelperSpec spec = {
            .path = space->spec.helper,
            .plan = &exec->plan,
            .streams = {input, ends[0], ends[1]},
            .extra = {space->fds[0], space->fds[1], space->fds[2]},
            .extra_count = space->spec.unconfined ? 0
                           : space->fds[2] >= 0   ? 3
                                                  : 2, /* the host's network stays */
            .aside = ends[PIPE_ASIDE],
        };
        status = helper_start(space->loop, &spec, on_child_ended, exec, &exec->child,
                              &exec->report_fd, err);
    }
    for (int i = 0; i < PIPE_COUNT; i++)
        if (ends[i] >= 0) close(ends[i]);
    if (input >= 0) close(input);
    if (status != ST_OK) return status;
    exec->phase = EXEC_RUNNING;
    exec->began = loop_now(space->loop);
    timer_set(exec->look, loop_now(space->loop) + LOOK_FIRST_MS);
    status = watch_new(space->loop, exec->report_fd, on_report, exec, &exec->report, err);
    if (status == ST_OK) watch_set(exec->report, WATCH_READ);
    return status;
}

static void try_start(SandboxExec *exec)
{
    Err err;
    if (exec->phase != EXEC_PREPARING || !exec->surveyed) return;
    if (!exec->space->spec.unconfined && exec->space->state != SPACE_READY) return;
    if (start(exec, &err) == ST_OK) return;
    exec_kill(exec);
    fail(exec, &err);
}

void exec_space_ready(SandboxExec *exec) { try_start(exec); }

void exec_space_failed(SandboxExec *exec, const Err *err)
{
    if (exec->phase == EXEC_PREPARING) fail(exec, err);
}

static void on_surveyed(void *arg, SurveyJob *job)
{
    SandboxExec *exec = arg;
    exec->survey = NULL;
    if (exec->phase != EXEC_PREPARING) return;
    if (job->status != ST_OK) {
        fail(exec, &job->err);
        return;
    }
    facts_clear(&exec->facts);
    exec->facts = job->facts;
    facts_init(&job->facts);
    exec->surveyed = true;
    try_start(exec);
}

/* -- begin and finish -------------------------------------------------------------------------- */

static const char *const *copy_list(Arena *arena, const char *const *list)
{
    size_t count = 0;
    while (list && list[count]) count++;
    const char **copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (!(copy[i] = arena_copy(arena, str_from(list[i])))) return NULL;
    return copy;
}

static const RootGrant *copy_roots(Arena *arena, const RootGrant *list)
{
    size_t count = 0;
    while (list && list[count].path) count++;
    RootGrant *copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = (RootGrant){arena_copy(arena, str_from(list[i].path)), list[i].writes};
        if (!copy[i].path) return NULL;
    }
    return copy;
}

static Status copy_spec(SandboxExec *exec, const ExecSpec *spec, Err *err)
{
    Arena    *arena = &exec->arena;
    ExecSpec *copy = &exec->spec;
    *copy = *spec;
    copy->limits = plan_limits(&exec->space->spec, &spec->limits);
    copy->argv = copy_list(arena, spec->argv);
    copy->variables = copy_list(arena, spec->variables);
    copy->roots = copy_roots(arena, spec->roots);
    copy->folder = spec->folder ? arena_copy(arena, str_from(spec->folder)) : NULL;
    copy->token = spec->token ? arena_copy(arena, str_from(spec->token)) : NULL;
    copy->input.ptr = spec->input.len ? arena_copy(arena, spec->input) : NULL;
    if (copy->argv && copy->variables && copy->roots && (!spec->folder || copy->folder) &&
        (!spec->token || copy->token) && (!spec->input.len || copy->input.ptr))
        return ST_OK;
    return err_set(err, ST_LIMIT, "exec: arguments and input have more than %d bytes", ARENA_SPEC);
}

static void init_pipe(SandboxExec *exec, int which)
{
    ExecPipe *pipe = &exec->pipes[which];
    *pipe = (ExecPipe){.fd = -1, .exec = exec};
    output_init(&pipe->output, which == PIPE_ASIDE ? exec->spec.aside : exec->spec.limits.output);
}

/* Frees all that is no result. */
static void release(SandboxExec *exec)
{
    survey_abandon(exec->survey);
    exec_abandon_look(exec);
    timer_free(exec->wall);
    timer_free(exec->look);
    watch_free(exec->report);
    watch_free(exec->init_watch);
    for (int i = 0; i < PIPE_COUNT; i++) close_pipe(&exec->pipes[i]);
    child_free(exec->child);
    exec->child = NULL;
    if (exec->report_fd >= 0) close(exec->report_fd);
    if (exec->init_fd >= 0) close(exec->init_fd);
    leave_cgroup(exec);
    facts_clear(&exec->facts);
}

static void free_exec(SandboxExec *exec)
{
    for (int i = 0; i < PIPE_COUNT; i++) output_clear(&exec->pipes[i].output);
    plan_clear(&exec->plan);
    denied_clear(&exec->denied);
    arena_clear(&exec->arena);
    free(exec);
}

Status exec_begin(Space *space, const ExecSpec *spec, const ExecEvents *events, void *arg,
                  SandboxExec **out, Err *err)
{
    SandboxExec *exec = mem_new(sizeof *exec);
    exec->space = space;
    exec->events = *events;
    exec->arg = arg;
    exec->report_fd = exec->init_fd = -1;
    arena_init(&exec->arena, ARENA_SPEC);
    facts_init(&exec->facts);
    plan_init(&exec->plan);
    Status status = copy_spec(exec, spec, err);
    for (int i = 0; i < PIPE_COUNT; i++) init_pipe(exec, i);
    if (status != ST_OK) {
        free_exec(exec);
        return status;
    }
    exec->wall = timer_new(space->loop, exec_on_wall, exec);
    exec->look = timer_new(space->loop, exec_on_look, exec);
    if (exec->spec.limits.wall_ms > 0)
        timer_set(exec->wall, clock_deadline(loop_clock(space->loop), exec->spec.limits.wall_ms));
    exec->next = space->execs;
    space->execs = exec;
    space->changes++;
    *out = exec;
    if (space->spec.unconfined) {
        exec->surveyed = true;
        try_start(exec);
    } else {
        exec->survey = survey_begin(space, false, on_surveyed, exec);
        space_make(space);
    }
    return ST_OK;
}

void exec_finish(SandboxExec *exec)
{
    SandboxResult result;
    exec->space->changes++;
    release(exec);
    exec_result(exec, &result);
    exec->events.on_end(exec->arg, &result);
    buf_clear(&result.out);
    buf_clear(&result.error);
    buf_clear(&result.aside);
    denied_clear(&result.denied);
    free_exec(exec);
}

void exec_drop(SandboxExec *exec)
{
    SandboxExec **at = &exec->space->execs;
    while (*at && *at != exec) at = &(*at)->next;
    if (*at) *at = exec->next;
    exec_destroy(exec);
}

void exec_destroy(SandboxExec *exec)
{
    exec_kill(exec);
    if (exec->child && exec->space->spec.unconfined && !exec->child_ended) {
        struct pollfd state = {.events = POLLIN};
        state.fd = (int)syscall(SYS_pidfd_open, child_pid(exec->child), 0);
        if (state.fd >= 0 && poll(&state, 1, DEATH_MS) >= 0) close(state.fd);
    }
    /* The outer process first: after its end nothing new can come, and either its last words bring
     * init's pidfd, or the gate never opened. */
    child_free(exec->child);
    exec->child = NULL;
    exec->child_ended = true;
    take_reports(exec);
    if (exec->init_fd >= 0) exec_signal_init(exec, SIGKILL);
    init_is_dead(exec, DEATH_MS);
    exec_look_again_now(exec);
    release(exec);
    free_exec(exec);
}
