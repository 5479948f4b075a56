/* call.http: one request of a tool, its whole answer in a table. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../http/fetch.h"

#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 100, REDIRECTS = 5, REDIRECTS_MAX = 10 };
enum { CONNECT_MS = 20000, SILENCE_MS = 60000 };

typedef struct FetchOp {
    Op          op;    /* first */
    Fetch      *fetch; /* borrowed; NULL once it ended */
    int         status;
    HttpHeader *headers; /* owned, with their texts */
    size_t      header_count;
    Buf         body;
    char       *url; /* owned */
    Buf         location;
} FetchOp;

static void fetch_op_free(Op *op)
{
    FetchOp *wait = (FetchOp *)op;
    fetch_cancel(wait->fetch);
    for (size_t i = 0; i < wait->header_count; i++) {
        free((void *)wait->headers[i].name.ptr);
        free((void *)wait->headers[i].value.ptr);
    }
    free(wait->headers);
    buf_clear(&wait->body);
    free(wait->url);
    buf_clear(&wait->location);
    free(wait);
}

static void fetch_op_stop(Op *op)
{
    FetchOp *wait = (FetchOp *)op;
    Err      why;
    fetch_cancel(wait->fetch);
    wait->fetch = NULL;
    err_set(&why, ST_CANCELLED, "the request was cancelled");
    op_finish(op, &why);
}

static void on_fetched(void *arg, const Err *outcome, FetchAnswer *answer)
{
    FetchOp *wait = arg;
    wait->fetch = NULL;
    if (outcome->status == ST_OK) {
        wait->status = answer->status;
        wait->url = mem_copy(answer->url.ptr, answer->url.len);
        wait->headers = answer->headers;
        wait->header_count = answer->header_count;
        wait->body = answer->body;
        wait->location = answer->location;
        buf_init(&answer->location, 0);
        answer->headers = NULL;
        answer->header_count = 0;
        buf_init(&answer->body, 0);
    }
    op_finish(&wait->op, outcome);
}

/* A field that comes twice is one with both values (RFC 9110, section 5.2); the values of
 * Set-Cookie hold commas, so those stand in lines of their own. */
static void push_headers(lua_State *L, const FetchOp *wait)
{
    lua_createtable(L, 0, (int)wait->header_count);
    for (size_t i = 0; i < wait->header_count; i++) {
        const HttpHeader *header = &wait->headers[i];
        lua_pushlstring(L, header->name.ptr, header->name.len);
        lua_pushvalue(L, -1);
        bool again = lua_rawget(L, -3) == LUA_TSTRING;
        if (again) lua_pushstring(L, str_is(header->name, "set-cookie") ? "\n" : ", ");
        lua_pushlstring(L, header->value.ptr, header->value.len);
        if (again)
            lua_concat(L, 3);
        else
            lua_remove(L, -2);
        lua_rawset(L, -3);
    }
}

static int fetch_op_push(Op *op, lua_State *L)
{
    FetchOp *wait = (FetchOp *)op;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, wait->status);
    lua_setfield(L, -2, "status");
    push_headers(L, wait);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, wait->body.ptr, wait->body.len);
    lua_setfield(L, -2, "body");
    lua_pushstring(L, wait->url);
    lua_setfield(L, -2, "url");
    if (wait->location.len) {
        lua_pushlstring(L, wait->location.ptr, wait->location.len);
        lua_setfield(L, -2, "location");
    }
    return 1;
}

static const OpKind FETCH = {"call.http", fetch_op_stop, fetch_op_push, fetch_op_free};

/* -- what the tool asked for ------------------------------------------------------------------- */

/* { name = "value" } into memory that Lua frees, in the order of the names. */
static int by_name(const void *a, const void *b)
{
    Str    left = ((const HttpHeader *)a)->name, right = ((const HttpHeader *)b)->name;
    size_t len = left.len < right.len ? left.len : right.len;
    int    order = memcmp(left.ptr, right.ptr, len);
    return order ? order : left.len < right.len ? -1 : left.len > right.len;
}

static void read_headers(lua_State *L, int spec, HttpRequest *request)
{
    lua_pushliteral(L, "headers");
    if (lua_rawget(L, spec) == LUA_TNIL) return;
    luaL_checktype(L, -1, LUA_TTABLE);
    int         table = lua_gettop(L);
    size_t      count = 0;
    HttpHeader *headers = lua_newuserdatauv(L, HEADERS_MAX * sizeof *headers, 0);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "http: headers is a table of texts: { accept = \"text/html\" }");
        if (count == HEADERS_MAX) luaL_error(L, "http: more than %d headers", HEADERS_MAX);
        headers[count].name.ptr = lua_tolstring(L, -2, &headers[count].name.len);
        headers[count].value.ptr = lua_tolstring(L, -1, &headers[count].value.len);
        count++;
    }
    qsort(headers, count, sizeof *headers, by_name);
    request->headers = headers;
    request->header_count = count;
}

