/* script_rig.h -- an engine with one run, driven from Lua in its host VM.
 *
 * Use     Rig rig; rig_open(&rig, REAL_CLOCK);
 *         rig_file(&rig, "tool.lua", "return { run = function() return 1 end }");
 *         CHECK_TEXT(rig_eval(&rig, "return run:script(file 'tool.lua', 'run')"), "1");
 *         rig_close(&rig);
 * rig_eval shows what the chunk returned: values joined by " | ", tables as JSON, an error table as
 * "code: message"; what it raised, behind "raised ". rig_close looks for litter.
 */
#ifndef TESTS_UNIT_SCRIPT_RIG_H
#define TESTS_UNIT_SCRIPT_RIG_H

#include "../../host/base/limits.h"
#include "../../host/script/bind.h"
#include "tap.h"

#include <limits.h>
#include <unistd.h>

enum RigClock { REAL_CLOCK, VIRTUAL_CLOCK };

typedef struct Rig {
    Engine     *engine;
    Run        *run;
    char        folder[100];
    char        program[PATH_MAX];
    char        shown[4000];
    size_t      objects;
    size_t      file_count;
    char        files[16][200];
    const char *source;
    bool        done;
} Rig;

static inline int rig_show(lua_State *L, int status, lua_KContext context)
{
    Rig   *rig = (Rig *)context;
    int    count = lua_gettop(L) - 1;
    size_t at = 0;
    (void)status;
    rig->shown[0] = '\0';
    for (int i = 2; i <= count + 1; i++) {
        if (lua_istable(L, i) && luaL_getmetafield(L, i, "__tostring") == LUA_TNIL) {
            lua_getfield(L, LUA_REGISTRYINDEX, "perigee.json");
            lua_getfield(L, -1, "encode");
            lua_pushvalue(L, i);
            lua_call(L, 1, 1);
        } else {
            lua_settop(L, count + 1);
            luaL_tolstring(L, i, NULL);
        }
        const char *text = lua_tostring(L, -1);
        at += (size_t)snprintf(rig->shown + at, sizeof rig->shown - at, "%s%s", i > 2 ? " | " : "",
                               text);
        if (at >= sizeof rig->shown) break;
        lua_settop(L, count + 1);
    }
    return 0;
}

static inline int rig_path(lua_State *L)
{
    Rig *rig = lua_touserdata(L, lua_upvalueindex(1));
    lua_pushfstring(L, "%s/%s", rig->folder, luaL_checkstring(L, 1));
    return 1;
}

static inline int rig_main(lua_State *L)
{
    Rig *rig = lua_touserdata(L, 1);
    if (luaL_loadbufferx(L, rig->source, strlen(rig->source), "=host", "t") != LUA_OK)
        return lua_error(L);
    lib_push_environment(L);
    bind_push_run(L, rig->run);
    lua_setfield(L, -2, "run");
    bind_push_cli(L, GRANT_PRINT);
    lua_setfield(L, -2, "cli");
    lua_pushlightuserdata(L, rig);
    lua_pushcclosure(L, rig_path, 1);
    lua_setfield(L, -2, "file");
    lua_getfield(L, LUA_REGISTRYINDEX, "perigee.json");
    lua_setfield(L, -2, "json");
    lua_setupvalue(L, -2, 1);
    lua_callk(L, 0, LUA_MULTRET, (lua_KContext)rig, rig_show);
    return rig_show(L, LUA_OK, (lua_KContext)rig);
}

static inline void rig_ended(void *arg, Task *task, const Err *outcome)
{
    Rig *rig = arg;
    (void)task;
    if (outcome->status != ST_OK)
        snprintf(rig->shown, sizeof rig->shown, "raised %s: %s", status_code(outcome->status),
                 outcome->text);
    rig->done = true;
    loop_stop(rig->engine->loop);
}

/* Runs the chunk as a task of the host VM until it has ended. */
static inline const char *rig_eval(Rig *rig, const char *source)
{
    rig->source = source;
    rig->done = false;
    snprintf(rig->shown, sizeof rig->shown, "nothing");
    task_new(rig->engine->host, NULL, rig_main, rig, rig_ended, rig);
    if (!loop_run(rig->engine->loop) || !rig->done)
        snprintf(rig->shown, sizeof rig->shown, "the loop ran dry");
    return rig->shown;
}

/* Writes a Lua file that scripts of the rig name by file 'NAME'. Each name once a rig: files are
 * read once. */
static inline void rig_file(Rig *rig, const char *name, const char *text)
{
    char *path = rig->files[rig->file_count++];
    snprintf(path, sizeof rig->files[0], "%s/%s", rig->folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (!file) return;
    fputs(text, file);
    fclose(file);
}

static inline void rig_open(Rig *rig, enum RigClock clock)
{
    Err         err;
    const char *program = getenv("PERIGEE"), *temp = getenv("TMPDIR");
    memset(rig, 0, sizeof *rig);
    err_clear(&err);
    if (!program && getcwd(rig->program, sizeof rig->program - 20))
        strcat(rig->program, "/perigee");
    snprintf(rig->folder, sizeof rig->folder, "%s/script-test-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(rig->folder)) perror("mkdtemp");
    EngineSpec spec = {.program = program ? program : rig->program,
                       .virtual_clock = clock == VIRTUAL_CLOCK};
    if (engine_new(&spec, &rig->engine, &err) != ST_OK ||
        run_new(rig->engine->loop, NULL, NULL, NULL, "test", "a test", NULL, &rig->run, &err) != ST_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
    rig->run->next_sibling = rig->engine->runs;
    rig->engine->runs = rig->run;
    rig->objects = loop_objects(rig->engine->loop) - 1; /* without the run's timer */
}

/* Litter: Lua bytes are looked for by vm_free, timers and other objects of the loop by loop_free,
 * which abort in test builds; memory by the sanitizer. */
static inline void rig_close(Rig *rig)
{
    engine_free(rig->engine);
    for (size_t i = 0; i < rig->file_count; i++) unlink(rig->files[i]);
    rmdir(rig->folder);
}

/* One chunk in a run VM, as the `run` field of an entry file. */
static inline const char *rig_script(Rig *rig, const char *body)
{
    char name[30], text[8000], host[100];
    snprintf(name, sizeof name, "script%zu.lua", rig->file_count);
    snprintf(text, sizeof text,
             "local json = require 'lib.json'\nreturn { run = function(run, ...) %s\nend }", body);
    rig_file(rig, name, text);
    snprintf(host, sizeof host, "return run:script(file '%s', 'run')", name);
    return rig_eval(rig, host);
}

static inline const char *rig_decide(Rig *rig, const char *body)
{
    char name[30], text[8000], host[100];
    snprintf(name, sizeof name, "decision%zu.lua", rig->file_count);
    snprintf(text, sizeof text, "return { run = function(...) %s\nend }", body);
    rig_file(rig, name, text);
    snprintf(host, sizeof host, "return run:decide(file '%s', 'run')", name);
    return rig_eval(rig, host);
}

/* libuv keeps a pipe for signals once a loop was made: made here, it is no litter of the first
 * test. */
static inline int rig_run(void)
{
    Rig rig;
    rig_open(&rig, REAL_CLOCK);
    rig_close(&rig);
    return tap_run();
}

#endif
