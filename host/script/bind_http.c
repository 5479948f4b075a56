/* http.send: one request of a run, its answer read piece by piece. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../http/secrets.h"
#include "../http/sse.h"

#include <stdlib.h>
#include <string.h>

static const char RESPONSE[] = "perigee.response";

typedef struct Piece Piece;
struct Piece { /* an event, or bytes of the body */
    Piece *next;
    char  *name; /* owned; NULL for bytes */
    char  *data; /* owned */
    size_t len;
};

typedef struct Header {
    char *name, *value; /* owned */
} Header;

typedef struct Response {
    HttpCall *call;    /* borrowed; NULL once it ended */
    Op       *waiting; /* borrowed; for the head or for the next piece */
    Sse       sse;
    bool      events, headed, ended, paused;
    int       users; /* the userdata and the op that waits */
    int       status;
    Header   *headers; /* owned */
    size_t    header_count;
    Piece    *first, *last;
    size_t    queued; /* bytes */
    char *secret;  /* owned: name of the secret that was sent; servers quote keys in their errors */
    Buf   held;    /* the end of a body that may be the beginning of its value */
    Err   outcome; /* once ended */
} Response;

static void release(Response *response)
{
    if (--response->users > 0) return;
    if (response->call) http_cancel(response->call);
    while (response->first) {
        Piece *piece = response->first;
        response->first = piece->next;
        free(piece->name);
        free(piece->data);
        free(piece);
    }
    for (size_t i = 0; i < response->header_count; i++) {
        free(response->headers[i].name);
        free(response->headers[i].value);
    }
    free(response->headers);
    free(response->secret);
    buf_clear(&response->held);
    sse_clear(&response->sse);
    free(response);
}

static void wake(Response *response)
{
    Op *op = response->waiting;
    response->waiting = NULL;
    if (op) op_finish_ok(op);
}

static void end_with(Response *response, const Err *outcome)
{
    response->ended = true;
    response->outcome = *outcome;
    wake(response);
}

static void add_piece(Response *response, const char *name, Str data)
{
    Piece *piece = mem_new(sizeof *piece);
    piece->name = mem_text(name);
    piece->data = mem_copy(data.ptr, data.len);
    piece->len = data.len;
    secrets_mask(str_from(response->secret), piece->data, piece->len);
    if (response->last)
        response->last->next = piece;
    else
        response->first = piece;
    response->last = piece;
    response->queued += data.len + sizeof *piece;
}

/* A key may be cut by two reads: what could be its beginning waits for what follows. */
static Status add_bytes(Response *response, Str bytes, Err *err)
{
    Str    name = str_from(response->secret);
    Status status = buf_append(&response->held, bytes, err);
    if (status != ST_OK) return status;
    secrets_mask(name, response->held.ptr, response->held.len);
    size_t ready = response->held.len - secrets_begun(name, buf_str(&response->held));
    if (ready) add_piece(response, NULL, (Str){response->held.ptr, ready});
    buf_drop(&response->held, ready);
    return ST_OK;
}

/* The body ended: what was held back is not the whole value. */
static void add_rest(Response *response)
{
    Buf *held = &response->held;
    if (held->len == 0) return;
    secrets_mask_end(str_from(response->secret), held->ptr, held->len);
    add_piece(response, NULL, buf_str(held));
    buf_clear(held);
}

static bool event_seen(void *arg, const SseEvent *event)
{
    Response *response = arg;
    char     *name = mem_copy(event->name.ptr, event->name.len);
    secrets_mask(str_from(response->secret), name, event->name.len);
    add_piece(arg, name, event->data);
    free(name);
    return true;
}

/* -- the transfer's callbacks ------------------------------------------------------------------ */

static void on_head(void *arg, const HttpHead *head)
{
    Response *response = arg;
    response->headed = true;
    response->status = head->status;
    response->header_count = head->header_count;
    response->headers = mem_new((head->header_count + 1) * sizeof *response->headers);
    for (size_t i = 0; i < head->header_count; i++) {
        response->headers[i].name = mem_copy(head->headers[i].name.ptr, head->headers[i].name.len);
        response->headers[i].value =
            mem_copy(head->headers[i].value.ptr, head->headers[i].value.len);
        secrets_mask(str_from(response->secret), response->headers[i].value,
                     head->headers[i].value.len);
        bool stream = strcmp(response->headers[i].name, "content-type") == 0 &&
                      strncmp(response->headers[i].value, "text/event-stream", 17) == 0;
        if (strcmp(response->headers[i].name, "content-type") == 0 && !stream)
            response->events = false;
    }
    if (head->status < 200 || head->status > 299)
        response->events = false; /* an error's body is read as it is */
    wake(response);
}

