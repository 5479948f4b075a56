/* From what was seen of a command to what its caller is told. */
#include "probe_memory.h"
#include "space.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void fill_end(const SandboxExec *exec, SandboxResult *result)
{
    int  status = exec->said.wait_status;
    bool ended = exec->has_said && exec->said.kind == REPORT_ENDED;
    if (!ended) return;
    result->usage = exec->said.usage;
    result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static Status limit_words(const SandboxExec *exec, Err *err)
{
    const ExecLimits *limits = &exec->spec.limits;
    if (strcmp(exec->limit, "wall") == 0)
        return err_set(err, ST_TIMEOUT, "command: ended after its %lld ms",
                       (long long)limits->wall_ms);
    if (strcmp(exec->limit, "output") == 0)
        return err_set(err, ST_LIMIT, "command: killed, it wrote more than %d times %zu bytes",
                       PLAN_OUTPUT_FACTOR, limits->output);
    if (strcmp(exec->limit, "memory") == 0)
        return err_set(err, ST_LIMIT, "command: killed, it used more than %zu bytes of memory",
                       limits->memory);
    if (strcmp(exec->limit, "processes") == 0)
        return err_set(err, ST_LIMIT, "command: killed, it had more than %zu processes",
                       limits->processes);
    if (strcmp(exec->limit, "cpu") == 0)
        return err_set(err, ST_LIMIT, "command: a process used more than %lld ms of processor time",
                       (long long)limits->cpu_ms);
    return err_set(err, ST_LIMIT, "command: a file would have passed %zu bytes", limits->file_size);
}

/* What the outcome was, the strongest reason first. */
static void judge(SandboxExec *exec, SandboxResult *result)
{
    fill_end(exec, result);
    if (result->signal == SIGXCPU && !exec->limit) exec->limit = "cpu";
    if (result->signal == SIGXFSZ && !exec->limit) exec->limit = "file";
    result->limit = exec->limit;
    if (exec->cancelled) {
        err_set(&result->err, ST_CANCELLED, "command: cancelled");
    } else if (exec->limit) {
        limit_words(exec, &result->err);
    } else if (exec->err.status != ST_OK) {
        result->err = exec->err;
    } else if (!exec->has_said) {
        explain_silence(exec->child_code, exec->child_signal, &result->err);
    } else if (exec->said.kind == REPORT_FAILED) {
        explain_failure(&exec->plan, &exec->said, &result->err);
        if (result->err.status == ST_NOT_FOUND)
            result->exit_code = 127;
        else if (result->err.status == ST_DENIED)
            result->exit_code = 126;
    }
    if (result->err.status == ST_UNAVAILABLE) probe_forget();
}

static void take_output(Output *output, Buf *out, size_t *dropped, size_t *head)
{
    *dropped = output_finish(output);
    *head = output->head;
    *out = output->kept;
    buf_init(&output->kept, output->limit);
}

void exec_result(SandboxExec *exec, SandboxResult *result)
{
    memset(result, 0, sizeof *result);
    err_clear(&result->err);
    judge(exec, result);
    result->wall_ms = exec->began && exec->ended > exec->began ? exec->ended - exec->began : 0;
    result->allowed_ms = exec->spec.limits.wall_ms;
    denied_take(&result->denied, &exec->denied);
    size_t dropped, head;
    take_output(&exec->pipes[PIPE_OUT].output, &result->out, &result->out_dropped,
                &result->out_head);
    take_output(&exec->pipes[PIPE_ERROR].output, &result->error, &result->error_dropped,
                &result->error_head);
    take_output(&exec->pipes[PIPE_ASIDE].output, &result->aside, &dropped, &head);
    result->aside_whole = exec->spec.aside > 0 && dropped == 0;
}
