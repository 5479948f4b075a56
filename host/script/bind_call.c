/* The `call` of a tool: its files, its commands, and nothing that its `needs` do not name. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char CALL[] = "perigee.call"; /* what a tool's closures hold: a CallHandle */

/* A tool may keep `call` in a variable beyond its end. What it then holds is this, and not the
 * grant. */
typedef struct CallHandle {
    CallGrant *grant; /* borrowed; NULL once the call ended */
} CallHandle;

/* The VM closes before the call that began in it is freed, or long after: whoever goes first lets
 * go of the other. */
static int handle_gone(lua_State *L)
{
    CallHandle *handle = lua_touserdata(L, 1);
    if (handle->grant) handle->grant->handle = NULL;
    handle->grant = NULL;
    return 0;
}

void bind_free_call(void *arg)
{
    CallGrant *grant = arg;
    if (!grant) return;
    if (grant->handle) grant->handle->grant = NULL;
    for (char **program = grant->programs; *program; program++) free(*program);
    free(grant->programs);
    for (char **host = grant->hosts; host && *host; host++) free(*host);
    free(grant->hosts);
    free(grant->tool);
    free(grant->call);
    free(grant->state);
    free(grant);
}

/* -- files, on a thread ------------------------------------------------------------------------ */

typedef enum FileAct { FILE_READ, FILE_WRITE, FILE_INFO, FILE_LIST } FileAct;

typedef struct FileOp {
    Op         op; /* first */
    FileAct    act;
    Run       *run;       /* borrowed; its VM, and so this op, ends before it */
    Workspace *workspace; /* held */
    char      *path;      /* owned */
    size_t     path_len;
    Buf        bytes; /* read or to be written */
    char       expect[HASH_HEX_SIZE];
    bool       has_expect;
    bool       peek; /* a look that does not count as reading */
    size_t     most;
    FileInfo   info;
    Buf        entries; /* names, each with its FileInfo before it */
    Err        err;
} FileOp;

static void file_free(Op *op)
{
    FileOp *file = (FileOp *)op;
    workspace_release(file->workspace);
    free(file->path);
    buf_clear(&file->bytes);
    buf_clear(&file->entries);
    free(file);
}

static void file_cancel(Op *op)
{
    (void)op; /* bounded in size: it ends soon, and a write is whole */
}

static void add_entry(void *arg, Str name, const FileInfo *info)
{
    FileOp *file = arg;
    Err     err;
    if (buf_append(&file->entries, (Str){(const char *)info, sizeof *info}, &err) != ST_OK ||
        buf_append(&file->entries, (Str){(const char *)&name.len, sizeof name.len}, &err) !=
            ST_OK ||
        buf_append(&file->entries, name, &err) != ST_OK)
        file->err = err;
}

static void file_work(void *arg)
{
    FileOp *file = arg;
    Root   *root = file->workspace->root;
    Str     path = {file->path, file->path_len};
    Status  status = ST_OK;
    switch (file->act) {
    case FILE_READ:
        status = root_read(root, path, file->most, &file->bytes, &file->info, &file->err);
        break;
    case FILE_WRITE:
        status = root_write(root, path, buf_str(&file->bytes),
                            file->has_expect ? file->expect : NULL, &file->info, &file->err);
        break;
    case FILE_INFO: status = root_info(root, path, &file->info, &file->err); break;
    case FILE_LIST: status = root_list(root, path, file->most, add_entry, file, &file->err); break;
    }
    if (status == ST_OK && file->err.status != ST_OK) status = file->err.status;
}

static void file_done(void *arg, bool abandoned)
{
    FileOp *file = arg;
    (void)abandoned;
    op_finish(&file->op, &file->err);
}

