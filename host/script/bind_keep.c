/* cli.keep: the host's own small files, in the user's folder or the state folder only. */
#include "bind_cli.h"

#include "../base/mem.h"
#include "../files/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct KeepOp {
    Op    op;     /* first */
    char *path;   /* owned */
    char *expect; /* owned; NULL: no file is there */
    Str   was;    /* in `expect` */
    char *text;   /* owned */
    Str   now;    /* in `text` */
    Err   err;
} KeepOp;

static void keep_work(void *arg)
{
    KeepOp *keep = arg;
    Err     why; /* the status is in it */
    if (keep_replace(keep->path, keep->expect ? &keep->was : NULL, keep->now, &why) != ST_OK)
        keep->err = why;
}

static void keep_done(void *arg, bool abandoned)
{
    KeepOp *keep = arg;
    (void)abandoned;
    op_finish(&keep->op, &keep->err);
}

static void keep_cancel(Op *op) { (void)op; /* ends soon, and what it writes is whole */ }

static int keep_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void keep_free(Op *op)
{
    KeepOp *keep = (KeepOp *)op;
    free(keep->path);
    free(keep->expect);
    free(keep->text);
    free(keep);
}

static const OpKind KEEP = {"keep", keep_cancel, keep_push, keep_free};

static bool below(const char *path, const char *folder)
{
    size_t len = folder ? strlen(folder) : 0;
    return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/';
}

static bool is_ours(lua_State *L, const char *path)
{
    char state[4096];
    return !strstr(path, "/../") &&
           (below(path, vm_of(L)->engine->user) ||
            (bind_state_folder(state, sizeof state) && below(path, state)));
}

int cli_keep(lua_State *L)
{
    size_t      len, was_len = 0;
    const char *path = luaL_checkstring(L, 1);
    const char *was = luaL_optlstring(L, 2, NULL, &was_len), *now = luaL_checklstring(L, 3, &len);
    luaL_argcheck(L, is_ours(L, path), 1, "a file of the user's folder or the state folder");
    op_may_wait(L);
    KeepOp *keep = mem_new(sizeof *keep);
    keep->op.kind = &KEEP;
    keep->path = mem_text(path);
    keep->expect = was ? mem_copy(was, was_len) : NULL;
    keep->was = (Str){keep->expect, was_len};
    keep->text = mem_copy(now, len);
    keep->now = (Str){keep->text, len};
    work_start(vm_of(L)->engine->loop, keep_work, keep_done, keep);
    return op_await(L, &keep->op);
}
