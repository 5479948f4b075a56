/* Background jobs: a command that outlives its call, and never its run. */
#include "../../host/run/jobs.h"
#include "sandbox_try.h"

#include <signal.h>

typedef struct Rig {
    Try        t; /* its loop and folder */
    Workspace *workspace;
    Run       *run;
    JobWatch   watch;
    int        changes;
} Rig;

static bool rig_open(Rig *rig)
{
    memset(rig, 0, sizeof *rig);
    if (!try_open(&rig->t)) return false;
    WorkspaceSpec spec = {.path = rig->t.folder, .helper = try_helper()};
    if (workspace_new(rig->t.loop, &spec, NULL, &rig->workspace, &rig->t.err) != ST_OK ||
        run_new(rig->t.loop, NULL, NULL, rig->workspace, "a", "b", NULL, &rig->run, &rig->t.err) != ST_OK)
        abort();
    return true;
}

static void rig_close(Rig *rig)
{
    run_free(rig->run);
    workspace_release(rig->workspace);
    try_close(&rig->t);
}

#define RIG_OPEN(rig)                                                                              \
    static Rig rig;                                                                                \
    if (!rig_open(&rig)) SKIP(rig.t.why)

static Job *start(Rig *rig, Run *run, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    ExecSpec          spec = {.argv = argv, .writes = true, .limits.wall_ms = 1};
    Job              *job = NULL;
    if (job_start(run, &spec, NULL, "a title", &job, &rig->t.err) != ST_OK) return NULL;
    return job;
}

/* The loop stops when the job has printed or ended. */
static void changed(JobWatch *watch)
{
    Rig *rig = (Rig *)((char *)watch - offsetof(Rig, watch));
    rig->changes++;
    loop_stop(rig->t.loop);
}

static void wait_for(Rig *rig, Job *job, bool end)
{
    rig->watch.changed = changed;
    job_watch(job, &rig->watch);
    do loop_run(rig->t.loop);
    while (end && job->command);
    job_unwatch(&rig->watch);
}

static bool took(Job *job, int stream, const char *wanted)
{
    Buf    out;
    size_t head, dropped;
    job_take(job, stream, &out, &head, &dropped);
    bool same = dropped == 0 && strcmp(out.ptr, wanted) == 0;
    if (!same) printf("# took: %s\n", out.ptr);
    buf_clear(&out);
    return same;
}

/* The file is locked while the process that opened it lives: a sandbox has process numbers of its
 * own, so that none could be asked for. */
static const char LOCKS[] = "exec 9>lock; flock 9; echo held; exec sleep 1000";

static bool is_held(Rig *rig)
{
    char command[200];
    snprintf(command, sizeof command, "flock -n '%s/lock' true", rig->t.folder);
    return system(command) != 0;
}

TEST(a_job_outlives_its_time_limit_and_is_read_piece_by_piece)
{
    RIG_OPEN(rig);
    Job *job = start(&rig, rig.run,
                     "echo one; echo err >&2; until [ -e go ]; do sleep 0.01; done; exit 3");
    CHECK_INT(job->id, 1);
    CHECK_TEXT(job->program, "sh");
    do wait_for(&rig, job, false);
    while (job->command && (job->fresh[0].total == 0 || job->fresh[1].total == 0));
    CHECK(took(job, 0, "one\n"));
    CHECK(took(job, 1, "err\n"));
    CHECK(took(job, 0, ""));
    try_file(&rig.t, "go", "");
    wait_for(&rig, job, true);
    CHECK_INT(job->err.status, ST_OK);
    CHECK_INT(job->exit_code, 3);
    CHECK(job_find(rig.run, 1) == job && !job_find(rig.run, 2));
    rig_close(&rig);
}

TEST(a_job_that_never_ran_says_why)
{
    RIG_OPEN(rig);
    const char *const argv[] = {"no-such-command", NULL};
    ExecSpec          spec = {.argv = argv, .writes = true};
    Job              *job;
    CHECK_INT(job_start(rig.run, &spec, NULL, "x", &job, &rig.t.err), ST_OK);
    wait_for(&rig, job, true);
    CHECK_INT(job->err.status, ST_NOT_FOUND);
    job_forget(job);
    CHECK(!jobs_first(rig.run));
    rig_close(&rig);
}

