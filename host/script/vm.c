#include "vm.h"

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "engine.h"
#include "op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ENTRIES[] = "perigee.entries"; /* registry: path -> what the file returned */
static const char MODULES[] = "perigee.modules"; /* of the library (host VM: all): name -> module */

/* One allocator: the quota, the peak and the leak check are here. Lua counts objects' kinds in
 * osize when ptr is NULL, so only a real block's size is subtracted. */
static void *allocate(void *arg, void *ptr, size_t old_size, size_t new_size)
{
    Vm    *vm = arg;
    size_t before = ptr ? old_size : 0;
    if (new_size == 0) {
        free(ptr);
        vm->used -= before;
        return NULL;
    }
    if (new_size > before && (new_size > vm->quota || vm->used - before > vm->quota - new_size))
        return NULL;
    void *out = realloc(ptr, new_size);
    if (!out) return NULL;
    vm->used = vm->used - before + new_size;
    if (vm->used > vm->peak) vm->peak = vm->used;
    return out;
}

Vm *vm_of(lua_State *L) { return *(Vm **)lua_getextraspace(L); }

static int set_up(lua_State *L)
{
    lib_open(L);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, ENTRIES);
    return 0;
}

Status vm_new(Engine *engine, VmKind kind, Run *run, size_t quota, Vm **out, Err *err)
{
    Vm *vm = mem_new(sizeof *vm);
    vm->kind = kind;
    vm->engine = engine;
    vm->run = run;
    vm->quota = quota;
    vm->L = lua_newstate(allocate, vm);
    if (!vm->L) {
        free(vm);
        return err_set(err, ST_LIMIT, "a Lua state does not fit its quota of %zu bytes", quota);
    }
    *(Vm **)lua_getextraspace(vm->L) = vm; /* new coroutines copy the main state's */
    task_watch(vm->L);
    lua_pushcfunction(vm->L, set_up);
    if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK) {
        err_set(err, ST_BUG, "opening the Lua libraries: %s", lua_tostring(vm->L, -1));
        vm_free(vm);
        return err->status;
    }
    *out = vm;
    return ST_OK;
}

void vm_free(Vm *vm)
{
    if (!vm) return;
    vm->outside_began = clock_now(&(Clock){0});
    vm->closing = true;
    while (vm->tasks) task_kill(vm->tasks);
    sched_remove(engine_sched(vm->engine), &vm->turn);
    lua_close(vm->L);
    if (vm->used != 0) {
        log_line(LOG_ERROR, "a Lua state left %zu bytes behind", vm->used);
#ifdef PERIGEE_FAULTS
        abort(); /* every test looks for litter */
#endif
    }
    free(vm);
}

/* -- loading ----------------------------------------------------------------------------------- */

static int keep_code(lua_State *L, const void *bytes, size_t len, void *arg)
{
    Err err;
    (void)L;
    err_clear(&err);
    return buf_append(arg, (Str){bytes, len}, &err) != ST_OK;
}

/* Leaves the chunk of `source`. Compiling is most of what a start would cost, so what ships comes
 * compiled; of anything else the code is kept beside the text from the second time on, as what
 * every tool requires is loaded for each of them. Scripts themselves can load text only; code is
 * never read from a file. */
static void push_chunk(lua_State *L, Source *source, const char *name)
{
    Str  code = source->shipped.len > 0 ? source->shipped : buf_str(&source->code);
    Str  from = code.len > 0 ? code : source->text;
    bool compiles = code.len == 0;
    if (luaL_loadbufferx(L, from.ptr, from.len, name, compiles ? "t" : "b") != LUA_OK) lua_error(L);
    if (!compiles || source->loads++ == 0) return;
    if (lua_dump(L, keep_code, &source->code, 0) != 0) buf_clear(&source->code);
}

/* The source of `path` as this VM may see it; raises. */
static Source *source_of(lua_State *L, const char *path, Sight sight)
{
    Vm     *vm = vm_of(L);
    Err     err;
    Source *source;
    err_clear(&err);
    if (engine_source(vm->engine, path, vm->kind == VM_HOST ? SIGHT_OWN : sight, &source, &err) !=
        ST_OK)
        op_raise(L, &err);
    return source;
}

/* Runs the chunk of `path` in `environment` (a stack index) and leaves what it returned. */
static void run_file(lua_State *L, const char *path, Sight sight, int environment)
{
    Source *source = source_of(L, path, sight);
    char    chunk_name[600];
    snprintf(chunk_name, sizeof chunk_name, "@%s", path);
    push_chunk(L, source, chunk_name);
    lua_pushvalue(L, environment);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 1);
}

static int call_file(lua_State *L)
{
    run_file(L, lua_tostring(L, 1), (Sight)lua_tointeger(L, 2), 3);
    return 1;
}

/* As run_file; a module that could not be loaded is forgotten, so that the next `require` says why
 * again. 1: its name, 2: the table of modules, 3: its environment. */
static void run_module(lua_State *L, const char *path, Sight sight)
{
    lua_pushcfunction(L, call_file);
    lua_pushstring(L, path);
    lua_pushinteger(L, sight);
    lua_pushvalue(L, 3);
    if (lua_pcall(L, 3, 1, 0) == LUA_OK) return;
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    lua_rawset(L, 2);
    lua_error(L);
}

static int load_module(lua_State *L);