static void push_info(lua_State *L, const FileInfo *info)
{
    static const char *const KINDS[] = {"file", "folder", "link", "other"};
    lua_createtable(L, 0, 5);
    lua_pushstring(L, KINDS[info->kind]);
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, (lua_Integer)info->size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, (lua_Integer)info->mode);
    lua_setfield(L, -2, "mode");
    lua_pushinteger(L, info->modified_ms);
    lua_setfield(L, -2, "modified");
    if (info->hash[0]) {
        lua_pushstring(L, info->hash);
        lua_setfield(L, -2, "hash");
    }
}

/* Entries are named by their bytes; the order is the root's. */
static int push_entries(FileOp *file, lua_State *L)
{
    Str         rest = buf_str(&file->entries);
    lua_Integer count = 0;
    lua_newtable(L);
    while (rest.len > 0) {
        FileInfo info;
        size_t   len;
        memcpy(&info, rest.ptr, sizeof info);
        memcpy(&len, rest.ptr + sizeof info, sizeof len);
        rest = str_cut(rest, sizeof info + sizeof len, rest.len);
        push_info(L, &info);
        lua_pushlstring(L, rest.ptr, len);
        lua_setfield(L, -2, "name");
        lua_rawseti(L, -2, ++count);
        rest = str_cut(rest, len, rest.len);
    }
    return 1;
}

static int file_push(Op *op, lua_State *L)
{
    FileOp *file = (FileOp *)op;
    switch (file->act) {
    case FILE_READ: {
        const char *before = run_seen(file->run, file->path);
        bool        known = before != NULL, same = known && strcmp(before, file->info.hash) == 0;
        if (!file->peek) run_saw(file->run, file->path, file->info.hash);
        lua_pushlstring(L, file->bytes.ptr, file->bytes.len);
        push_info(L, &file->info);
        if (known) {
            lua_pushboolean(L, same);
            lua_setfield(L, -2, "seen");
        }
        return 2;
    }
    case FILE_WRITE: run_saw(file->run, file->path, file->info.hash); break;
    case FILE_LIST: return push_entries(file, L);
    case FILE_INFO: break;
    }
    push_info(L, &file->info);
    return 1;
}

static const OpKind FILE_OP = {"files", file_cancel, file_push, file_free};

/* "./a//b/../c" and its absolute form are the same file: one name for what a run has seen. */
static char *plain_path(const Workspace *workspace, const char *path, size_t len)
{
    size_t root = strlen(workspace->path), at = 0;
    char  *out = mem_new(len + 2);
    if (len > root && strncmp(path, workspace->path, root) == 0 && path[root] == '/') {
        path += root + 1;
        len -= root + 1;
    }
    if (len > 0 && path[0] == '/') out[at++] = '/';
    for (size_t i = 0; i < len;) {
        size_t end = i;
        while (end < len && path[end] != '/') end++;
        size_t part = end - i;
        if (part > 0 && !(part == 1 && path[i] == '.')) {
            if (at > 0 && out[at - 1] != '/') out[at++] = '/';
            memcpy(out + at, path + i, part);
            at += part;
        }
        i = end + 1;
    }
    if (at == 0) out[at++] = '.';
    out[at] = '\0';
    return out;
}

CallGrant *bind_grant_of(lua_State *L)
{
    CallHandle *handle = lua_touserdata(L, lua_upvalueindex(1));
    if (!handle->grant)
        luaL_error(L, "this call has ended; a tool has only the `call` that it was given now");
    return handle->grant;
}

static FileOp *file_new(CallGrant *grant, FileAct act, const char *path, size_t len)
{
    FileOp *file = mem_new(sizeof *file);
    file->op.kind = &FILE_OP;
    file->act = act;
    file->run = grant->run;
    file->workspace = workspace_hold(grant->run->workspace);
    bool plain =
        strlen(path) == len; /* a NUL inside is refused by the root, so it goes there as it is */
    file->path = plain ? plain_path(file->workspace, path, len) : mem_copy(path, len);
    file->path_len = plain ? strlen(file->path) : len;
    buf_init(&file->bytes, LIMIT_FILE_READ);
    buf_init(&file->entries, 16 * MB);
    return file;
}

