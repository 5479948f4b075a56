/* cli.pass(bytes, to_stderr): bytes of a command go out on a thread. A reader that does not read
 * holds up the command then, and neither its time limit nor Ctrl-C. */
#include "bind_cli.h"

#include "../base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct PassOp {
    Op      op; /* first */
    Engine *engine;
    char   *bytes; /* owned */
    size_t  len;
    int     fd, error; /* errno; 0 when all went out */
    bool    working, wanted;
} PassOp;

static void pass_work(void *arg)
{
    PassOp *pass = arg;
    size_t  done = 0;
    while (done < pass->len && pass->error == 0) {
        ssize_t part = write(pass->fd, pass->bytes + done, pass->len - done);
        if (part >= 0)
            done += (size_t)part;
        else if (errno != EINTR)
            pass->error = errno;
    }
}

static void pass_release(PassOp *pass)
{
    if (pass->working || pass->wanted) return;
    free(pass->bytes);
    free(pass);
}

static void pass_done(void *arg, bool abandoned)
{
    PassOp *pass = arg;
    Err     outcome;
    (void)abandoned;
    pass->working = false;
    err_clear(&outcome);
    if (pass->error != 0 && pass->fd == STDOUT_FILENO) { /* as for all that verbs print */
        pass->engine->unread = pass->engine->unread || pass->error == EPIPE;
        err_set(&outcome, ST_IO, "write to stdout: %s", strerror(pass->error));
    }
    op_finish(&pass->op, &outcome);
    pass_release(pass);
}

static void pass_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "writing was cancelled");
    op_finish(op, &why); /* the thread may go on; the process does not wait for it */
}

static int pass_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void pass_free(Op *op)
{
    ((PassOp *)op)->wanted = false;
    pass_release((PassOp *)op);
}

static const OpKind PASS = {"cli.pass", pass_cancel, pass_push, pass_free};

int cli_pass(lua_State *L)
{
    size_t      len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    bool        to_error = lua_toboolean(L, 2);
    op_may_wait(L);
    PassOp *pass = mem_new(sizeof *pass);
    pass->op.kind = &PASS;
    pass->engine = vm_of(L)->engine;
    pass->bytes = mem_copy(bytes, len);
    pass->len = len;
    pass->fd = to_error ? STDERR_FILENO : STDOUT_FILENO;
    pass->working = pass->wanted = true;
    work_start(pass->engine->loop, pass_work, pass_done, pass);
    return op_await(L, &pass->op);
}