static void on_data(void *arg, Str bytes)
{
    Response *response = arg;
    Err       err;
    err_clear(&err);
    Status status = response->events ? sse_feed(&response->sse, bytes, event_seen, response, &err)
                                     : add_bytes(response, bytes, &err);
    if (status != ST_OK) {
        HttpCall *call = response->call;
        response->call = NULL;
        if (response->events) err_wrap(&err, "event stream");
        end_with(response, &err);
        http_cancel(call);
        return;
    }
    if (response->queued > LIMIT_HTTP_QUEUE && !response->paused) {
        response->paused = true;
        http_pause(response->call, true);
    }
    if (response->first) wake(response);
}

static void on_end(void *arg, const Err *outcome)
{
    Response *response = arg;
    Err       err = *outcome;
    response->call = NULL;
    add_rest(response);
    if (response->events && err.status == ST_OK &&
        sse_end(&response->sse, event_seen, response, &err) != ST_OK)
        err_wrap(&err, "event stream");
    end_with(response, &err);
}

/* -- ops --------------------------------------------------------------------------------------- */

typedef struct HttpOp {
    Op        op;       /* first */
    Response *response; /* held */
} HttpOp;

static void http_free(Op *op)
{
    HttpOp *wait = (HttpOp *)op;
    if (wait->response->waiting == op) wait->response->waiting = NULL;
    release(wait->response);
    free(wait);
}

static void http_stop(Op *op)
{
    HttpOp   *wait = (HttpOp *)op;
    Response *response = wait->response;
    HttpCall *call = response->call;
    Err       why;
    response->waiting = NULL;
    response->call = NULL;
    err_set(&why, ST_CANCELLED, "the request was cancelled");
    if (call) http_cancel(call);
    if (!response->ended) end_with(response, &why);
    op_finish(op, &why);
}

static Response **check_response(lua_State *L) { return luaL_checkudata(L, 1, RESPONSE); }

static int response_gc(lua_State *L)
{
    Response **box = check_response(L);
    if (*box) release(*box);
    *box = NULL;
    return 0;
}

static int response_close(lua_State *L) { return response_gc(L); }

static int response_next(lua_State *L);

static int response_index(lua_State *L)
{
    Response   *response = *check_response(L);
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "next") == 0)
        lua_pushcfunction(L, response_next);
    else if (strcmp(key, "close") == 0)
        lua_pushcfunction(L, response_close);
    else if (!response)
        return luaL_error(L, "the response is closed");
    else if (strcmp(key, "status") == 0)
        lua_pushinteger(L, response->status);
    else if (strcmp(key, "ready") == 0)
        lua_pushboolean(L, response->first != NULL);
    else if (strcmp(key, "headers") == 0) {
        lua_createtable(L, 0, (int)response->header_count);
        for (size_t i = 0; i < response->header_count; i++) {
            lua_pushstring(L, response->headers[i].value);
            lua_setfield(L, -2, response->headers[i].name);
        }
    } else
        return luaL_error(L, "a response has no '%s'", key);
    return 1;
}

static int push_end(lua_State *L, Response *response)
{
    lua_pushnil(L);
    if (response->outcome.status == ST_OK) return 1;
    op_push_error(L, &response->outcome);
    return 2;
}

static int head_push(Op *op, lua_State *L)
{
    Response *response = ((HttpOp *)op)->response;
    if (!response->headed) return push_end(L, response);
    Response **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, RESPONSE)) {
        static const luaL_Reg META[] = {{"__index", response_index},
                                        {"__gc", response_gc},
                                        {"__close", response_gc},
                                        {NULL, NULL}};
        luaL_setfuncs(L, META, 0);
    }
    lua_setmetatable(L, -2);
    *box = response;
    response->users++;
    return 1;
}

static int push_next(lua_State *L, Response *response)
{
    Piece *piece = response->first;
    if (!piece) return push_end(L, response);
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, piece->data, piece->len);
    lua_setfield(L, -2, "data");
    if (piece->name) {
        lua_pushstring(L, piece->name);
        lua_setfield(L, -2, "name");
    }
    response->first = piece->next;
    if (!response->first) response->last = NULL;
    response->queued -= piece->len + sizeof *piece;
    free(piece->name);
    free(piece->data);
    free(piece);
    if (response->paused && response->queued < LIMIT_HTTP_QUEUE / 2 && response->call) {
        response->paused = false;
        http_pause(response->call, false);
    }
    return 1;
}

