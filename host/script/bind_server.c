/* cli.listen: a loopback server whose requests a verb takes one by one. */
#include "bind.h"

#include "../base/mem.h"
#include "../http/server.h"

#include <stdlib.h>

static const char SERVER[] = "perigee.server";
static const char REQUEST[] = "perigee.request";

typedef struct Arrived Arrived;
struct Arrived {
    ServerRequest *request; /* borrowed from the server; NULL once answered */
    Arrived       *next;
};

typedef struct Listener {
    Server  *server;       /* owned */
    Op      *waiting;      /* borrowed: who waits in accept */
    Arrived *first, *last; /* owned */
    int      users;
} Listener;

typedef struct RequestBox {
    ServerRequest *request;  /* NULL once finished */
    Listener      *listener; /* held */
} RequestBox;

static void release(Listener *listener)
{
    if (--listener->users > 0) return;
    server_free(listener->server);
    while (listener->first) {
        Arrived *arrived = listener->first;
        listener->first = arrived->next;
        free(arrived);
    }
    free(listener);
}

static void on_request(void *arg, ServerRequest *request)
{
    Listener *listener = arg;
    Arrived  *arrived = mem_new(sizeof *arrived);
    arrived->request = request;
    if (listener->last)
        listener->last->next = arrived;
    else
        listener->first = arrived;
    listener->last = arrived;
    if (listener->waiting) {
        Op *op = listener->waiting;
        listener->waiting = NULL;
        op_finish_ok(op);
    }
}

/* -- accept ------------------------------------------------------------------------------------ */

typedef struct AcceptOp {
    Op        op;       /* first */
    Listener *listener; /* held */
} AcceptOp;

static void accept_cancel(Op *op)
{
    Err why;
    ((AcceptOp *)op)->listener->waiting = NULL;
    err_set(&why, ST_CANCELLED, "the server was stopped");
    op_finish(op, &why);
}

static void accept_free(Op *op)
{
    AcceptOp *wait = (AcceptOp *)op;
    if (wait->listener->waiting == op) wait->listener->waiting = NULL;
    release(wait->listener);
    free(wait);
}

static RequestBox *check_request(lua_State *L)
{
    RequestBox *box = luaL_checkudata(L, 1, REQUEST);
    if (!box->request) luaL_error(L, "this request was answered already");
    return box;
}

/* A client that went away is no error of the script's: false says so. */
static int answer(lua_State *L, Status status, const Err *err)
{
    if (status != ST_OK && status != ST_UNAVAILABLE) return op_raise(L, err);
    lua_pushboolean(L, status == ST_OK);
    return 1;
}

/* request:head(status, { {name, value}, ... }) */
static int request_head(lua_State *L)
{
    RequestBox *box = check_request(L);
    int         status = (int)luaL_checkinteger(L, 2);
    Err         err;
    HttpHeader  headers[50];
    size_t      count = 0;
    err_clear(&err);
    luaL_argexpected(L, lua_isnoneornil(L, 3) || lua_istable(L, 3), 3, "a list of headers");
    for (lua_Integer i = 1; lua_istable(L, 3) && lua_rawgeti(L, 3, i) == LUA_TTABLE && count < 50;
         i++, count++) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        headers[count].name.ptr = luaL_checklstring(L, -2, &headers[count].name.len);
        headers[count].value.ptr = luaL_checklstring(L, -1, &headers[count].value.len);
        lua_pop(L, 3);
    }
    return answer(L, reply_head(box->request, status, headers, count, &err), &err);
}

static int request_write(lua_State *L)
{
    RequestBox *box = check_request(L);
    size_t      len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    Err         err;
    err_clear(&err);
    return answer(L, reply_write(box->request, (Str){bytes, len}, &err), &err);
}

static int request_finish(lua_State *L)
{
    RequestBox *box = check_request(L);
    reply_end(box->request);
    box->request = NULL;
    return 0;
}

static int request_abort(lua_State *L)
{
    RequestBox *box = check_request(L);
    reply_abort(box->request);
    box->request = NULL;
    return 0;
}

