#include "space.h"

#include "cgroup.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -- ends: the one place that calls on_end ----------------------------------------------------- */

static SandboxExec *take_queued(Space *space)
{
    for (SandboxExec **at = &space->execs; *at; at = &(*at)->next) {
        SandboxExec *exec = *at;
        if (exec->phase != EXEC_QUEUED) continue;
        *at = exec->next;
        return exec;
    }
    return NULL;
}

static void on_ends(void *arg)
{
    Space       *space = arg;
    SandboxExec *exec;
    if (!space->ends_held) return;
    space->ends_held = false;
    loop_release(space->loop);
    space->ending = true;
    while (!space->gone && (exec = take_queued(space)) != NULL) exec_finish(exec);
    space->ending = false;
    if (space->gone) free(space);
}

void space_queue_ends(Space *space)
{
    if (space->ends_held) return;
    space->ends_held = true;
    loop_hold(space->loop);
    waker_wake(space->ends);
}

/* -- making it --------------------------------------------------------------------------------- */

static void drop_maker(Space *space)
{
    survey_abandon(space->survey);
    space->survey = NULL;
    child_free(space->maker);
    space->maker = NULL;
    watch_free(space->report);
    space->report = NULL;
    if (space->report_fd >= 0) close(space->report_fd);
    space->report_fd = -1;
    plan_clear(&space->plan);
    space->has_said = false;
}

static void close_fds(Space *space)
{
    for (int i = 0; i < 3; i++) {
        if (space->fds[i] >= 0) close(space->fds[i]);
        space->fds[i] = -1;
    }
    if (space->listener >= 0) close(space->listener);
    space->listener = -1;
}

/* `err` must not lie in what is dropped here. */
static void make_failed(Space *space, const Err *err)
{
    drop_maker(space);
    close_fds(space);
    space->state = SPACE_EMPTY;
    for (SandboxExec *exec = space->execs; exec; exec = exec->next) exec_space_failed(exec, err);
}

static void take_reports(Space *space)
{
    WireReport said;
    int        fds[WIRE_REPORT_FDS];
    while (helper_receive(space->report_fd, &said, fds)) {
        size_t count = space->spec.network == NETWORK_HOST ? 2 : 3;
        space->said = said;
        space->has_said = true;
        close_fds(space);
        for (size_t i = 0; i < count; i++) space->fds[i] = fds[i];
        space->listener = fds[count];
        for (size_t i = count + 1; i < WIRE_REPORT_FDS; i++)
            if (fds[i] >= 0) close(fds[i]);
    }
}

/* Everything that the network mode needs has come. */
static bool is_whole(const Space *space)
{
    return space->has_said && space->said.kind == REPORT_SPACE && space->fds[0] >= 0 &&
           space->fds[1] >= 0 && (space->spec.network == NETWORK_HOST || space->fds[2] >= 0) &&
           (space->spec.network == NETWORK_PROXY) == (space->listener >= 0);
}

static void hand_listener(Space *space)
{
    struct sockaddr_in address;
    socklen_t          size = sizeof address;
    int                fd = space->listener;
    if (fd < 0) return;
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        space->port = ntohs(address.sin_port);
    space->listener = -1;
    space->spec.listens(space->spec.listens_arg, fd);
}

static void on_maker_ended(void *arg, int exit_code, int signo)
{
    Space *space = arg;
    Err    err;
    err_clear(&err);
    take_reports(space);
    if (is_whole(space)) {
        drop_maker(space);
        space->state = SPACE_READY;
        hand_listener(space);
        for (SandboxExec *exec = space->execs; exec; exec = exec->next) exec_space_ready(exec);
        return;
    }
    if (space->has_said)
        explain_failure(&space->plan, &space->said, &err);
    else
        explain_silence(exit_code, signo, &err);
    make_failed(space, &err);
}

