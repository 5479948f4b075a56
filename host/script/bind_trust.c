/* A project's Lua, offered and admitted; and the small files in which it is remembered whom the user
 * trusts. What they hold is lua/lib/trust.lua's and lua/lib/written.lua's business. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -- a project --------------------------------------------------------------------------------- */

enum { ROOMS_MAX = 16 };

static void push_offered(lua_State *L, const Source *source)
{
    lua_createtable(L, 0, 5);
    lua_pushstring(L, source->path);
    lua_setfield(L, -2, "entry");
    lua_pushstring(L, source->file);
    lua_setfield(L, -2, "file");
    lua_pushstring(L, source->real);
    lua_setfield(L, -2, "real");
    lua_pushstring(L, source->refused);
    lua_setfield(L, -2, "problem");
    if (source->hash[0]) {
        lua_pushstring(L, source->hash);
        lua_setfield(L, -2, "hash");
    }
}

/* cli.read_project(root, { { folder, entry or nil, deep = bool }, ... }) ->
 * { { entry, file, real, hash, problem }, ... } | nil, err. Reads every Lua file, and keeps what it
 * read: it is that which admit_project puts into force. */
int cli_read_project(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *root = luaL_checkstring(L, 1);
    Room        rooms[ROOMS_MAX];
    Err         err;
    err_clear(&err);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, 2);
    luaL_argcheck(L, count <= ROOMS_MAX, 2, "too many rooms");
    for (lua_Unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        rooms[i] = (Room){.folder = opt_text(L, -1, "folder", ""),
                          .entry = opt_text(L, -1, "entry", NULL),
                          .deep = opt_flag(L, -1, "deep")};
        lua_pop(L, 1); /* the list keeps the texts */
    }
    sources_free(&engine->offered);
    for (lua_Unsigned i = 0; i < count; i++)
        if (engine_read_room(engine, root, &rooms[i], &err) != ST_OK) {
            sources_free(&engine->offered);
            return bind_push_failure(L, &err);
        }
    lua_newtable(L);
    lua_Integer at = 0;
    for (const Source *source = engine->offered; source; source = source->next) {
        push_offered(L, source);
        lua_rawseti(L, -2, ++at);
    }
    return 1;
}

/* cli.admit_project{ [file] = true, or why it is refused }: what is not named is forgotten, as if it
 * were not there. */
int cli_admit_project(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (Source *source = engine->offered, *next; source; source = next) {
        next = source->next;
        int type = lua_getfield(L, 1, source->file);
        if (type != LUA_TNIL)
            engine_admit(engine, source, type == LUA_TSTRING ? lua_tostring(L, -1) : NULL);
        lua_pop(L, 1);
    }
    sources_free(&engine->offered);
    return 0;
}

/* -- state files ------------------------------------------------------------------------------- */

#define STATE_FILE_MAX (16 * MB)

static const char *const NAMES[] = {"trust.json", "written.json", NULL};

static Status state_path(const char *name, char out[PATH_MAX], Err *err)
{
    char *folder = bind_state_folder();
    if (!folder)
        return err_set(err, ST_UNAVAILABLE, "neither HOME nor XDG_STATE_HOME is set; "
                                            "nothing can be remembered");
    int len = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    free(folder);
    return len < PATH_MAX ? ST_OK : err_set(err, ST_LIMIT, "the state folder's path is too long");
}

static Status make_folders(char *path, Err *err)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int made = mkdir(path, 0700), why = errno;
        *slash = '/';
        if (made != 0 && why != EEXIST)
            return err_set(err, ST_IO, "make the folder of %s: %s", path, strerror(why));
    }
    return ST_OK;
}

static Status read_state(const char *path, Buf *out, Err *err)
{
    struct stat info;
    int         fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path,
                       strerror(errno));
    Status status = ST_OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        status = err_set(err, ST_INVALID, "%s is no regular file", path);
    else if (info.st_uid != geteuid() || (info.st_mode & 022))
        status = err_set(err, ST_INVALID, "%s: others may write to it; chmod 600 it", path);
    while (status == ST_OK) {
        status = buf_reserve(out, 64 * KB, err);
        if (status != ST_OK) break;
        ssize_t got = read(fd, out->ptr + out->len, 64 * KB);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = err_set(err, ST_IO, "read %s: %s", path, strerror(errno));
        if (got <= 0) break;
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
    }
    close(fd);
    return status;
}

/* cli.state_read(name) -> text | nil, err; "not_found" where there is none yet */
int cli_state_read(lua_State *L)
{
    char path[PATH_MAX];
    Err  err;
    Buf  text;
    err_clear(&err);
    const char *name = NAMES[luaL_checkoption(L, 1, NULL, NAMES)];
    if (state_path(name, path, &err) != ST_OK) return bind_push_failure(L, &err);
    buf_init(&text, STATE_FILE_MAX);
    bool ok = read_state(path, &text, &err) == ST_OK;
    if (ok) lua_pushlstring(L, text.ptr, text.len); /* the host VM's quota holds it */
    buf_clear(&text);
    return ok ? 1 : bind_push_failure(L, &err);
}

