/* jobs.h -- commands that outlive the call which began them: background jobs of a run.
 *
 * Why     A server that was started has to answer the next command; a build may take longer than a
 *         call. Both belong to the run, are listed, and are dead when the run ends.
 * Use     1 job_start  2 job_find  3 job_watch, then job_take what it printed  4 job_stop
 *         5 jobs_end when the run ends; run_free frees them
 *         In a run that goes on: job_lost and job_over first, as its records say.
 * Owner   The run. A Job lives until jobs_free, or until jobs beyond the most that are listed push
 *         out one that has ended.
 * Thread  Loop thread only; only jobs_end blocks, for the moment that killing takes.
 * Errors  job_start: ST_LIMIT when too many run. What comes later stands in Job.err: ST_OK or a
 *         limit when the command ran, else why it never did.
 */
#ifndef HOST_RUN_JOBS_H
#define HOST_RUN_JOBS_H

#include "../sandbox/output.h"
#include "command.h"

enum {
    JOBS_RUNNING_MAX = 8,
    JOBS_LISTED_MAX = 32,
};

typedef struct Job      Job;
typedef struct JobWatch JobWatch;

/* Somebody who waits for news of a job. */
struct JobWatch {
    Job *job;                         /* borrowed; NULL once the job is gone */
    void (*changed)(JobWatch *watch); /* it printed, or it ended; may unwatch */
    JobWatch *next;
};

struct Job {
    Jobs       *jobs;            /* borrowed */
    Job        *next;            /* newer */
    int         id;              /* from 1, never used again in this run */
    char       *program, *title; /* owned; which command it is; `title` is for people */
    Command    *command;         /* borrowed; NULL once it ended */
    Output      fresh[2];        /* stdout and stderr since they were last taken */
    JobWatch   *watches;         /* borrowed list */
    Err         err;             /* see above */
    int         exit_code, signal;
    const char *limit; /* which ended it; static; or NULL */
    bool        stopped;
    bool        told; /* somebody was told of its end */
    bool        lost; /* an earlier process of the run started it, and it is dead as that is */
    bool        start_noted, end_noted; /* the run's records have its start; that it was told */
};

/* Starts a command in the run's workspace; the spec's wall limit does not count. `hosts` as in
 * command_begin. */
MUST_CHECK Status job_start(Run *run, const ExecSpec *spec, const char *const *hosts,
                            const char *title, Job **out, Err *err);

Job *jobs_first(const Run *run); /* oldest first, through Job.next; NULL when there is none */
Job *job_find(const Run *run, int id);

void job_watch(Job *job, JobWatch *watch);
void job_unwatch(JobWatch *watch); /* nothing when the job is gone */

/* Hands over what a stream (0 stdout, 1 stderr) has brought since the last time; clear `out`.
 * `head` and `dropped` as in SandboxResult. */
void job_take(Job *job, int stream, Buf *out, size_t *head, size_t *dropped);

void job_stop(Job *job); /* TERM, two seconds, KILL; `changed` follows its end */

void job_forget(Job *job); /* one that has ended */

/* A job that an earlier process of this run had started: it is listed as dead, and its number stays
 * its own. `program` as in Job. Nothing where there is such a job. */
void job_lost(Run *run, int id, const char *program, const char *title);
void job_over(Run *run, int id); /* nobody needs to be told of the end of that one any more */

/* Kills what still runs, and lets those that wait know. No job starts after it. */
void jobs_end(Run *run);
void jobs_free(Run *run);

#endif
