/* call.page: what came from the web as text, read in a cell of its own. */
#include "bind.h"

#include "../base/mem.h"
#include "../page/reader.h"

#include <stdlib.h>

typedef struct PageOp {
    Op      op;     /* first */
    Reader *reader; /* borrowed; NULL once it ended */
    Page    page;
} PageOp;

static void page_op_free(Op *op)
{
    PageOp *wait = (PageOp *)op;
    reader_cancel(wait->reader);
    page_clear(&wait->page);
    free(wait);
}

static void page_op_stop(Op *op)
{
    PageOp *wait = (PageOp *)op;
    Err     why;
    reader_cancel(wait->reader);
    wait->reader = NULL;
    err_set(&why, ST_CANCELLED, "reading the page was cancelled");
    op_finish(op, &why);
}

static int page_op_push(Op *op, lua_State *L)
{
    const Page *page = &((PageOp *)op)->page;
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, page->text.ptr, page->text.len);
    lua_setfield(L, -2, "text");
    lua_pushlstring(L, page->title.ptr, page->title.len);
    lua_setfield(L, -2, "title");
    lua_pushboolean(L, page->cut);
    lua_setfield(L, -2, "cut");
    return 1;
}

static int read_page(lua_State *L, Loop *loop, const ReaderSpec *spec);

static const OpKind PAGE = {"call.page", page_op_stop, page_op_push, page_op_free};

static void on_read(void *arg, const Err *outcome, Page *page)
{
    PageOp *wait = arg;
    Page    empty = wait->page;
    wait->reader = NULL;
    wait->page = *page;
    *page = empty;
    op_finish(&wait->op, outcome);
}

int bind_call_page(lua_State *L)
{
    static const char *const KEYS[] = {"bytes", "charset", "html", "url", NULL};
    CallGrant               *grant = call_grant(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    opt_only(L, 1, "page", KEYS);
    ReaderSpec spec = {.program = vm_of(L)->engine->page,
                       .bytes = opt_bytes(L, 1, "bytes"),
                       .charset = opt_text(L, 1, "charset", "UTF-8"),
                       .url = opt_bytes(L, 1, "url"),
                       .is_page = opt_flag(L, 1, "html")};
    op_may_wait(L);
    return read_page(L, grant->run->loop, &spec);
}

int bind_probe_page(lua_State *L)
{
    Engine    *engine = vm_of(L)->engine;
    ReaderSpec spec = {.program = engine->page,
                       .bytes = STR("<h1>caf\xE9</h1>"),
                       .charset = "ISO-8859-1",
                       .is_page = true};
    op_may_wait(L);
    return read_page(L, engine->loop, &spec);
}

static int read_page(lua_State *L, Loop *loop, const ReaderSpec *spec)
{
    PageOp *wait = mem_new(sizeof *wait);
    Err     err;
    wait->op.kind = &PAGE;
    page_init(&wait->page);
    if (reader_begin(loop, spec, on_read, wait, &wait->reader, &err) != ST_OK)
        op_finish(&wait->op, &err);
    return op_await(L, &wait->op);
}