static Status start_maker(Space *space, const Facts *facts, Err *err)
{
    plan_init(&space->plan);
    Status status = plan_space(&space->plan, &space->spec, facts, err);
    if (status != ST_OK) return status;
    HelperSpec start = {
        .path = space->spec.helper,
        .plan = &space->plan,
        .streams = {-1, -1, -1},
        .extra = {space->workspace_fd},
        .extra_count = 1,
    };
    return helper_start(space->loop, &start, on_maker_ended, space, &space->maker,
                        &space->report_fd, err);
}

static void on_surveyed(void *arg, SurveyJob *job)
{
    Space *space = arg;
    Err    err = job->err;
    space->survey = NULL;
    if (job->holds_cgroup && !space->holds_cgroup) {
        space->holds_cgroup = true;
        job->holds_cgroup = false;
    }
    Status status = job->status == ST_OK ? start_maker(space, &job->facts, &err) : job->status;
    if (status != ST_OK) make_failed(space, &err);
}

void space_make(Space *space)
{
    if (space->state != SPACE_EMPTY) return;
    space->state = SPACE_MAKING;
    space->survey = survey_begin(space, true, on_surveyed, space);
}

/* -- its life ---------------------------------------------------------------------------------- */

/* The home folder and our own state, which no workspace and no granted path may hold. */
static Status check_paths(const char *workspace, const RootGrant *roots, Err *err)
{
    char        home[PATH_MAX], state[PATH_MAX];
    const char *home_name = getenv("HOME"), *state_name = getenv("XDG_STATE_HOME");
    bool        has_home = home_name && home_name[0] == '/' && realpath(home_name, home);
    Buf         path;
    buf_init(&path, PATH_MAX);
    Status status = ST_OK;
    if (state_name && state_name[0] == '/')
        status = buf_printf(&path, err, "%s/perigee", state_name);
    else if (has_home)
        status = buf_printf(&path, err, "%s/.local/state/perigee", home);
    if (status == ST_OK) {
        /* It may not be there yet; then its name as it stands is the best that is known. */
        const char *known = path.len == 0 ? NULL : realpath(path.ptr, state) ? state : path.ptr;
        status = plan_check_workspace(workspace, has_home ? home : NULL, known, err);
        for (size_t i = 0; roots && roots[i].path && status == ST_OK; i++)
            status = plan_check_root(roots[i].path, workspace, has_home ? home : NULL, known, err);
    }
    buf_clear(&path);
    return status;
}

static Status open_workspace(Space *space, const SpaceSpec *spec, Err *err)
{
    char        real[PATH_MAX];
    const char *name = spec->workspace ? spec->workspace : "";
    if (!realpath(name, real))
        return err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "workspace %s: %s", name,
                       strerror(errno));
    Status status = spec->unconfined ? ST_OK : check_paths(real, spec->roots, err);
    if (status != ST_OK) return status;
    space->spec.workspace = mem_text(real);
    space->workspace_fd = open(real, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (space->workspace_fd < 0)
        return err_set(err, ST_IO, "workspace %s: %s", real, strerror(errno));
    return ST_OK;
}

Status space_new(Loop *loop, const SpaceSpec *spec, Space **out, Err *err)
{
    if (!spec->helper || !*spec->helper)
        return err_set(err, ST_UNAVAILABLE, "sandbox: no helper named");
    if (spec->network == NETWORK_PROXY && !spec->listens)
        return err_set(err, ST_INVALID, "sandbox: a proxy's network, and nobody who listens");
    Space *space = mem_new(sizeof *space);
    space->loop = loop;
    clock_gettime(CLOCK_REALTIME, &space->born);
    space->workspace_fd = space->report_fd = space->listener = -1;
    for (int i = 0; i < 3; i++) space->fds[i] = -1;
    space->spec.helper = mem_text(spec->helper);
    space->spec.read_only = (const char *const *)texts_copy(spec->read_only);
    space->spec.pins = (const char *const *)texts_copy(spec->pins);
    space->spec.roots = roots_copy(spec->roots);
    space->spec.variables = (const char *const *)texts_copy(spec->variables);
    space->spec.network = spec->network;
    space->spec.listens = spec->listens;
    space->spec.listens_arg = spec->listens_arg;
    space->spec.limits = spec->limits;
    space->spec.wall_most_ms = spec->wall_most_ms;
    space->spec.unconfined = spec->unconfined;
    Status status = waker_new(loop, on_ends, space, &space->ends, err);
    if (status == ST_OK) status = open_workspace(space, spec, err);
    if (status != ST_OK) {
        space_free(space);
        return status;
    }
    *out = space;
    return ST_OK;
}

