/* cli.save: a file that the command line names, written piece by piece and there only when it is
 * whole. The pieces go to a file of another name beside it. */
#include "bind_cli.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAVE_TYPE "perigee.save"

typedef struct Save {
    char *path, *part; /* owned; NULL once it is finished or given up */
    int   fd;          /* owned; -1 then */
} Save;

static void give_up(Save *save)
{
    if (save->fd >= 0) close(save->fd);
    if (save->part) unlink(save->part);
    free(save->part);
    free(save->path);
    *save = (Save){.fd = -1};
}

static Save *check_open(lua_State *L)
{
    Save *save = luaL_checkudata(L, 1, SAVE_TYPE);
    luaL_argcheck(L, save->fd >= 0, 1, "this file is finished");
    return save;
}

static int push_failure(lua_State *L, Save *save, const char *what)
{
    Err err;
    err_set(&err, ST_IO, "%s %s: %s", what, save->path, strerror(errno));
    give_up(save);
    return bind_push_failure(L, &err);
}

/* file:write(text) -> true | nil, err */
static int save_write(lua_State *L)
{
    Save       *save = check_open(L);
    size_t      len;
    const char *text = luaL_checklstring(L, 2, &len);
    while (len > 0) {
        ssize_t part = write(save->fd, text, len);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return push_failure(L, save, "write");
        text += part;
        len -= (size_t)part;
    }
    lua_pushboolean(L, true);
    return 1;
}

/* file:finish() -> true | nil, err: on disk, and under its name */
static int save_finish(lua_State *L)
{
    Save *save = check_open(L);
    if (fsync(save->fd) != 0) return push_failure(L, save, "fsync");
    if (rename(save->part, save->path) != 0) return push_failure(L, save, "write");
    free(save->part);
    save->part = NULL;
    give_up(save);
    lua_pushboolean(L, true);
    return 1;
}

static int save_close(lua_State *L)
{
    give_up(luaL_checkudata(L, 1, SAVE_TYPE));
    return 0;
}

/* cli.save(path) -> file | nil, err. Mode 0600: what ran is its user's own affair. */
int cli_save(lua_State *L)
{
    static const luaL_Reg METHODS[] = {
        {"write", save_write}, {"finish", save_finish}, {NULL, NULL}};
    const char *path = luaL_checkstring(L, 1);
    struct stat st;
    Err         err;
    err_clear(&err);
    Save *save = lua_newuserdatauv(L, sizeof *save, 0);
    *save = (Save){.fd = -1};
    if (luaL_newmetatable(L, SAVE_TYPE)) {
        luaL_newlib(L, METHODS);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, save_close);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, save_close);
        lua_setfield(L, -2, "__close");
    }
    lua_setmetatable(L, -2);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        err_set(&err, ST_INVALID, "%s is no regular file; name another", path);
        return bind_push_failure(L, &err);
    }
    size_t len = strlen(path);
    save->path = mem_text(path);
    save->part = mem_new(len + sizeof ".XXXXXX");
    snprintf(save->part, len + sizeof ".XXXXXX", "%s.XXXXXX", path);
    save->fd = mkostemp(save->part, O_CLOEXEC);
    if (save->fd >= 0) return 1;
    int sys = errno;
    free(save->part);
    save->part = NULL;
    errno = sys;
    return push_failure(L, save, "write");
}
