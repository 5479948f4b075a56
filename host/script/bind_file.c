/* The files of a tool's `call`: each use is one piece of work on a thread. They lie in the
 * workspace, or in a root outside of it that the user granted the tool. */
#include "bind.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LIST_MOST = 20000 }; /* entries of a folder */

typedef enum FileAct { FILE_READ, FILE_WRITE, FILE_INFO, FILE_LIST } FileAct;

typedef struct FileOp {
    Op         op; /* first */
    FileAct    act;
    Run       *run;       /* borrowed; its VM, and so this op, ends before it */
    Workspace *workspace; /* held; NULL with `outside` */
    char      *outside;   /* owned; the granted root; NULL: the workspace */
    uint64_t   state;     /* of the workspace, for which the rules must have been looked up */
    char      *path;      /* owned */
    size_t     path_len;
    Buf        real;  /* the same without links: what the run knows the file by; "" if not known */
    Buf        bytes; /* read or to be written */
    char       expect[HASH_HEX_SIZE];
    bool       has_expect;
    bool       peek;    /* a look that does not count as reading */
    bool       by_seen; /* a write of what the run saw last: first `real`, then the hash */
    bool       named;   /* by_seen: the first of the two is done */
    bool       cancelled;
    bool       paid; /* a write whose bytes are set aside of the run's budget */
    size_t     most;
    FileInfo   info;
    Buf        entries; /* names, each with its FileInfo before it */
    Err        err;
} FileOp;

static void file_free(Op *op)
{
    FileOp *file = (FileOp *)op;
    workspace_release(file->workspace);
    free(file->outside);
    free(file->path);
    buf_clear(&file->real);
    buf_clear(&file->bytes);
    buf_clear(&file->entries);
    free(file);
}

/* What a thread is at is bounded in size and ends soon, and a write is whole; a write that has not
 * begun does not begin. */
static void file_cancel(Op *op) { ((FileOp *)op)->cancelled = true; }

/* -- on the thread ----------------------------------------------------------------------------- */

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

static Status read_file(FileOp *file, Root *root, Str path)
{
    Status status = root_read(root, path, file->most, &file->bytes, &file->info, &file->err);
    if (status != ST_OK || !file->has_expect || strcmp(file->info.hash, file->expect) == 0)
        return status;
    return err_set(&file->err, ST_INVALID, "%s changed while it was read", file->path);
}

/* Relative in the workspace, absolute outside of it: no two files share a name. */
static Status name_real(FileOp *file, Root *root, Str path, Err *err)
{
    Buf    whole;
    Status status = root_real(root, path, &file->real, err);
    if (status != ST_OK || !file->outside) return status;
    buf_init(&whole, 2 * PATH_MAX);
    status = buf_printf(&whole, err, "%s/%s", root_path(root), file->real.ptr);
    buf_clear(&file->real);
    file->real = whole;
    return status;
}

/* What the run knows the file by is found on its own. Should a link be swapped between the two, the
 * hash of one file stands under the name of another, and the next write expects what is not there:
 * it is refused. */
static void find_real(FileOp *file, Root *root, Str path)
{
    Err gone;
    if (name_real(file, root, path, &gone) != ST_OK) buf_reset(&file->real);
}

/* Opens the granted root. One that is a file, or is not there, is opened by its folder, of which it
 * is all that may be named; a folder is made when something is to be written into it. */
static Status open_outside(FileOp *file, Root **root)
{
    struct stat info;
    char       *folder = mem_text(file->outside), *slash = strrchr(folder, '/');
    RootSpec    spec = {.path = folder};
    Status      status = ST_OK;
    bool        itself = strcmp(file->path, file->outside) == 0;
    bool        there = stat(folder, &info) == 0;
    if (!there && !itself && file->act == FILE_WRITE) there = mkdir(folder, 0777) == 0;
    if (!there || (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))) {
        if (!itself) status = err_set(&file->err, ST_NOT_FOUND, "%s is no folder", file->outside);
        slash[slash == folder ? 1 : 0] = '\0';
    }
    if (status == ST_OK) status = root_open(&spec, root, &file->err);
    free(folder);
    return status;
}