/* By default "Authorization: Bearer VALUE"; another header carries the bare value. */
static void read_secret(lua_State *L, int spec, const CallGrant *grant, HttpRequest *request)
{
    request->secret = opt_bytes(L, spec, "secret");
    const char *header = opt_text(L, spec, "secret_header", NULL);
    const char *prefix = opt_text(L, spec, "secret_prefix", header ? "" : "Bearer ");
    if (request->secret.len == 0) {
        if (header || opt_text(L, spec, "secret_prefix", NULL))
            luaL_error(L, "http: secret_header and secret_prefix belong to a secret");
        return;
    }
    request->secret_header = str_from(header ? header : "authorization");
    request->secret_prefix = str_from(prefix);
    for (char **name = grant->secrets; name && *name; name++)
        if (str_is(request->secret, *name)) return;
    luaL_error(L, "tool %s: the secret needs `needs = { secrets = { \"%s\" } }` in its file",
               grant->tool, opt_text(L, spec, "secret", ""));
}

static void read_bounds(lua_State *L, int at, const CallGrant *grant, FetchSpec *spec)
{
    HttpRequest *request = &spec->request;
    int64_t      timeout_ms = opt_amount(L, at, "http", "timeout", "lua/lib/duration.lua");
    int64_t      most = opt_amount(L, at, "http", "most", "lua/lib/size.lua");
    lua_Integer  redirects = opt_integer(L, at, "redirects", REDIRECTS);
    if (most > (int64_t)LIMIT_REPLY) luaL_error(L, "http: most is at most 32 MB");
    if (redirects < 0 || redirects > REDIRECTS_MAX)
        luaL_error(L, "http: redirects is 0 to %d", REDIRECTS_MAX);
    request->connect_ms = CONNECT_MS;
    request->first_byte_ms = request->idle_ms = SILENCE_MS;
    request->deadline = run_deadline(grant->run, true);
    if (timeout_ms) {
        int64_t until = clock_deadline(loop_clock(grant->run->loop), timeout_ms);
        if (until < request->deadline) request->deadline = until;
        if (timeout_ms > SILENCE_MS) request->first_byte_ms = request->idle_ms = timeout_ms;
    }
    request->body_limit = most ? (size_t)most : LIMIT_FETCH;
    spec->redirects = (size_t)redirects;
}

static void begin(FetchOp *wait, Engine *engine, const CallGrant *grant, FetchSpec *spec)
{
    Err       err;
    HostRules rules = {NULL, 0};
    Status    status = ST_OK;
    err_clear(&err);
    for (char **host = grant->hosts; *host && status == ST_OK; host++)
        status = host_rules_add(&rules, str_from(*host), &err);
    if (status != ST_OK) err_wrap(&err, "tool %s: needs.net", grant->tool);
    Transport *transport = status == ST_OK ? engine_transport(engine, &err) : NULL;
    spec->request.hosts = &rules;
    if (!transport || fetch_begin(transport, spec, on_fetched, wait, &wait->fetch, &err) != ST_OK)
        op_finish(&wait->op, &err);
    host_rules_clear(&rules);
}

int bind_call_http(lua_State *L)
{
    static const char *const KEYS[] = {
        "url",           "method",  "headers", "body",      "secret", "secret_header",
        "secret_prefix", "timeout", "most",    "redirects", NULL};
    CallGrant *grant = call_grant(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    opt_only(L, 1, "http", KEYS);
    if (!grant->hosts || !grant->hosts[0])
        return luaL_error(
            L,
            "tool %s may reach no host: a request needs `needs = { net = { \"HOST\" } }` "
            "in its file, and the user's grant",
            grant->tool);
    FetchSpec    spec = {.redirects = 0};
    HttpRequest *request = &spec.request;
    request->url = opt_bytes(L, 1, "url");
    if (request->url.len == 0) return luaL_error(L, "http: url is missing");
    request->body = opt_bytes(L, 1, "body");
    request->method = opt_bytes(L, 1, "method");
    if (request->method.len == 0) request->method = request->body.len ? STR("POST") : STR("GET");
    read_bounds(L, 1, grant, &spec);
    read_secret(L, 1, grant, request);
    read_headers(L, 1, request);
    op_may_wait(L);

    FetchOp *wait = mem_new(sizeof *wait);
    wait->op.kind = &FETCH;
    buf_init(&wait->body, 0);
    buf_init(&wait->location, 0);
    begin(wait, vm_of(L)->engine, grant, &spec);
    return op_await(L, &wait->op);
}