static Status write_state(char path[PATH_MAX], Str text, Err *err)
{
    char   new[PATH_MAX + 8];
    Status status = make_folders(path, err);
    if (status != ST_OK) return status;
    snprintf(new, sizeof new, "%s.XXXXXX", path);
    int fd = mkostemp(new, O_CLOEXEC); /* 0600 */
    if (fd < 0) return err_set(err, ST_IO, "write %s: %s", path, strerror(errno));
    bool ok = true;
    for (size_t done = 0; ok && done < text.len;) {
        ssize_t put = write(fd, text.ptr + done, text.len - done);
        if (put < 0 && errno == EINTR) continue;
        ok = put > 0;
        if (ok) done += (size_t)put;
    }
    ok = ok && fsync(fd) == 0 && rename(new, path) == 0;
    if (!ok) {
        status = err_set(err, ST_IO, "write %s: %s", path, strerror(errno));
        unlink(new);
    }
    close(fd);
    return status;
}

/* cli.state_write(name, text) -> true | nil, err. Under the lock; atomic, 0600 in a folder of 0700. */
int cli_state_write(lua_State *L)
{
    char path[PATH_MAX];
    Err  err;
    err_clear(&err);
    const char *name = NAMES[luaL_checkoption(L, 1, NULL, NAMES)];
    size_t      len;
    const char *text = luaL_checklstring(L, 2, &len);
    if (vm_of(L)->engine->state_lock < 0) return luaL_error(L, "state_write: take the lock first");
    if (len > STATE_FILE_MAX) err_set(&err, ST_LIMIT, "%s: too much to remember", name);
    if (err.status == ST_OK) (void)!state_path(name, path, &err);
    if (err.status == ST_OK) (void)!write_state(path, (Str){text, len}, &err);
    if (err.status != ST_OK) return bind_push_failure(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* -- the lock ---------------------------------------------------------------------------------- */

enum { LOCK_TRIES = 250, LOCK_PAUSE_MS = 20 };

typedef struct LockOp {
    Op      op; /* first */
    Engine *engine;
    char    path[PATH_MAX];
    int     fd;
    Err     err;
    bool    working, wanted;
} LockOp;

/* On a thread: another process holds it for a moment only. */
static void lock_work(void *arg)
{
    LockOp *lock = arg;
    if (make_folders(lock->path, &lock->err) != ST_OK) return;
    int fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        err_set(&lock->err, ST_IO, "open %s: %s", lock->path, strerror(errno));
        return;
    }
    int tries = 0;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0 && ++tries < LOCK_TRIES)
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_MS * 1000000L}, NULL);
    if (tries < LOCK_TRIES) {
        lock->fd = fd;
        return;
    }
    close(fd);
    err_set(&lock->err, ST_UNAVAILABLE, "%s: another perigee holds it; try again", lock->path);
}

static void lock_release(LockOp *lock)
{
    if (lock->working || lock->wanted) return;
    if (lock->fd >= 0) close(lock->fd); /* nobody came for it */
    free(lock);
}

static void lock_done(void *arg, bool abandoned)
{
    LockOp *lock = arg;
    (void)abandoned;
    lock->working = false;
    op_finish(&lock->op, &lock->err); /* nothing when it was cancelled before */
    lock_release(lock);
}

static void lock_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "waiting for the lock was cancelled");
    op_finish(op, &why);
}

static int lock_push(Op *op, lua_State *L)
{
    LockOp *lock = (LockOp *)op;
    lock->engine->state_lock = lock->fd;
    lock->fd = -1;
    lua_pushboolean(L, true);
    return 1;
}

static void lock_free(Op *op)
{
    ((LockOp *)op)->wanted = false;
    lock_release((LockOp *)op);
}

static const OpKind LOCK = {"state.lock", lock_cancel, lock_push, lock_free};

/* cli.state_lock() -> true | nil, err: of all state files, among processes; state_unlock ends it. */
int cli_state_lock(lua_State *L)
{
    char    path[PATH_MAX];
    Err     err;
    Engine *engine = vm_of(L)->engine;
    err_clear(&err);
    op_may_wait(L);
    if (engine->state_lock >= 0) return luaL_error(L, "state_lock: it is held already");
    if (state_path("trust.lock", path, &err) != ST_OK) return bind_push_failure(L, &err);
    LockOp *lock = mem_new(sizeof *lock);
    lock->op.kind = &LOCK;
    lock->engine = engine;
    lock->fd = -1;
    lock->working = lock->wanted = true;
    memcpy(lock->path, path, sizeof path);
    work_start(engine->loop, lock_work, lock_done, lock);
    return op_await(L, &lock->op);
}

int cli_state_unlock(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    if (engine->state_lock >= 0) close(engine->state_lock);
    engine->state_lock = -1;
    return 0;
}