/* An environment for a module of lua/lib: no entry's globals reach it. */
static void push_library_environment(lua_State *L)
{
    lib_push_environment(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
    lua_pushvalue(L, -2);
    lua_pushinteger(L, SIGHT_USER);
    lua_pushcclosure(L, load_module, 3);
    lua_setfield(L, -2, "require");
}

/* "lib.text" to "lua/lib/text.lua"; raises on what is no such name. */
static void module_path(lua_State *L, const char *name, size_t len, char path[200])
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    if (len > 150 || strspn(name, LETTERS) != len || strstr(name, "..") || name[0] == '.')
        luaL_error(L, "require '%s': a module is named by words and dots, such as \"lib.text\"",
                   name);
    size_t at = (size_t)snprintf(path, 200, "lua/");
    for (size_t i = 0; i < len; i++) path[at++] = name[i] == '.' ? '/' : name[i];
    memcpy(path + at, ".lua", sizeof ".lua");
}

/* Upvalue 1: this entry's modules, 2: its environment, 3: its sight. Stock `require` would look at
 * a path and run C libraries; here a name is a file of the layers and nothing else. The
 * distribution's library is loaded once a VM: it is read-only and keeps nothing of whom it works
 * for. */
static int load_module(lua_State *L)
{
    size_t      len;
    const char *name = luaL_checklstring(L, 1, &len);
    bool        library = strncmp(name, "lib.", 4) == 0;
    char        path[200];
    lua_settop(L, 1);
    if (strcmp(name, "lib.json") == 0 || strcmp(name, "cjson") == 0) {
        lua_getfield(L, LUA_REGISTRYINDEX, library ? "perigee.json" : "perigee.cjson");
        return 1;
    }
    if (strcmp(name, "lib.rank") == 0 || strcmp(name, "lib.address") == 0) {
        lua_getfield(L, LUA_REGISTRYINDEX, name[4] == 'r' ? "perigee.rank" : "perigee.address");
        return 1;
    }
    if (library)
        luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
    else
        lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 2) != LUA_TNIL) {
        if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
            return luaL_error(L, "require '%s': the module requires itself", name);
        return 1;
    }
    lua_settop(L, 2);
    module_path(L, name, len, path);
    Vm     *vm = vm_of(L);
    Sight   sight = (Sight)lua_tointeger(L, lua_upvalueindex(3));
    Source *source;
    Err     err;
    err_clear(&err);
    if (engine_source(vm->engine, path, vm->kind == VM_HOST ? SIGHT_OWN : sight, &source, &err) !=
        ST_OK) /* the line is known here */
        return luaL_error(L, "require '%s': %s", name, err.text);
    if (library)
        push_library_environment(L);
    else
        lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_pushboolean(L, false);
    lua_rawset(L, 2);
    run_module(L, path, sight);
    if (lua_isnil(L, -1)) return luaL_error(L, "require '%s': %s returns nothing", name, path);
    if (lua_istable(L, -1)) lib_freeze(L);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
    return 1;
}

/* Authors' files have module instances of their own; the host VM runs one program, which shares
 * its. */
static void push_modules(lua_State *L)
{
    if (vm_of(L)->kind == VM_HOST)
        luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
    else
        lua_newtable(L);
}

/* line_of(function, path): for lua/lib only. The line at which a function of that file begins; nil
 * when it was made by another file. */
static int line_of(lua_State *L)
{
    lua_Debug   info;
    const char *path = luaL_checkstring(L, 2);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    lua_getinfo(L, ">S", &info);
    const char *source = info.source[0] == '@' ? info.source + 1 : info.source;
    if (strcmp(source, path) == 0 && info.linedefined > 0)
        lua_pushinteger(L, info.linedefined);
    else
        lua_pushnil(L);
    return 1;
}

/* entry(path): for lua/lib only, which asks what authors' files declare. entry(path, true) runs the
 * file anew with the module instances of the caller: the tests that it registers are then the
 * caller's. Upvalue 1: the caller's modules. */
static int load_entry(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    if (!lua_toboolean(L, 2)) {
        vm_push_entry(L, path);
        return 1;
    }
    Sight sight = layer_sight(source_of(L, path, SIGHT_PROJECT)->layer);
    lib_push_environment(L);
    int environment = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, environment);
    lua_pushinteger(L, sight);
    lua_pushcclosure(L, load_module, 3);
    lua_setfield(L, environment, "require");
    run_file(L, path, SIGHT_PROJECT, environment);
    return 1;
}

void vm_push_entry(lua_State *L, const char *path)
{
    luaL_checkstack(L, 20, "loading a file");
    lua_getfield(L, LUA_REGISTRYINDEX, ENTRIES);
    int entries = lua_gettop(L);
    if (lua_getfield(L, entries, path) != LUA_TNIL) {
        lua_remove(L, entries);
        return;
    }
    lua_pop(L, 1);
    Sight sight = layer_sight(source_of(L, path, SIGHT_PROJECT)->layer);
    lib_push_environment(L);
    int environment = lua_gettop(L);
    push_modules(L);
    if (strncmp(path, "lua/lib/", 8) == 0) {
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, load_entry, 1);
        lua_setfield(L, environment, "entry");
        lua_pushcfunction(L, line_of);
        lua_setfield(L, environment, "line_of");
    }
    lua_pushvalue(L, environment);
    lua_pushinteger(L, sight);
    lua_pushcclosure(L, load_module, 3);
    lua_setfield(L, environment, "require");
    run_file(L, path, SIGHT_PROJECT, environment);
    if (!lua_istable(L, -1)) { /* without the place of our own code that asked for it */
        lua_pushfstring(L, "%s: the file returns %s; it should return a table", path,
                        luaL_typename(L, -1));
        lua_error(L);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, entries, path);
    lua_replace(L, entries);
    lua_settop(L, entries);
}
