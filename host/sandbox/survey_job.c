#include "cgroup.h"
#include "space.h"

#include "../base/mem.h"

#include <stdlib.h>

char **texts_copy(const char *const *list)
{
    size_t count = 0;
    while (list && list[count]) count++;
    char **copy = mem_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) copy[i] = mem_text(list[i]);
    return copy;
}

void texts_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++) free(list[i]);
    free(list);
}

RootGrant *roots_copy(const RootGrant *list)
{
    size_t count = 0;
    while (list && list[count].path) count++;
    RootGrant *copy = mem_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = (RootGrant){mem_text(list[i].path), list[i].writes};
    return copy;
}

void roots_free(RootGrant *list)
{
    for (size_t i = 0; list && list[i].path; i++) free((char *)(uintptr_t)list[i].path);
    free(list);
}

static void free_job(SurveyJob *job)
{
    if (job->holds_cgroup) cgroup_release();
    texts_free(job->pins);
    free(job->workspace);
    facts_clear(&job->facts);
    free(job);
}

static Status look(const SurveyJob *job, Facts *facts, Err *err)
{
    Status status = survey_git_dir(facts, job->workspace, err);
    if (status != ST_OK) return status;
    if (job->system) return survey_system(facts, job->resolver, err);
    survey_landlock(facts);
    return survey_workspace(facts, job->workspace, (const char *const *)job->pins, job->born, err);
}

static void run_job(void *arg)
{
    SurveyJob *job = arg;
    char       why[CGROUP_WHY];
    if (job->system) job->holds_cgroup = cgroup_hold(CGROUP_CONTROLLERS, why, sizeof why);
    job->status = look(job, &job->facts, &job->err);
}

static void job_done(void *arg, bool abandoned)
{
    SurveyJob *job = arg;
    if (!abandoned) job->done(job->arg, job);
    free_job(job);
}

SurveyJob *survey_begin(const Space *space, bool system, void (*done)(void *arg, SurveyJob *job),
                        void *arg)
{
    SurveyJob *job = mem_new(sizeof *job);
    job->workspace = mem_text(space->spec.workspace);
    job->pins = texts_copy(space->spec.pins);
    job->born = space->born;
    job->system = system;
    job->resolver = space->spec.network == NETWORK_HOST;
    facts_init(&job->facts);
    job->done = done;
    job->arg = arg;
    job->work = work_start(space->loop, run_job, job_done, job);
    return job;
}

void survey_abandon(SurveyJob *job)
{
    if (job) work_abandon(job->work);
}

Status survey_now(const Space *space, bool system, Facts *facts, Err *err)
{
    SurveyJob job = {.workspace = (char *)(uintptr_t)space->spec.workspace, /* borrowed, here */
                     .pins = (char **)(uintptr_t)space->spec.pins,
                     .system = system,
                     .resolver = space->spec.network == NETWORK_HOST,
                     .born = space->born};
    return look(&job, facts, err);
}
