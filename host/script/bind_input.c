/* Standard input, on a thread: a terminal, a pipe and a file are alike there. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct InputOp {
    Op   op; /* first */
    Buf  text;
    Err  err;
    bool working, wanted;
} InputOp;

static void input_work(void *arg)
{
    InputOp *input = arg;
    char     chunk[16384];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err_set(&input->err, ST_IO, "read stdin: %s", strerror(errno));
        if (got <= 0) break;
        if (buf_append(&input->text, (Str){chunk, (size_t)got}, &input->err) != ST_OK) break;
    }
}

static void input_release(InputOp *input)
{
    if (input->working || input->wanted) return;
    buf_clear(&input->text);
    free(input);
}

static void input_done(void *arg, bool abandoned)
{
    InputOp *input = arg;
    (void)abandoned;
    input->working = false;
    op_finish(&input->op, &input->err); /* nothing when it was cancelled before */
    input_release(input);
}

static void input_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "reading stdin was cancelled");
    op_finish(
        op, &why); /* the thread reads on until its line comes; the process does not wait for it */
}

static int input_push(Op *op, lua_State *L)
{
    InputOp *input = (InputOp *)op;
    lua_pushlstring(L, input->text.ptr, input->text.len);
    return 1;
}

static void input_free(Op *op)
{
    ((InputOp *)op)->wanted = false;
    input_release((InputOp *)op);
}

static const OpKind INPUT = {"stdin", input_cancel, input_push, input_free};

int cli_read_stdin(lua_State *L)
{
    op_may_wait(L);
    InputOp *input = mem_new(sizeof *input);
    input->op.kind = &INPUT;
    input->working = input->wanted = true;
    buf_init(&input->text, LIMIT_CROSSING);
    work_start(vm_of(L)->engine->loop, input_work, input_done, input);
    return op_await(L, &input->op);
}