static void use_root(FileOp *file, Root *root)
{
    Str    path = {file->path, file->path_len};
    Status status = ST_OK;
    switch (file->act) {
    case FILE_READ:
        status = read_file(file, root, path);
        if (status == ST_OK) find_real(file, root, path);
        break;
    case FILE_WRITE:
        if (file->by_seen && !file->named) {
            status = name_real(file, root, path, &file->err);
            break;
        }
        status = root_write(root, path, buf_str(&file->bytes),
                            file->has_expect ? file->expect : NULL, &file->info, &file->err);
        if (status == ST_OK) find_real(file, root, path);
        break;
    case FILE_INFO: status = root_info(root, path, &file->info, &file->err); break;
    case FILE_LIST: status = root_list(root, path, file->most, add_entry, file, &file->err); break;
    }
    if (status == ST_OK && file->err.status != ST_OK) status = file->err.status;
}

static void file_work(void *arg)
{
    FileOp *file = arg;
    Root   *root = NULL;
    if (!file->outside) {
        if (workspace_look(file->workspace, file->state, &file->err) == ST_OK)
            use_root(file, file->workspace->root);
    } else if (open_outside(file, &root) == ST_OK) {
        use_root(file, root);
        root_free(root);
    }
}

/* -- and back ---------------------------------------------------------------------------------- */

static void file_done(void *arg, bool abandoned);

/* The name is known, so what the run saw under it is: then the write itself. */
static bool write_on(FileOp *file)
{
    if (!file->by_seen || file->named || file->err.status != ST_OK) return false;
    const SeenFile *seen = seen_find(&file->run->seen, file->real.ptr);
    file->named = true;
    if (!seen) {
        err_set(&file->err, ST_INVALID, "%s was not read in this run; read it before changing it",
                file->path);
        return false;
    }
    memcpy(file->expect, seen->hash, sizeof file->expect);
    file->has_expect = true;
    work_start(file->run->loop, file_work, file_done, file);
    return true;
}

static void settle_bytes(FileOp *file)
{
    if (!file->paid) return;
    int64_t len = (int64_t)file->bytes.len;
    budget_settle(&file->run->budget, BUDGET_WRITTEN, len, file->err.status == ST_OK ? len : 0);
    file->paid = false;
}

static void file_done(void *arg, bool abandoned)
{
    FileOp *file = arg;
    (void)abandoned;
    if (!file->op.orphan && !file->cancelled && write_on(file)) return;
    if (!file->op.orphan) settle_bytes(file); /* else the end of the run does */
    op_finish(&file->op, &file->err);
}

static void push_info(lua_State *L, const FileInfo *info)
{
    static const char *const KINDS[] = {"file", "folder", "link", "other"};
    lua_createtable(L, 0, 6);
    lua_pushstring(L, KINDS[info->kind]);
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, (lua_Integer)info->size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, (lua_Integer)info->mode);
    lua_setfield(L, -2, "mode");
    lua_pushinteger(L, info->modified_ms);
    lua_setfield(L, -2, "modified");
    if (info->masked) {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "masked");
    }
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

/* bytes, info; with `seen`, and `before` where it changed and is still kept. */
static int push_read(FileOp *file, lua_State *L)
{
    const SeenFile *seen = seen_find(&file->run->seen, file->real.ptr);
    lua_pushlstring(L, file->bytes.ptr, file->bytes.len);
    push_info(L, &file->info);
    if (seen) {
        bool same = strcmp(seen->hash, file->info.hash) == 0;
        lua_pushboolean(L, same);
        lua_setfield(L, -2, "seen");
        if (!same && seen->content) {
            lua_pushlstring(L, seen->content, seen->len);
            lua_setfield(L, -2, "before");
        }
    }
    if (!file->peek && file->real.len > 0)
        seen_put(&file->run->seen, file->real.ptr, file->info.hash, buf_str(&file->bytes));
    return 2;
}

static int file_push(Op *op, lua_State *L)
{
    FileOp *file = (FileOp *)op;
    switch (file->act) {
    case FILE_READ: return push_read(file, L);
    case FILE_LIST: return push_entries(file, L);
    case FILE_WRITE:
        if (file->real.len > 0)
            seen_put(&file->run->seen, file->real.ptr, file->info.hash, buf_str(&file->bytes));
        break;
    case FILE_INFO: break;
    }
    push_info(L, &file->info);
    return 1;
}

static const OpKind FILE_OP = {"files", file_cancel, file_push, file_free};

/* -- what a tool calls ------------------------------------------------------------------------- */

Str bind_file_path(lua_State *L, bool granted, const char *need)
{
    CallGrant  *grant = call_grant(L);
    size_t      len;
    const char *path = luaL_checklstring(L, 1, &len);
    bool        outside = call_root(grant, (Str){path, len}) != NULL;
    if (!granted && !outside)
        luaL_error(L, "tool %s: this needs `needs = { %s = { \".\" } }` in its file", grant->tool,
                   need);
    if (!grant->run->workspace && !outside)
        luaL_error(L, "tool %s: this run has no workspace", grant->tool);
    op_may_wait(L);
    return (Str){path, len};
}

