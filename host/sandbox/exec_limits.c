/* The limits that the host itself watches: wall time, and what the tree uses where no cgroup counts
 * it. The others are the kernel's (OP_LIMIT), or the pipes' (process.c). */
#include "space.h"

#include "../base/mem.h"

#include <signal.h>
#include <stdlib.h>

enum { LOOK_EVERY_MS = 100 };

void exec_pass_limit(SandboxExec *exec, const char *limit)
{
    if (!exec->limit) exec->limit = limit;
    exec_kill(exec);
}

/* Asks the tree to end; what does not within the grace is killed. */
static void terminate(SandboxExec *exec)
{
    if (exec->phase == EXEC_PREPARING) {
        exec_queue_end(exec);
    } else if (exec->terminated || (exec->init_fd < 0 && !exec->space->spec.unconfined)) {
        exec_kill(exec);
    } else {
        exec->terminated = true;
        if (exec->init_fd >= 0)
            exec_signal_init(exec, SIGTERM);
        else
            child_kill(exec->child, SIGTERM);
        timer_set(exec->wall, loop_now(exec->space->loop) + PLAN_GRACE_MS);
    }
}

void exec_on_wall(void *arg)
{
    SandboxExec *exec = arg;
    if (!exec->limit && !exec->stopped) exec->limit = "wall";
    terminate(exec);
}

void exec_stop(SandboxExec *exec)
{
    bool started = exec->init_fd >= 0 || exec->space->spec.unconfined;
    if (exec->phase == EXEC_PREPARING || !started) {
        exec_cancel(exec); /* there is nothing yet that could end by itself */
    } else if (exec->phase == EXEC_RUNNING && !exec->stopped) {
        exec->stopped = true;
        if (!exec->terminated) terminate(exec);
    }
}

/* -- memory and processes, where there is no cgroup to count them ------------------------------ */

static void run_look(void *arg)
{
    TreeJob *job = arg;
    job->use = tree_use(job->root, job->limit);
}

static void look_done(void *arg, bool abandoned)
{
    TreeJob     *job = arg;
    SandboxExec *exec = job->exec;
    if (!abandoned && exec) {
        exec->looking = NULL;
        if (job->use.memory > exec->spec.limits.memory)
            exec_pass_limit(exec, "memory");
        else if (job->use.processes > exec->spec.limits.processes)
            exec_pass_limit(exec, "processes");
        else
            timer_set(exec->look, loop_now(exec->space->loop) + LOOK_EVERY_MS);
    }
    free(job);
}

void exec_on_look(void *arg)
{
    SandboxExec *exec = arg;
    if (exec->phase != EXEC_RUNNING) return;
    TreeJob *job = mem_new(sizeof *job);
    job->root = exec->init > 0 ? exec->init : child_pid(exec->child);
    job->limit = exec->spec.limits.memory;
    job->exec = exec;
    job->work = work_start(exec->space->loop, run_look, look_done, job);
    exec->looking = job;
}

void exec_abandon_look(SandboxExec *exec)
{
    if (!exec->looking) return;
    exec->looking->exec = NULL;
    work_abandon(exec->looking->work);
    exec->looking = NULL;
}