static int file_begin(lua_State *L, FileOp *file)
{
    work_start(file->run->loop, file_work, file_done, file);
    return op_await(L, &file->op);
}

static const char *check_file_call(lua_State *L, bool granted, const char *need, size_t *len)
{
    CallGrant  *grant = bind_grant_of(L);
    const char *path = luaL_checklstring(L, 1, len);
    if (!granted)
        luaL_error(L, "tool %s: this needs `needs = { %s = { \".\" } }` in its file", grant->tool,
                   need);
    if (!grant->run->workspace) luaL_error(L, "tool %s: this run has no workspace", grant->tool);
    op_may_wait(L);
    return path;
}

static int call_read(lua_State *L)
{
    static const char *const KEYS[] = {"most", "peek", NULL};
    size_t                   len;
    const char *path = check_file_call(L, bind_grant_of(L)->reads || bind_grant_of(L)->writes, "read", &len);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        opt_only(L, 2, "read", KEYS);
    }
    lua_Integer most = lua_istable(L, 2) ? opt_integer(L, 2, "most", (lua_Integer)LIMIT_FILE_READ)
                                         : (lua_Integer)LIMIT_FILE_READ;
    luaL_argcheck(L, most > 0 && most <= (lua_Integer)LIMIT_FILE_READ, 2,
                  "most is 1 byte to 64 MB");
    bool    peek = lua_istable(L, 2) && opt_flag(L, 2, "peek");
    FileOp *file = file_new(bind_grant_of(L), FILE_READ, path, len);
    file->most = (size_t)most;
    file->peek = peek;
    return file_begin(L, file);
}

static int call_write(lua_State *L)
{
    static const char *const EXPECT[] = {"any", "new", "seen", NULL}, *const KEYS[] = {"expect",
                                                                                       NULL};
    size_t      len, size;
    const char *path = check_file_call(L, bind_grant_of(L)->writes, "write", &len);
    const char *bytes = luaL_checklstring(L, 2, &size);
    int         expect = 0;
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        opt_only(L, 3, "write", KEYS);
        lua_getfield(L, 3, "expect");
        expect = luaL_checkoption(L, -1, "any", EXPECT);
    }
    luaL_argcheck(L, size <= LIMIT_FILE_READ, 2, "more than 64 MB");
    FileOp *file = file_new(bind_grant_of(L), FILE_WRITE, path, len);
    Err     err;
    file->has_expect = expect != 0;
    const char *seen = expect == 2 ? run_seen(file->run, file->path) : NULL;
    if (seen) memcpy(file->expect, seen, sizeof file->expect);
    if (expect == 2 && !seen) {
        err_set(&err, ST_INVALID, "%s was not read in this run; read it before changing it",
                file->path);
        op_finish(&file->op, &err);
        return op_await(L, &file->op);
    }
    if (buf_append(&file->bytes, (Str){bytes, size}, &err) != ST_OK) {
        op_finish(&file->op, &err);
        return op_await(L, &file->op);
    }
    return file_begin(L, file);
}

static int call_info(lua_State *L)
{
    size_t      len;
    const char *path = check_file_call(L, bind_grant_of(L)->reads || bind_grant_of(L)->writes, "read", &len);
    return file_begin(L, file_new(bind_grant_of(L), FILE_INFO, path, len));
}

static int call_list(lua_State *L)
{
    size_t      len;
    const char *path = check_file_call(L, bind_grant_of(L)->reads || bind_grant_of(L)->writes, "read", &len);
    FileOp     *file = file_new(bind_grant_of(L), FILE_LIST, path, len);
    file->most = 20000;
    return file_begin(L, file);
}

/* -- commands ---------------------------------------------------------------------------------- */

