/* A plan for people: `perigee exec --explain`, and the subject of error messages. */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void limit_words(const Step *step, char *out, size_t size)
{
    static const char *const names[] = {
        [WIRE_CPU_S] = "seconds of processor time a process",
        [WIRE_FILE_SIZE] = "bytes a file",
        [WIRE_DESCRIPTORS] = "descriptors a process",
        [WIRE_PROCESSES] = "processes",
    };
    const char *name = step->flags < WIRE_LIMIT_COUNT ? names[step->flags] : "of something";
    snprintf(out, size, "set a limit: %" PRIu64 " %s", step->number, name);
}

static void allow_words(const Step *step, char *out, size_t size)
{
    const char *what = step->flags & STEP_LISTED     ? "to list, not to read"
                       : step->flags & STEP_DEVICE   ? "to read, and to write what is there"
                       : step->flags & STEP_WRITABLE ? "to read and write"
                                                     : "to read";
    snprintf(out, size, "let Landlock pass %s (%s)", step->path, what);
}

static void bind_words(const Step *step, char *out, size_t size)
{
    if (*step->more) {
        snprintf(out, size, "show %s as %s (read-only)", step->more, step->path);
        return;
    }
    const char *how = step->flags & STEP_DEVICE     ? "a device"
                      : step->flags & STEP_WRITABLE ? "writable unless the command only reads"
                                                    : "read-only";
    snprintf(out, size, "show %s (%s)%s%s", step->path, how, *step->more ? ", which is " : "",
             step->more);
}

void plan_step_words(const Step *step, char *out, size_t size)
{
    const char *words = wire_op_words(step->op);
    if (step->op == OP_LIMIT) {
        limit_words(step, out, size);
    } else if (step->op == OP_BIND) {
        bind_words(step, out, size);
    } else if (step->op == OP_REVEAL) {
        snprintf(out, size, "%s %s (%s)", words, step->path,
                 step->flags & STEP_WRITABLE ? "writable" : "read-only");
    } else if (step->op == OP_ALLOW) {
        allow_words(step, out, size);
    } else if (step->op == OP_LINK) {
        snprintf(out, size, "%s %s, to %s", words, step->path, step->more);
    } else if (step->op == OP_TMPFS) {
        snprintf(out, size, "%s %s, %" PRIu64 " bytes at most", words, step->path, step->number);
    } else if (step->op == OP_PROCESSES || step->op == OP_NEW_USER || step->op == OP_ROOT) {
        snprintf(out, size, "%s: %" PRIu64, words, step->number);
    } else if (step->flags & STEP_HOST_NET && (step->op == OP_JOIN || step->op == OP_HAND_OVER)) {
        snprintf(out, size, "%s; the network stays the host's", words);
    } else if (step->op == OP_HOSTNAME) {
        snprintf(out, size, "%s: %s", words, step->more);
    } else if (step->op == OP_FORK && step->number > 0) {
        snprintf(out, size, "%s, with a pipe on descriptor %" PRIu64, words, step->number);
    } else {
        snprintf(out, size, "%s%s%s", words, *step->path ? " " : "", step->path);
    }
}

/* Paths come from the workspace: no byte of theirs may draw on a terminal or start a line. */
static Status append_printable(Buf *out, const char *text, Err *err)
{
    Status status = ST_OK;
    for (; *text && status == ST_OK; text++) {
        unsigned char byte = (unsigned char)*text;
        status = byte < 0x20 || byte == 0x7f ? buf_printf(out, err, "\\x%02x", byte)
                                             : buf_byte(out, *text, err);
    }
    return status;
}

static Status append_words(const Plan *plan, Buf *out, Err *err)
{
    Status status = ST_OK;
    for (size_t i = 0; i < plan->word_count && status == ST_OK; i++) {
        status = buf_byte(out, ' ', err);
        if (status == ST_OK) status = append_printable(out, plan->words[i], err);
    }
    for (size_t i = 0; i < plan->variable_count && status == ST_OK; i++) {
        const char *variable = plan->variables[i];
        int         name_len = (int)strcspn(variable, "=");
        /* Names only: a value may be what somebody would rather not see on a screen. */
        status = buf_printf(out, err, "%s%.*s", i == 0 ? "\n     with " : " ", name_len, variable);
    }
    return status;
}

Status plan_words(const Plan *plan, Buf *out, Err *err)
{
    char   words[4400];
    Status status = ST_OK;
    for (size_t i = 0; i < plan->step_count && status == ST_OK; i++) {
        plan_step_words(&plan->steps[i], words, sizeof words);
        status = buf_printf(out, err, "%3zu  ", i + 1);
        if (status == ST_OK) status = append_printable(out, words, err);
        if (status == ST_OK && plan->steps[i].op == OP_EXEC) status = append_words(plan, out, err);
        if (status == ST_OK && plan->steps[i].flags & STEP_OPTIONAL &&
            plan->steps[i].op != OP_LIMIT)
            status = buf_append(out, STR(", if it is there"), err);
        if (status == ST_OK) status = buf_byte(out, '\n', err);
    }
    return status;
}