void space_free(Space *space)
{
    if (!space) return;
    for (SandboxExec *exec = space->execs; exec; exec = exec->next) exec_kill(exec);
    while (space->execs) {
        SandboxExec *exec = space->execs;
        space->execs = exec->next;
        exec_destroy(exec);
    }
    drop_maker(space);
    close_fds(space);
    if (space->holds_cgroup) cgroup_release();
    if (space->workspace_fd >= 0) close(space->workspace_fd);
    if (space->ends_held) loop_release(space->loop);
    waker_free(space->ends);
    free((void *)(uintptr_t)space->spec.workspace);
    free((void *)(uintptr_t)space->spec.helper);
    texts_free((char **)(uintptr_t)space->spec.read_only);
    texts_free((char **)(uintptr_t)space->spec.pins);
    roots_free((RootGrant *)(uintptr_t)space->spec.roots);
    texts_free((char **)(uintptr_t)space->spec.variables);
    space->gone = true;
    if (!space->ending) free(space); /* else on_ends is below us on the stack, and does it */
}

/* -- words ------------------------------------------------------------------------------------- */

static Status explain_plan(Space *space, const ExecSpec *spec, Buf *out, Err *err)
{
    Plan  plan;
    Facts facts;
    plan_init(&plan);
    facts_init(&facts);
    Status status = ST_OK;
    if (!space->spec.unconfined) status = survey_now(space, !spec, &facts, err);
    if (status == ST_OK)
        status = spec ? plan_command(&plan, &space->spec, spec, &facts, err)
                      : plan_space(&plan, &space->spec, &facts, err);
    if (status == ST_OK) status = plan_words(&plan, out, err);
    if (status == ST_OK && spec && !space->spec.unconfined && facts.landlock < PLAN_LANDLOCK_ABI)
        status = buf_append(out,
                            STR("     without Landlock as a second layer: this kernel has none, or "
                                "one from before Linux 5.19\n"),
                            err);
    facts_clear(&facts);
    plan_clear(&plan);
    return status;
}

Status exec_explain(Space *space, const ExecSpec *spec, Buf *out, Err *err)
{
    static const char *const NETWORKS[] = {
        [NETWORK_NONE] = "Network: none; a loopback of the run's own.\n",
        [NETWORK_PROXY] = "Network: through a proxy to the listed hosts, and nothing else.\n",
        [NETWORK_HOST] = "Network: this machine's own, by the user's word.\n",
    };
    if (space->spec.unconfined) {
        Status status =
            buf_append(out, STR("Unconfined, by the user's word: no sandbox, only limits.\n"), err);
        return status == ST_OK ? explain_plan(space, spec, out, err) : status;
    }
    Status status = buf_append(out, str_from(NETWORKS[space->spec.network]), err);
    if (status == ST_OK)
        status = buf_append(out, STR("Once a run, before its first command:\n"), err);
    if (status == ST_OK) status = explain_plan(space, NULL, out, err);
    if (status == ST_OK) status = buf_append(out, STR("For this command:\n"), err);
    if (status == ST_OK) status = explain_plan(space, spec, out, err);
    ExecLimits limits = plan_limits(&space->spec, &spec->limits);
    if (status == ST_OK)
        status =
            buf_printf(out, err,
                       "Watched by the host: %lld ms of time, %zu bytes of memory, "
                       "%zu processes, %zu bytes of each output.\n",
                       (long long)limits.wall_ms, limits.memory, limits.processes, limits.output);
    return status;
}

bool space_is_in(const Space *space, dev_t device, ino_t inode)
{
    struct stat st;
    return fstat(space->workspace_fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

uint64_t space_changes(Space *space)
{
    if (space->execs) space->changes++;
    return space->changes;
}