static int next_push(Op *op, lua_State *L) { return push_next(L, ((HttpOp *)op)->response); }

static const OpKind HEAD = {"http.send", http_stop, head_push, http_free};
static const OpKind NEXT = {"http.next", http_stop, next_push, http_free};

static HttpOp *make_op(Response *response, const OpKind *kind)
{
    HttpOp *wait = mem_new(sizeof *wait);
    wait->op.kind = kind;
    wait->response = response;
    response->users++;
    return wait;
}

/* response:next() -> { name, data } | nil at the end | nil, err. What is there comes at once: it is
 * LIMIT_HTTP_QUEUE at most, and more comes from the loop only. response.ready says whether anything
 * is. */
static int response_next(lua_State *L)
{
    Response *response = *check_response(L);
    if (!response) return luaL_error(L, "the response is closed");
    op_may_wait(L);
    if (response->waiting) return luaL_error(L, "somebody else waits for this response already");
    if (response->first || response->ended) return push_next(L, response);
    HttpOp *wait = make_op(response, &NEXT);
    response->waiting = &wait->op;
    return op_await(L, &wait->op);
}

/* -- the request ------------------------------------------------------------------------------- */

/* { {"name", "value"}, ... } into memory that Lua frees. */
static void read_headers(lua_State *L, int spec, HttpRequest *request)
{
    if (lua_getfield(L, spec, "headers") == LUA_TNIL) return;
    luaL_checktype(L, -1, LUA_TTABLE);
    int    table = lua_gettop(L);
    size_t count = lua_rawlen(L, table);
    if (count > 200) luaL_error(L, "http.send: more than 200 headers");
    HttpHeader *headers = lua_newuserdatauv(L, (count + 1) * sizeof *headers, 0);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, table, (lua_Integer)i + 1) != LUA_TTABLE ||
            lua_rawgeti(L, -1, 1) != LUA_TSTRING || lua_rawgeti(L, -2, 2) != LUA_TSTRING)
            luaL_error(L, "http.send: header %d is no { name, value }", (int)i + 1);
        headers[i].name.ptr = lua_tolstring(L, -2, &headers[i].name.len);
        headers[i].value.ptr = lua_tolstring(L, -1, &headers[i].value.len);
        lua_pop(L, 3);
    }
    request->headers = headers;
    request->header_count = count;
}

int bind_http_send(lua_State *L, Run *run, int spec)
{
    static const HttpEvents EVENTS = {on_head, on_data, on_end};
    lua_Integer body_limit = opt_integer(L, spec, "body_limit", (lua_Integer)LIMIT_REPLY);
    HttpRequest request = {
        .method = opt_bytes(L, spec, "method"),
        .url = opt_bytes(L, spec, "url"),
        .body = opt_bytes(L, spec, "body"),
        .secret = opt_bytes(L, spec, "secret"),
        .secret_header = opt_bytes(L, spec, "secret_header"),
        .secret_prefix = opt_bytes(L, spec, "secret_prefix"),
        .connect_ms = opt_integer(L, spec, "connect_ms", 20000),
        .first_byte_ms = opt_integer(L, spec, "first_byte_ms", 120000),
        .idle_ms = opt_integer(L, spec, "idle_ms", 60000),
        .deadline = run_deadline(run, true),
        .body_limit = (size_t)body_limit,
    };
    bool events = strcmp(opt_text(L, spec, "events", ""), "sse") == 0;
    Err  err;
    read_headers(L, spec, &request);
    err_clear(&err);
    Response *response = mem_new(sizeof *response);
    response->events = events;
    response->secret = mem_copy(request.secret.ptr, request.secret.len);
    buf_init(&response->held, LIMIT_HTTP_QUEUE + LIMIT_HTTP_HEAD);
    sse_init(&response->sse, LIMIT_SSE_LINE, LIMIT_SSE_EVENT);
    HttpOp    *wait = make_op(response, &HEAD);
    Transport *transport = engine_transport(vm_of(L)->engine, &err);
    if (!transport ||
        http_begin(transport, &request, &EVENTS, response, &response->call, &err) != ST_OK)
        op_finish(&wait->op, &err);
    else
        response->waiting = &wait->op;
    return op_await(L, &wait->op);
}