TEST(a_job_is_asked_to_end_and_may_tidy_up)
{
    RIG_OPEN(rig);
    Job *job = start(&rig, rig.run, "trap 'echo bye; exit 7' TERM; echo on; sleep 1000 & wait");
    wait_for(&rig, job, false);
    CHECK(took(job, 0, "on\n"));
    job_stop(job);
    job_stop(job);
    wait_for(&rig, job, true);
    CHECK(took(job, 0, "bye\n"));
    CHECK_INT(job->exit_code, 7);
    CHECK(job->limit == NULL);
    rig_close(&rig);
}

TEST(a_job_that_is_ended_before_it_began_never_runs)
{
    RIG_OPEN(rig);
    Job *job = start(&rig, rig.run, "touch ran");
    job_stop(job);
    wait_for(&rig, job, true);
    CHECK_INT(job->err.status, ST_OK);
    CHECK_INT(job->signal, SIGKILL);
    try_sh(&rig.t, "test ! -e ran");
    CHECK_INT(rig.t.code, 0);
    rig_close(&rig);
}

TEST(the_jobs_of_a_child_are_dead_when_the_child_ends_and_its_parents_run_on)
{
    RIG_OPEN(rig);
    Run *child = NULL;
    CHECK_INT(run_new(rig.t.loop, NULL, rig.run, rig.workspace, "c", "d", NULL, &child, &rig.t.err),
              ST_OK);
    Job *mine = start(&rig, rig.run, "echo on; exec sleep 1000");
    Job *theirs = start(&rig, child, LOCKS);
    wait_for(&rig, mine, false);
    if (theirs->fresh[0].total == 0) wait_for(&rig, theirs, false);
    CHECK(is_held(&rig));
    CHECK(!job_find(child, 2) && !mine->next); /* nobody sees the other's */
    run_finish(child, "ok");
    CHECK(!is_held(&rig)); /* at once */
    CHECK(theirs->command == NULL && theirs->signal == SIGKILL);
    CHECK(mine->command != NULL);
    CHECK(start(&rig, child, "true") == NULL);
    run_free(child);
    run_finish(rig.run, "ok");
    CHECK(mine->command == NULL);
    rig_close(&rig);
}

TEST(a_run_that_is_freed_ends_its_jobs_also_those_that_are_just_beginning)
{
    RIG_OPEN(rig);
    Job *job = start(&rig, rig.run, "sleep 1000");
    rig.watch.changed = changed;
    job_watch(job, &rig.watch);
    run_free(rig.run);
    rig.run = NULL;
    CHECK_INT(rig.changes, 1);
    CHECK(rig.watch.job == NULL);
    rig_close(&rig);
}

TEST(jobs_are_bounded_and_the_oldest_that_ended_is_forgotten)
{
    RIG_OPEN(rig);
    Job *last = NULL;
    for (int i = 0; i < JOBS_RUNNING_MAX; i++) CHECK(start(&rig, rig.run, "sleep 1000"));
    CHECK(start(&rig, rig.run, "true") == NULL);
    CHECK_INT(rig.t.err.status, ST_LIMIT);
    job_stop(job_find(rig.run, 3));
    wait_for(&rig, job_find(rig.run, 3), true);
    for (int i = JOBS_RUNNING_MAX; i < JOBS_LISTED_MAX; i++) {
        last = start(&rig, rig.run, "true");
        wait_for(&rig, last, true);
    }
    CHECK(job_find(rig.run, 3) != NULL);
    CHECK(start(&rig, rig.run, "true") != NULL);
    CHECK(job_find(rig.run, 3) == NULL);
    CHECK(job_find(rig.run, 1) != NULL);
    rig_close(&rig);
}

TEST(a_job_of_an_earlier_process_is_listed_as_dead_and_keeps_its_number)
{
    RIG_OPEN(rig);
    job_lost(rig.run, 3, "sh", "was started before");
    job_lost(rig.run, 3, "sh", "told twice");
    Job *lost = job_find(rig.run, 3);
    CHECK(lost && lost->lost && !lost->command && !lost->told);
    CHECK_TEXT(lost->title, "was started before");
    CHECK(jobs_first(rig.run) == lost && !lost->next);
    Job *job = start(&rig, rig.run, "true");
    CHECK(job && !job->lost);
    CHECK_INT(job->id, 4);
    job_over(rig.run, 3);
    job_over(rig.run, 99); /* one that is not listed any more */
    CHECK(lost->told);
    job_stop(lost); /* it has no process to stop */
    wait_for(&rig, job, true);
    rig_close(&rig);
}

int main(void) { return try_main(); }
