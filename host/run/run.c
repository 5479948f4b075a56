#include "jobs.h"

#include "../base/fault.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

void run_make_id(const Clock *clock, char out[RUN_ID_SIZE])
{
    static const char LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789";
    time_t            now = (time_t)(clock_wall(clock) / 1000);
    struct tm         parts;
    unsigned char     random[6];
    gmtime_r(&now, &parts);
    size_t len = strftime(out, RUN_ID_SIZE, "%Y%m%d-%H%M%S-", &parts);
    if (getrandom(random, sizeof random, 0) != sizeof random) memset(random, 0, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        out[len++] = LETTERS[random[i] % (sizeof LETTERS - 1)];
    out[len] = '\0';
}

static void put_row(Run *run, const char *status)
{
    if (!run->journal) return;
    Str task = str_cut(str_from(run->task), 0, 200);
    task.len = str_utf8_valid_len(task);
    RunRow row = {
        .run = str_from(run->id),
        .parent = str_from(run->parent ? run->parent->id : ""),
        .agent = str_from(run->agent),
        .task = task,
        .status = str_from(status),
        .started_ms = run->started_ms,
        .ended_ms = run->finished && !run->parked ? clock_wall(loop_clock(run->loop)) : 0,
        .records = run->seq,
    };
    journal_put_run(run->journal, &row);
}

/* A journal that is lost has ended the run's own records by then. */
static void ignore_append(void *arg, const Err *outcome)
{
    (void)arg;
    if (outcome->status != ST_OK) log_line(LOG_WARN, "watchdog: %s", outcome->text);
}

/* Whatever a cancelled run waits for ends soon, so it does. Where it does not, something of ours
 * holds it: nobody must have to guess that from a process which does nothing. */
static void report_overdue(Run *run)
{
    char body[60];
    log_line(LOG_ERROR,
             "run %s (%s) did not end within %d s of its deadline; this is a bug in perigee: "
             "please report it with the output of perigee runs show %s",
             run->id, run->agent, RUN_GRACE_MS / 1000, run->id);
    snprintf(body, sizeof body, "{\"after_ms\":%d}", RUN_GRACE_MS);
    if (run->journal)
        run_append(run, STR("watchdog"), str_from(body), DURABLE_PROCESS, ignore_append, NULL);
    if (run->on_overdue) run->on_overdue(run, run->seq);
}

static void deadline_passed(void *arg)
{
    Run *run = arg;
    Err  why;
    if (run->overdue) {
        report_overdue(run);
        return;
    }
    err_set(&why, ST_LIMIT, "the run's time limit is reached; --limit time=N gives more");
    run_cancel(run, &why);
    if (run->finished) return;
    run->overdue = true;
    timer_set(run->timer, clock_deadline(loop_clock(run->loop), RUN_GRACE_MS));
}

Status run_new(Loop *loop, Journal *journal, Run *parent, Workspace *workspace, const char *agent,
               const char *task, const RunPast *past, Run **out, Err *err)
{
    if (parent && parent->cancelled) {
        *err = parent->why;
        return err->status;
    }
    Run *run = mem_new(sizeof *run);
    run->loop = loop;
    run->journal = journal;
    run->parent = parent;
    run->workspace = workspace ? workspace_hold(workspace) : NULL;
    run->agent = mem_text(agent);
    run->task = mem_text(task);
    run->began = loop_now(loop);
    run->started_ms = past ? past->started_ms : clock_wall(loop_clock(loop));
    run->seq = past ? past->seq : 0;
    run->goes_on = past != NULL;
    run->timer = timer_new(loop, deadline_passed, run);
    run->deadline = DEADLINE_NEVER;
    if (past)
        snprintf(run->id, sizeof run->id, "%s", past->id);
    else
        run_make_id(loop_clock(loop), run->id);
    budget_init(&run->budget, parent ? &parent->budget : NULL);
    if (parent) {
        run->next_sibling = parent->first_child;
        parent->first_child = run;
    }
    if (journal) journal_claim(journal, str_from(run->id), NULL, NULL);
    put_row(run, "running");
    *out = run;
    return ST_OK;
}

static void leave_parent(Run *run)
{
    if (!run->parent) return;
    Run **at = &run->parent->first_child;
    while (*at != run) at = &(*at)->next_sibling;
    *at = run->next_sibling;
}

void run_free(Run *run)
{
    if (!run) return;
    leave_parent(run);
    jobs_free(run);
    timer_free(run->timer);
    workspace_release(run->workspace);
    seen_clear(&run->seen);
    free(run->agent);
    free(run->task);
    free(run->steps);
    free(run);
}

void run_set_deadline(Run *run, int64_t deadline, bool asks)
{
    run->deadline = deadline;
    run->asks = asks;
    if (asks)
        timer_stop(run->timer);
    else
        timer_set(run->timer, deadline);
}

int64_t run_deadline(const Run *run, bool ends)
{
    int64_t deadline = DEADLINE_NEVER;
    for (const Run *at = run; at; at = at->parent)
        if (at->deadline < deadline && !(ends && at->asks)) deadline = at->deadline;
    return deadline;
}

const Run *run_late(const Run *run)
{
    while (run && !run->late) run = run->parent;
    return run;
}

void run_cancel(Run *run, const Err *why)
{
    for (Run *child = run->first_child; child; child = child->next_sibling) run_cancel(child, why);
    if (run->cancelled) return;
    run->cancelled = true;
    run->why = *why;
    timer_stop(run->timer);
    if (run->on_cancel && !fault_hit("run.cancel")) run->on_cancel(run);
}

void run_append(Run *run, Str kind, Str body, Durability durability, JournalDone *done, void *arg)
{
    Record record = {
        .run = str_from(run->id),
        .seq = ++run->seq,
        .time_ms = clock_wall(loop_clock(run->loop)),
        .kind = kind,
        .body = body,
    };
    journal_append(run->journal, &record, durability, done, arg);
}

void run_finish(Run *run, const char *status)
{
    if (run->finished) return;
    run->finished = true;
    timer_stop(run->timer);
    jobs_end(run);
    budget_close(&run->budget);
    put_row(run, status);
    if (run->journal) journal_release(run->journal, str_from(run->id));
}