static bool reads(lua_State *L) { return call_grant(L)->reads || call_grant(L)->writes; }

static FileOp *file_new(const CallGrant *grant, FileAct act, Str path)
{
    FileOp *file = mem_new(sizeof *file);
    file->op.kind = &FILE_OP;
    file->act = act;
    file->run = grant->run;
    const RootGrant *root = call_root(grant, path);
    if (root) {
        file->outside = mem_text(root->path);
    } else {
        file->workspace = workspace_hold(grant->run->workspace);
        file->state = workspace_state(file->workspace);
    }
    file->path = mem_copy(path.ptr, path.len);
    file->path_len = path.len;
    buf_init(&file->real, PATH_MAX);
    buf_init(&file->bytes, LIMIT_FILE_READ);
    buf_init(&file->entries, 16 * MB);
    err_clear(&file->err);
    return file;
}

static int file_begin(lua_State *L, FileOp *file)
{
    work_start(file->run->loop, file_work, file_done, file);
    return op_await(L, &file->op);
}

/* A table of options at `index`, or nothing. */
static bool has_options(lua_State *L, int index, const char *what, const char *const *keys)
{
    if (lua_isnoneornil(L, index)) return false;
    luaL_checktype(L, index, LUA_TTABLE);
    opt_only(L, index, what, keys);
    return true;
}

int bind_file_read(lua_State *L)
{
    static const char *const KEYS[] = {"most", "peek", "expect", NULL};
    Str                      path = bind_file_path(L, reads(L), "read");
    bool                     options = has_options(L, 2, "read", KEYS), peek = false;
    lua_Integer              most = (lua_Integer)LIMIT_FILE_READ;
    const char              *expect = NULL;
    if (options) {
        most = opt_integer(L, 2, "most", most);
        peek = opt_flag(L, 2, "peek");
        expect = opt_text(L, 2, "expect", NULL);
    }
    luaL_argcheck(L, most > 0 && most <= (lua_Integer)LIMIT_FILE_READ, 2,
                  "most is 1 byte to 64 MB");
    luaL_argcheck(L, !expect || strlen(expect) == HASH_HEX_SIZE - 1, 2, "expect is a hash");
    FileOp *file = file_new(call_grant(L), FILE_READ, path);
    file->most = (size_t)most;
    file->peek = peek;
    file->has_expect = expect != NULL;
    if (expect) memcpy(file->expect, expect, sizeof file->expect);
    return file_begin(L, file);
}

int bind_file_write(lua_State *L)
{
    static const char *const EXPECT[] = {"any", "new", "seen", NULL};
    static const char *const KEYS[] = {"expect", NULL};
    Str                      path = bind_file_path(L, call_grant(L)->writes, "write"), bytes;
    int                      expect = 0;
    bytes.ptr = luaL_checklstring(L, 2, &bytes.len);
    if (has_options(L, 3, "write", KEYS)) {
        lua_getfield(L, 3, "expect");
        expect = luaL_checkoption(L, -1, "any", EXPECT);
    }
    luaL_argcheck(L, bytes.len <= LIMIT_FILE_READ, 2, "more than 64 MB");
    FileOp *file = file_new(call_grant(L), FILE_WRITE, path);
    file->has_expect = expect == 1;
    file->by_seen = expect == 2;
    const RootGrant *root = call_root(call_grant(L), path);
    if (root && !root->writes)
        err_set(&file->err, ST_DENIED, "%s is granted for reading, not for writing", root->path);
    if (file->err.status != ST_OK || buf_append(&file->bytes, bytes, &file->err) != ST_OK ||
        budget_reserve(&file->run->budget, BUDGET_WRITTEN, (int64_t)bytes.len, &file->err) !=
            ST_OK) {
        op_finish(&file->op, &file->err);
        return op_await(L, &file->op);
    }
    file->paid = true;
    return file_begin(L, file);
}

int bind_file_info(lua_State *L)
{
    Str path = bind_file_path(L, reads(L), "read");
    return file_begin(L, file_new(call_grant(L), FILE_INFO, path));
}

int bind_file_list(lua_State *L)
{
    Str     path = bind_file_path(L, reads(L), "read");
    FileOp *file = file_new(call_grant(L), FILE_LIST, path);
    file->most = LIST_MOST;
    return file_begin(L, file);
}
