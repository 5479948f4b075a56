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

/* -- line by line ------------------------------------------------------------------------------ */

typedef struct LineOp {
    Op      op; /* first */
    Engine *engine;
    Buf     text; /* what was read, from the line's beginning; the engine keeps the rest */
    size_t  len;  /* of the line */
    Err     err;
    bool    found, working, wanted;
} LineOp;

/* Whether a whole line stands in `text`; then its length is known. */
static bool find_line(LineOp *line, size_t from)
{
    const char *end =
        line->text.len > from ? memchr(line->text.ptr + from, '\n', line->text.len - from) : NULL;
    if (end) line->len = (size_t)(end - line->text.ptr);
    line->found = end != NULL;
    return line->found;
}

static void line_work(void *arg)
{
    LineOp *line = arg;
    char    chunk[16384];
    for (size_t from = 0; !find_line(line, from);) {
        from = line->text.len;
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err_set(&line->err, ST_IO, "read stdin: %s", strerror(errno));
        if (got <= 0) { /* the last line needs no end */
            line->len = line->text.len;
            line->found = got == 0 && line->len > 0;
            return;
        }
        if (buf_append(&line->text, (Str){chunk, (size_t)got}, &line->err) != ST_OK) {
            err_set(&line->err, ST_LIMIT, "read stdin: a line of more than %zu bytes", LIMIT_LINE);
            return;
        }
    }
}

static void line_release(LineOp *line)
{
    if (line->working || line->wanted) return;
    buf_clear(&line->text);
    free(line);
}

static void line_done(void *arg, bool abandoned)
{
    LineOp *line = arg;
    (void)abandoned;
    line->working = false;
    op_finish(&line->op, &line->err); /* nothing when it was cancelled before */
    line_release(line);
}

static int line_push(Op *op, lua_State *L)
{
    LineOp *line = (LineOp *)op;
    if (!line->found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlstring(L, line->text.ptr, line->len);
    buf_drop(&line->text, line->len + 1);
    buf_clear(&line->engine->input);
    line->engine->input = line->text;
    buf_init(&line->text, 0);
    return 1;
}

static void line_free(Op *op)
{
    ((LineOp *)op)->wanted = false;
    line_release((LineOp *)op);
}

static const OpKind LINE = {"stdin", input_cancel, line_push, line_free};

/* cli.read_line() -> the next line of stdin without its end | nil at the end of input, or nil, err
 */
int cli_read_line(lua_State *L)
{
    op_may_wait(L);
    Engine *engine = vm_of(L)->engine;
    LineOp *line = mem_new(sizeof *line);
    line->op.kind = &LINE;
    line->engine = engine;
    line->text = engine->input;
    buf_init(&engine->input, 0);
    line->working = line->wanted = true;
    work_start(engine->loop, line_work, line_done, line);
    return op_await(L, &line->op);
}
