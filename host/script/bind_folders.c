/* What verbs read of the disk: files that the command line names, folders, the layers. These block
 * for what is small and regular; nothing here is for scripts. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../files/guard.h"
#include "../files/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char TEMPS[] = "perigee.temps"; /* registry: temporary folders that a verb made */

bool bind_is_temp(lua_State *L, const char *path)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TEMPS);
    lua_pushstring(L, path);
    bool temp = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return temp;
}

/* cli.read_file(path[, most]) -> text | nil, err. A regular file; for what the command line names.
 */
int cli_read_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer most = luaL_optinteger(L, 2, (lua_Integer)LIMIT_FILE_READ);
    struct stat info;
    Err         err;
    err_clear(&err);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        err_set(&err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    else if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        err_set(&err, ST_INVALID, "%s is no regular file", path);
    else if (info.st_size > most)
        err_set(&err, ST_LIMIT, "%s has %lld bytes; at most %lld are read", path,
                (long long)info.st_size, (long long)most);
    if (err.status != ST_OK) {
        if (fd >= 0) close(fd);
        return bind_push_failure(L, &err);
    }
    char  *text = mem_new((size_t)info.st_size + 1);
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, text + len, (size_t)info.st_size - len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        len += (size_t)got;
    }
    close(fd);
    lua_pushlstring(L, text, len); /* the host VM's quota holds what is read here */
    free(text);
    return 1;
}

/* cli.list_folder(path) -> { {name, folder = bool}, ... } sorted, or nil, err */
int cli_list_folder(lua_State *L)
{
    const char     *path = luaL_checkstring(L, 1);
    Err             err;
    struct dirent **names;
    int             count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        err_set(&err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
        return bind_push_failure(L, &err);
    }
    lua_newtable(L);
    lua_Integer kept = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            lua_createtable(L, 0, 2);
            lua_pushstring(L, names[i]->d_name);
            lua_setfield(L, -2, "name");
            lua_pushboolean(L, names[i]->d_type == DT_DIR);
            lua_setfield(L, -2, "folder");
            lua_rawseti(L, -2, ++kept);
        }
        free(names[i]);
    }
    free(names);
    return 1;
}

/* When it was made, in nanoseconds of Unix time; nil where its file system does not say. What
 * overlayfs says is when it was copied to the upper layer, which is when it was first changed. */
static void push_born(lua_State *L, const char *path)
{
    struct statfs system;
    struct statx  info;
    bool          layered = statfs(path, &system) != 0 || system.f_type == OVERLAYFS_SUPER_MAGIC;
    if (!layered && statx(AT_FDCWD, path, AT_STATX_SYNC_AS_STAT, STATX_BTIME, &info) == 0 &&
        (info.stx_mask & STATX_BTIME) && info.stx_btime.tv_sec > 0)
        lua_pushinteger(L, (lua_Integer)info.stx_btime.tv_sec * 1000000000 +
                               (lua_Integer)info.stx_btime.tv_nsec);
    else
        lua_pushnil(L);
}

/* cli.stat(path) -> { kind = "file|folder|other", real = resolved path, device, inode, born = ns or
 * nil, owner = "me|root|other" } or nil */
int cli_stat(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    char *real = realpath(path, NULL);
    lua_createtable(L, 0, 6);
    lua_pushinteger(L, (lua_Integer)info.st_ino);
    lua_setfield(L, -2, "inode");
    push_born(L, path);
    lua_setfield(L, -2, "born");
    lua_pushstring(L, S_ISREG(info.st_mode) ? "file" : S_ISDIR(info.st_mode) ? "folder" : "other");
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, real ? real : path);
    lua_setfield(L, -2, "real");
    lua_pushinteger(L, (lua_Integer)info.st_dev);
    lua_setfield(L, -2, "device");
    lua_pushstring(L, info.st_uid == getuid() ? "me" : info.st_uid == 0 ? "root" : "other");
    lua_setfield(L, -2, "owner");
    free(real);
    return 1;
}

bool bind_state_folder(char *path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && state[0] == '/') return snprintf(path, size, "%s/perigee", state) < (int)size;
    return home && home[0] == '/' &&
           snprintf(path, size, "%s/.local/state/perigee", home) < (int)size;
}

/* cli.folders() -> { distribution, user (or nil), current, home, state } */
int cli_folders(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    char   *current = getcwd(NULL, 0), state[4096];
    lua_createtable(L, 0, 5);
    lua_pushstring(L, engine->distribution);
    lua_setfield(L, -2, "distribution");
    lua_pushstring(L, engine->user);
    lua_setfield(L, -2, "user");
    lua_pushstring(L, current);
    lua_setfield(L, -2, "current");
    free(current);
    lua_pushstring(L, getenv("HOME"));
    lua_setfield(L, -2, "home");
    lua_pushstring(L, bind_state_folder(state, sizeof state) ? state : NULL);
    lua_setfield(L, -2, "state");
    return 1;
}

/* cli.guard(path) -> true | nil, err: whether nobody but the user can write what stands there */
int cli_guard(lua_State *L)
{
    Err err;
    err_clear(&err);
    if (guard_path(luaL_checkstring(L, 1), &err) != ST_OK) return bind_push_failure(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* cli.state_folder() -> path, mended | nil, err: made where it is missing, closed to others (mended
 * is then true), refused where others could have written to it */
int cli_state_folder(lua_State *L)
{
    Err  err;
    bool mended = false;
    err_clear(&err);
    char path[4096];
    bool known = bind_state_folder(path, sizeof path);
    if (!known)
        err_set(&err, ST_INVALID,
                "neither HOME nor XDG_STATE_HOME is set, so there is no state folder");
    if (!known || guard_own_folder(path, &mended, &err) != ST_OK) return bind_push_failure(L, &err);
    lua_pushstring(L, path);
    lua_pushboolean(L, mended);
    return 2;
}

/* cli.make_temp(name) -> path | nil, err; cli.remove_temp(path), only of what make_temp made */
int cli_make_temp(lua_State *L)
{
    char *path = NULL;
    Err   err;
    err_clear(&err);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TEMPS);
    if (scratch_new(luaL_checkstring(L, 1), &path, &err) != ST_OK)
        return bind_push_failure(L, &err);
    lua_pushstring(L, path);
    free(path);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, -4);
    return 1;
}

int cli_remove_temp(lua_State *L)
{
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TEMPS);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 2) == LUA_TNIL)
        return luaL_error(L, "remove_temp: no folder that make_temp made");
    lua_pushboolean(L, scratch_remove(lua_tostring(L, 1)));
    return 1;
}

/* cli.locate(path) -> where a layer has it, the layer's name, whether it was loaded and is of the
 * distribution as it was built; or nil */
int cli_locate(lua_State *L)
{
    char        file[4096];
    Layer       layer;
    Engine     *engine = vm_of(L)->engine;
    const char *path = luaL_checkstring(L, 1);
    if (!engine_locate(engine, path, SIGHT_PROJECT, file, sizeof file, &layer)) return 0;
    const Source *source = source_of_layer(engine, path, layer);
    lua_pushstring(L, file);
    lua_pushstring(L, layer_name(layer));
    lua_pushboolean(L, layer == LAYER_DISTRIBUTION && source && source->as_built);
    return 3;
}
