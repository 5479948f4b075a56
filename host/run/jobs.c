#include "jobs.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct Jobs {
    Run *run;   /* borrowed; it owns this */
    Job *first; /* owned list, oldest first */
    int  last_id, listed, running;
};

static void tell(Job *job)
{
    JobWatch *next;
    for (JobWatch *watch = job->watches; watch; watch = next) {
        next = watch->next;
        watch->changed(watch);
    }
}

static void free_job(Job *job)
{
    while (job->watches) job_unwatch(job->watches);
    output_clear(&job->fresh[0]);
    output_clear(&job->fresh[1]);
    free(job->program);
    free(job->title);
    free(job);
}

static void on_output(void *arg, bool is_error, Str bytes)
{
    Job *job = arg;
    output_take(&job->fresh[is_error], bytes);
    tell(job);
}

static void on_end(void *arg, SandboxResult *result)
{
    Job *job = arg;
    job->command = NULL;
    job->jobs->running--;
    job->err = result->err;
    job->exit_code = result->exit_code;
    job->signal = result->signal;
    job->limit = result->limit;
    budget_charge(&job->jobs->run->budget, BUDGET_WRITTEN, command_wrote(result));
    if (job->stopped && job->err.status == ST_CANCELLED) { /* before its command began */
        err_clear(&job->err);
        job->signal = SIGKILL;
        job->exit_code = 128 + SIGKILL;
    }
    tell(job);
}

void job_forget(Job *job)
{
    Job **at = &job->jobs->first;
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    job->jobs->listed--;
    free_job(job);
}

/* The oldest one that has ended makes room. Those that run are fewer than those that are listed. */
static void forget_one(Jobs *jobs)
{
    Job *job = jobs->first;
    while (job->command) job = job->next;
    job_forget(job);
}

static Jobs *jobs_of(Run *run)
{
    if (!run->jobs) run->jobs = mem_new(sizeof *run->jobs);
    run->jobs->run = run;
    return run->jobs;
}

static Job *job_new(Jobs *jobs, int id, const char *path, const char *title)
{
    const char *slash = strrchr(path, '/');
    Job        *job = mem_new(sizeof *job);
    job->jobs = jobs;
    job->id = id;
    job->program = mem_text(slash ? slash + 1 : path);
    job->title = mem_text(title);
    output_init(&job->fresh[0], LIMIT_JOB_FRESH);
    output_init(&job->fresh[1], LIMIT_JOB_FRESH);
    err_clear(&job->err);
    return job;
}

static void list_job(Jobs *jobs, Job *job)
{
    if (jobs->listed == JOBS_LISTED_MAX) forget_one(jobs);
    Job **at = &jobs->first;
    while (*at) at = &(*at)->next;
    *at = job;
    jobs->listed++;
}

Status job_start(Run *run, const ExecSpec *spec, const char *const *hosts, const char *title,
                 Job **out, Err *err)
{
    static const ExecEvents EVENTS = {.on_output = on_output, .on_end = on_end};
    if (run->finished || run->cancelled)
        return err_set(err, ST_CANCELLED, "the run has ended; no job starts any more");
    Jobs *jobs = jobs_of(run);
    if (jobs->running == JOBS_RUNNING_MAX)
        return err_set(err, ST_LIMIT, "%d background jobs are running, which is the most; end one",
                       JOBS_RUNNING_MAX);
    ExecSpec own = *spec;
    own.limits.wall_ms = -1; /* the run's deadline ends it */
    Job   *job = job_new(jobs, ++jobs->last_id, spec->argv[0], title);
    Status status = command_begin(run->workspace, &own, hosts, &EVENTS, job, &job->command, err);
    if (status != ST_OK) {
        free_job(job);
        return status;
    }
    list_job(jobs, job);
    jobs->running++;
    *out = job;
    return ST_OK;
}

void job_lost(Run *run, int id, const char *program, const char *title)
{
    Jobs *jobs = jobs_of(run);
    if (job_find(run, id)) return;
    Job *job = job_new(jobs, id, program, title);
    job->lost = job->start_noted = true;
    if (id > jobs->last_id) jobs->last_id = id;
    list_job(jobs, job);
}

void job_over(Run *run, int id)
{
    Job *job = job_find(run, id);
    if (job) job->told = job->end_noted = true;
}

Job *jobs_first(const Run *run) { return run->jobs ? run->jobs->first : NULL; }

Job *job_find(const Run *run, int id)
{
    Job *job = jobs_first(run);
    while (job && job->id != id) job = job->next;
    return job;
}

void job_watch(Job *job, JobWatch *watch)
{
    watch->job = job;
    watch->next = job->watches;
    job->watches = watch;
}

void job_unwatch(JobWatch *watch)
{
    if (!watch->job) return;
    JobWatch **at = &watch->job->watches;
    while (*at != watch) at = &(*at)->next;
    *at = watch->next;
    watch->job = NULL;
}

void job_take(Job *job, int stream, Buf *out, size_t *head, size_t *dropped)
{
    Output *fresh = &job->fresh[stream];
    *dropped = output_finish(fresh);
    *head = fresh->head;
    *out = fresh->kept;
    output_init(fresh, LIMIT_JOB_FRESH);
}

void job_stop(Job *job)
{
    if (!job->command) return;
    job->stopped = true;
    command_stop(job->command);
}

/* All are told to die before the first one is waited for. */
void jobs_end(Run *run)
{
    for (Job *job = jobs_first(run); job; job = job->next)
        if (job->command) command_cancel(job->command);
    for (Job *job = jobs_first(run); job; job = job->next) {
        if (!job->command) continue;
        command_drop(job->command);
        job->command = NULL;
        job->jobs->running--;
        job->signal = SIGKILL;
        job->exit_code = 128 + SIGKILL;
        tell(job);
    }
}

void jobs_free(Run *run)
{
    jobs_end(run);
    for (Job *job = jobs_first(run), *next; job; job = next) {
        next = job->next;
        free_job(job);
    }
    free(run->jobs);
    run->jobs = NULL;
}
