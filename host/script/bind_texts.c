/* The texts of a run: which Lua files were loaded, kept in the journal by their hash, and taken
 * from there again when the run is carried on. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <string.h>

/* -- kept -------------------------------------------------------------------------------------- */

/* Whether a file of the user's has the same name: then that one decides, and the distribution's is
 * the program's own business. */
static bool is_hidden(const Engine *engine, const Source *source)
{
    if (source->layer != LAYER_DISTRIBUTION) return false;
    for (const Source *other = engine->recorded; other; other = other->next)
        if (other->layer == LAYER_USER && strcmp(other->path, source->path) == 0) return true;
    for (const Source *other = engine->sources; other; other = other->next)
        if (other->layer == LAYER_USER && strcmp(other->path, source->path) == 0) return true;
    return false;
}

static void push_source(lua_State *L, Run *run, Source *source)
{
    const char *hash = source_hash(source);
    if (run->journal && !source->kept) {
        journal_put_text(run->journal, str_from(hash), source->text);
        source->kept = true;
    }
    bool named = source->path[0] == '/' || source->layer != LAYER_PROJECT;
    lua_pushfstring(L, "%s%s", named ? "" : "project:", source->path);
    lua_pushstring(L, hash);
    lua_rawset(L, -3);
}

static void push_list(lua_State *L, Run *run, Source *list, size_t after)
{
    const Engine *engine = vm_of(L)->engine;
    for (Source *source = list; source; source = source->next)
        if (source->number > after && !source->hidden && !is_hidden(engine, source))
            push_source(L, run, source);
}

/* What was loaded after the file number `after`. A run's tree is told by its top-level run: what a
 * child's last record names, the others may not have seen. */
static void push_sources(lua_State *L, Run *run, size_t after)
{
    Engine *engine = vm_of(L)->engine;
    lua_newtable(L);
    push_list(L, run, engine->sources, after);
    push_list(L, run, engine->project, after);
    push_list(L, run, engine->recorded, after);
}

/* run:sources() -> { [path] = hash } of every Lua file that was loaded so far; their texts are
 * kept. A project's stand under "project:tools/x.lua". */
int run_sources(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    push_sources(L, run, 0);
    if (!run->parent) run->sources_told = vm_of(L)->engine->source_count;
    return 1;
}

/* run:new_sources() -> the same of the files that were loaded since the top-level run of this tree
 * was last told with sources or new_sources; nil where there are none. */
int run_new_sources(lua_State *L)
{
    Run *run = bind_check_run(L, 1), *top = run;
    while (top->parent) top = top->parent;
    size_t told = top->sources_told, now = vm_of(L)->engine->source_count;
    if (told == now) {
        lua_pushnil(L);
        return 1;
    }
    top->sources_told = now;
    push_sources(L, run, told);
    lua_pushnil(L);
    if (lua_next(L, -2) != 0)
        lua_pop(L, 2);
    else
        lua_pushnil(L);
    return 1;
}

/* run:keep_text(text) -> hash: keeps what a run was made of beside Lua, in order with its records.
 */
int run_keep_text(lua_State *L)
{
    Run        *run = bind_check_run(L, 1);
    size_t      len;
    char        hash[HASH_HEX_SIZE];
    const char *text = luaL_checklstring(L, 2, &len);
    hash_hex((Str){text, len}, hash);
    if (run->journal) journal_put_text(run->journal, str_from(hash), (Str){text, len});
    lua_pushstring(L, hash);
    return 1;
}

/* -- taken ------------------------------------------------------------------------------------- */

static Status use_text(Engine *engine, const char *path, const char *hash, bool *changed, Err *err)
{
    Buf text;
    buf_init(&text, LIMIT_SCRIPT + 16 * KB);
    Status status = journal_text(engine->journal, str_from(hash), &text, err);
    if (status == ST_OK)
        engine_use_text(engine, path, hash, &text, changed);
    else if (status == ST_NOT_FOUND)
        err_set(err, ST_NOT_FOUND,
                "%s: the journal has no text of it as the run had it (%.12s); --with-current goes "
                "on with the file as it is now",
                path, hash);
    buf_clear(&text);
    return status;
}

/* cli.use_texts{ [path] = hash } -> { path, ... } of those that are not what the layers have today
 * | nil, err. From here on this process loads the texts that the journal keeps, whatever became of
 * the files: all of them, or none where one is missing (not_found). What is always today's
 * (source.h) is passed over. Before a run, and after the project's files were admitted. */
int cli_use_texts(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    Err     err;
    err_clear(&err);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!engine->journal) return luaL_error(L, "no journal is open");
    if (engine->runs || engine->deciding) return luaL_error(L, "something runs already");
    if (engine->recorded) return luaL_error(L, "the texts of a run are in use already");
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L, "use_texts: path and hash are texts");
    lua_newtable(L);
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        bool changed = false;
        if (use_text(engine, lua_tostring(L, -2), lua_tostring(L, -1), &changed, &err) != ST_OK) {
            engine_drop_texts(engine);
            return bind_push_failure(L, &err);
        }
        if (!changed) continue;
        lua_pushvalue(L, -2);
        lua_rawseti(L, 2, ++count);
    }
    if (engine->decision) { /* it may hold what is replaced */
        engine_retire(engine, engine->decision);
        engine->decision = NULL;
    }
    return 1;
}