static int request_gc(lua_State *L)
{
    RequestBox *box = luaL_checkudata(L, 1, REQUEST);
    if (box->request) reply_abort(box->request);
    box->request = NULL;
    if (box->listener) release(box->listener);
    box->listener = NULL;
    return 0;
}

/* Fields stand in the user value, methods in upvalue 1. */
static int request_index(lua_State *L)
{
    luaL_checkudata(L, 1, REQUEST);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL) return 1;
    lua_pushvalue(L, 2);
    lua_gettable(L, lua_upvalueindex(1));
    return 1;
}

static void push_fields(lua_State *L, const ServerRequest *request)
{
    lua_createtable(L, 0, 4);
    lua_pushlstring(L, request->method.ptr, request->method.len);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, request->path.ptr, request->path.len);
    lua_setfield(L, -2, "path");
    lua_pushlstring(L, request->body.ptr ? request->body.ptr : "", request->body.len);
    lua_setfield(L, -2, "body");
    lua_createtable(L, 0, (int)request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        lua_pushlstring(L, request->headers[i].name.ptr, request->headers[i].name.len);
        lua_pushlstring(L, request->headers[i].value.ptr, request->headers[i].value.len);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "headers");
}

static int accept_push(Op *op, lua_State *L)
{
    static const luaL_Reg METHODS[] = {{"head", request_head},
                                       {"write", request_write},
                                       {"finish", request_finish},
                                       {"abort", request_abort},
                                       {NULL, NULL}};
    Listener             *listener = ((AcceptOp *)op)->listener;
    RequestBox           *box = lua_newuserdatauv(L, sizeof *box, 1);
    *box = (RequestBox){NULL, NULL};
    if (luaL_newmetatable(L, REQUEST)) {
        luaL_newlib(L, METHODS);
        lua_pushcclosure(L, request_index, 1);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, request_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    push_fields(L, listener->first->request);
    lua_setiuservalue(L, -2, 1);
    Arrived *arrived = listener->first;
    listener->first = arrived->next;
    if (!listener->first) listener->last = NULL;
    box->request = arrived->request;
    box->listener = listener;
    listener->users++;
    free(arrived);
    return 1;
}

static const OpKind ACCEPT = {"server.accept", accept_cancel, accept_push, accept_free};

static int server_accept(lua_State *L)
{
    Listener **box = luaL_checkudata(L, 1, SERVER);
    op_may_wait(L);
    if ((*box)->waiting) return luaL_error(L, "somebody else waits for a request already");
    AcceptOp *wait = mem_new(sizeof *wait);
    wait->op.kind = &ACCEPT;
    wait->listener = *box;
    (*box)->users++;
    if ((*box)->first)
        op_finish_ok(&wait->op);
    else
        (*box)->waiting = &wait->op;
    return op_await(L, &wait->op);
}

static int server_gc(lua_State *L)
{
    Listener **box = luaL_checkudata(L, 1, SERVER);
    if (*box) release(*box);
    *box = NULL;
    return 0;
}

/* server.port, server:accept() */
static int server_index(lua_State *L)
{
    Listener  **box = luaL_checkudata(L, 1, SERVER);
    const char *key = luaL_checkstring(L, 2);
    if (key[0] == 'p')
        lua_pushinteger(L, server_port((*box)->server));
    else
        lua_pushcfunction(L, server_accept);
    return 1;
}

/* cli.listen{ port = N } -> server | nil, err */
int bind_listen(lua_State *L)
{
    Err err;
    err_clear(&err);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer port = opt_integer(L, 1, "port", 0);
    luaL_argcheck(L, port >= 0 && port <= 65535, 1, "a port is 0 to 65535");
    Listener **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, SERVER)) {
        static const luaL_Reg META[] = {
            {"__index", server_index}, {"__gc", server_gc}, {NULL, NULL}};
        luaL_setfuncs(L, META, 0);
    }
    lua_setmetatable(L, -2);
    Listener *listener = mem_new(sizeof *listener);
    listener->users = 1;
    if (server_new(vm_of(L)->engine->loop, "127.0.0.1", (unsigned)port, on_request, listener,
                   &listener->server, &err) != ST_OK) {
        free(listener);
        lua_pushnil(L);
        op_push_error(L, &err);
        return 2;
    }
    *box = listener;
    return 1;
}