static int call_exec(lua_State *L)
{
    CallGrant *grant = bind_grant_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!grant->execs)
        return luaL_error(
            L, "tool %s: a command needs `needs = { exec = { \"PROGRAM\" } }` in its file",
            grant->tool);
    op_may_wait(L);
    return bind_exec(L, grant->run, grant, 1);
}

static void push_host_run(lua_State *L, void *run) { bind_push_run(L, run); }

/* A line for whoever watches: the host's own service writes it down, so that events and journal
 * have it. */
static int call_log(lua_State *L)
{
    CallGrant *grant = bind_grant_of(L);
    (void)luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushstring(L, grant->tool);
    CrossSpec spec = {.vm = VM_HOST,
                      .run = grant->run,
                      .entry = "lua/lib/services.lua",
                      .field = "log",
                      .object = push_host_run,
                      .object_arg = grant->run};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 1, 2));
}

/* Where this is the tool's first call in its run, `call.state` is not there. */
static int no_such_field(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "state") == 0) return 0;
    return luaL_error(L,
                      "call has no '%s'; it has exec, jobs, read, write, list, info, log, state, "
                      "workspace and sandbox",
                      luaL_tolstring(L, 2, NULL));
}

static void push_rules(lua_State *L, const HostRules *rules)
{
    lua_createtable(L, (int)rules->count, 0);
    for (size_t i = 0; i < rules->count; i++) {
        const HostRule *rule = &rules->items[i];
        lua_pushfstring(L, "%s%s", rule->below ? "*." : "", rule->host.name);
        if (rule->port != 0) {
            lua_pushfstring(L, ":%d", rule->port);
            lua_concat(L, 2);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* What the commands of this call may reach: { network, hosts }. */
static void push_sandbox(lua_State *L, const CallGrant *grant)
{
    static const char *const MODES[] = {
        [NETWORK_NONE] = "none", [NETWORK_PROXY] = "proxy", [NETWORK_HOST] = "host"};
    Workspace *workspace = grant->run->workspace;
    lua_createtable(L, 0, 2);
    lua_pushstring(L, MODES[workspace ? workspace->network : NETWORK_NONE]);
    lua_setfield(L, -2, "network");
    if (workspace && !grant->hosts) {
        push_rules(L, &workspace->hosts);
    } else {
        lua_newtable(L);
        for (size_t i = 0; grant->hosts && grant->hosts[i]; i++) {
            lua_pushstring(L, grant->hosts[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
    lua_setfield(L, -2, "hosts");
    lib_freeze(L);
}

/* What the tool's last call in this run left. It was encoded by the host, so it can be read. */
static void push_state(lua_State *L, const char *text)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "perigee.json");
    lua_getfield(L, -1, "decode");
    lua_remove(L, -2);
    lua_pushstring(L, text);
    lua_call(L, 1, 1);
}

void bind_push_call(lua_State *L, void *arg)
{
    static const luaL_Reg METHODS[] = {
        {"exec", call_exec}, {"read", call_read}, {"write", call_write}, {"list", call_list},
        {"info", call_info}, {"log", call_log},   {NULL, NULL}};
    CallGrant *grant = arg;
    luaL_newlibtable(L, METHODS);
    CallHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->grant = NULL;
    if (luaL_newmetatable(L, CALL)) {
        lua_pushcfunction(L, handle_gone);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    handle->grant = grant;
    grant->handle = handle;
    if (grant->execs) {
        bind_push_jobs(L);
        lua_setfield(L, -3, "jobs");
    }
    luaL_setfuncs(L, METHODS, 1);
    if (grant->state) {
        push_state(L, grant->state);
        lua_setfield(L, -2, "state");
    }
    lua_pushstring(L, grant->run->workspace ? grant->run->workspace->path : NULL);
    lua_setfield(L, -2, "workspace");
    push_sandbox(L, grant);
    lua_setfield(L, -2, "sandbox");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_such_field);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lib_freeze(L);
}
