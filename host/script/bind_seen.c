/* What a run last saw of the files in its workspace, as its records keep it: a run that goes on
 * knows what it knew. */
#include "bind.h"

/* run:new_seen() -> { [path] = hash } of the files that calls of this run have seen since it was
 * last asked; nil where there are none */
int run_new_seen(lua_State *L)
{
    Seen *seen = &bind_check_run(L, 1)->seen;
    bool  any = false;
    for (size_t i = 0; i < seen->count; i++) {
        const SeenFile *file = &seen->files[i];
        if (file->at <= seen->told) continue;
        if (!any) lua_newtable(L);
        any = true;
        lua_pushstring(L, file->hash);
        lua_setfield(L, -2, file->path);
    }
    seen->told = seen->clock;
    if (!any) lua_pushnil(L);
    return 1;
}

/* run:saw(path, hash): as new_seen told it. */
int run_saw(lua_State *L)
{
    Seen       *seen = &bind_check_run(L, 1)->seen;
    const char *path = luaL_checkstring(L, 2), *hash = luaL_checkstring(L, 3);
    luaL_argcheck(L, lua_rawlen(L, 3) == HASH_HEX_SIZE - 1, 3, "a hash");
    seen_note(seen, path, hash);
    seen->told = seen->clock;
    return 0;
}
