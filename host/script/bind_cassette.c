/* What a verb says of its traffic: that it is kept in a file, or comes from one. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../http/cassette.h"

/* The run does something else than what was recorded: nothing that it is told from here on would
 * be true, so it ends. */
static void differs(void *arg, const Err *how)
{
    Engine *engine = arg;
    for (Run *run = engine->runs; run; run = run->next_sibling) run_cancel(run, how);
}

/* cli.record(path, about) -> true | nil, err: from here on. `about` is a JSON object in one line.
 */
int cli_record(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *path = luaL_checkstring(L, 1);
    size_t      len;
    const char *about = luaL_checklstring(L, 2, &len);
    Err         err;
    err_clear(&err);
    Transport *through = engine_transport(engine, &err);
    if (!through ||
        cassette_record(path, (Str){about, len}, through, &engine->transport, &err) != ST_OK)
        return bind_push_failure(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* cli.replay(path) -> about | nil, err: no request reaches the network from here on. Before the
 * first one. */
int cli_replay(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *path = luaL_checkstring(L, 1);
    Buf         about;
    Err         err;
    if (engine->transport) return luaL_error(L, "replay: requests were made already");
    err_clear(&err);
    buf_init(&about, LIMIT_JSON);
    Status status =
        cassette_play(engine->loop, path, differs, engine, &engine->transport, &about, &err);
    engine->replays = status == ST_OK;
    if (status == ST_OK) lua_pushlstring(L, about.ptr, about.len);
    buf_clear(&about);
    return status == ST_OK ? 1 : bind_push_failure(L, &err);
}

/* cli.moved(here, there): see cassette_move. After cli.replay. */
int cli_moved(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    size_t      here_len, there_len;
    const char *here = luaL_checklstring(L, 1, &here_len);
    const char *there = luaL_checklstring(L, 2, &there_len);
    if (!engine->replays) return luaL_error(L, "moved: nothing is replayed");
    cassette_move(engine->transport, (Str){here, here_len}, (Str){there, there_len});
    return 0;
}

/* cli.end_traffic() -> true | nil, err: whether what was recorded is whole, or was played whole. */
int cli_end_traffic(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    Err     err;
    err_clear(&err);
    if (engine->transport && transport_finish(engine->transport, &err) != ST_OK)
        return bind_push_failure(L, &err);
    lua_pushboolean(L, true);
    return 1;
}
