#include "engine.h"

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "../files/guard.h"
#include "../http/secrets.h"
#include "bind.h"
#include "cross.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, GRACE_MS = 700, SETTLE_MS = 3000 };

Sched *engine_sched(Engine *engine) { return &engine->sched; }

/* -- where things are -------------------------------------------------------------------------- */

static bool is_file(const char *folder, const char *name)
{
    char        path[PATH_SIZE];
    struct stat info;
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path &&
           stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The first of `places`, below the program's folder or absolute, that holds `mark`. Owned. */
static char *find_place(const char *program, const char *const *places, const char *mark)
{
    char folder[PATH_SIZE], candidate[PATH_SIZE * 2];
    snprintf(folder, sizeof folder, "%s", program);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    for (; *places; places++) {
        if ((*places)[0] == '/')
            snprintf(candidate, sizeof candidate, "%s", *places);
        else
            snprintf(candidate, sizeof candidate, "%s/%s", folder, *places);
        if (is_file(candidate, mark)) return realpath(candidate, NULL);
    }
    return NULL;
}

static char *user_folder(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char        path[PATH_SIZE];
    if (config && config[0] == '/')
        snprintf(path, sizeof path, "%s/perigee", config);
    else if (home && home[0] == '/')
        snprintf(path, sizeof path, "%s/.config/perigee", home);
    else
        return NULL;
    return mem_text(path);
}

/* One that is missing is said when it is wanted, not before. */
static char *find_helper(const char *program, const char *name)
{
    static const char *const HELPER[] = {".", "../libexec/perigee", NULL};
    char                     path[PATH_SIZE];
    char                    *folder = find_place(program, HELPER, name);
    snprintf(path, sizeof path, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
    if (!folder) snprintf(path, sizeof path, "%s (not installed)", name);
    free(folder);
    return mem_text(path);
}

static Status find_places(Engine *engine, const char *program, Err *err)
{
    static const char *const SHARE[] = {".", "../share/perigee", "../..", PERIGEE_SHARE, NULL};
    engine->distribution = find_place(program, SHARE, "lua/lib/agent.lua");
    if (!engine->distribution)
        return err_set(err, ST_NOT_FOUND,
                       "the folders lua, tools and agents that belong to %s are missing; "
                       "install again with make install",
                       program);
    engine->helper = find_helper(program, "perigee-sandbox");
    engine->page = find_helper(program, "perigee-page");
    engine->user = user_folder();
    return ST_OK;
}

/* -- life -------------------------------------------------------------------------------------- */

static void free_retired(Engine *engine)
{
    while (engine->retired) {
        Vm *vm = engine->retired;
        engine->retired = vm->next_retired;
        vm_free(vm);
    }
}

static bool turn(void *arg)
{
    Engine *engine = arg;
    bool    more = sched_turn(&engine->sched);
    free_retired(engine);
    if (!more && !engine->sched.first && engine->waits) wait_look(engine);
    return more || engine->sched.first;
}

void engine_retire(Engine *engine, Vm *vm)
{
    vm->next_retired = engine->retired;
    engine->retired = vm;
}

void engine_renew_decisions(Engine *engine)
{
    if (!engine->decision) return;
    if (engine->deciding) { /* it goes when this one has ended */
        engine->decision->broken = true;
        return;
    }
    engine_retire(engine, engine->decision);
    engine->decision = NULL;
}

Transport *engine_transport(Engine *engine, Err *err)
{
    if (!engine->transport && transport_new(engine->loop, &engine->transport, err) != ST_OK)
        return NULL;
    return engine->transport;
}

void engine_note_loss(Engine *engine, const Err *err)
{
    if (!engine->lost) log_plain("perigee: the journal could not be written: %s", err->text);
    engine->lost = true;
}

Status engine_new(const EngineSpec *spec, Engine **out, Err *err)
{
    Engine *engine = mem_new(sizeof *engine);
    buf_init(&engine->input, LIMIT_LINE + 32 * KB);
    engine->shipped = spec->shipped;
    Status status = find_places(engine, spec->program, err);
    if (status == ST_OK) status = loop_new(&engine->loop, spec->virtual_clock, err);
    if (status == ST_OK) {
        loop_on_turn(engine->loop, turn, engine);
        status = vm_new(engine, VM_HOST, NULL, LIMIT_HOST_VM, &engine->host, err);
    }
    if (status != ST_OK) {
        engine_free(engine);
        return status;
    }
    *out = engine;
    return ST_OK;
}

void engine_free(Engine *engine)
{
    if (!engine) return;
    while (engine->runs) run_drop(engine, engine->runs);
    vm_free(engine->host);
    Vm *decision = engine->decision;
    engine->decision = NULL; /* what ends in it now must not retire it as well */
    vm_free(decision);
    free_retired(engine);
    transport_free(engine->transport);
    journal_close(engine->journal);
    if (engine->loop) loop_free(engine->loop);
    for (size_t i = 0; i < engine->note_count; i++) note_free(engine->notes[i]);
    free(engine->notes);
    sources_free(&engine->sources);
    sources_free(&engine->project);
    sources_free(&engine->offered);
    sources_free(&engine->recorded);
    sources_free(&engine->previous);
    buf_clear(&engine->input);
    free(engine->distribution);
    free(engine->user);
    free(engine->helper);
    free(engine->page);
    free(engine->store);
    free(engine);
}

/* -- a verb ------------------------------------------------------------------------------------ */

typedef struct Verb {
    Engine  *engine;
    unsigned grants;
    int      argc;
    char   **argv;
    char     entry[100];
    Task    *task;
    Timer   *grace;
    Signals *interrupt, *terminate;
} Verb;

static int verb_returned(lua_State *L, int status, lua_KContext context)
{
    Verb *verb = (Verb *)context;
    (void)status;
    verb->engine->exit_code = lua_isnil(L, -1) ? 0 : (int)luaL_checkinteger(L, -1);
    return 0;
}

static int call_verb(lua_State *L)
{
    Verb *verb = lua_touserdata(L, 1);
    vm_push_entry(L, verb->entry);
    lua_getfield(L, -1, "run");
    bind_push_cli(L, verb->grants);
    lua_createtable(L, verb->argc, 0);
    for (int i = 0; i < verb->argc; i++) {
        lua_pushstring(L, verb->argv[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_callk(L, 2, 1, (lua_KContext)verb, verb_returned);
    return verb_returned(L, LUA_OK, (lua_KContext)verb);
}

static void verb_ended(void *arg, Task *task, const Err *outcome)
{
    Verb *verb = arg;
    verb->task = NULL;
    if (outcome->status != ST_OK) {
        bool quiet = verb->engine->unread ||
                     (outcome->status == ST_CANCELLED && verb->engine->interrupted != 0);
        if (!quiet) log_plain("perigee: %s", outcome->text);
        if (outcome->status == ST_BUG && task->trace) log_plain("%s", task->trace);
        verb->engine->exit_code = status_exit(outcome->status);
    }
    loop_stop(verb->engine->loop);
}

static void grace_over(void *arg)
{
    Verb *verb = arg;
    loop_stop(verb->engine->loop);
}

static void interrupted(void *arg, int signo)
{
    Verb   *verb = arg;
    Engine *engine = verb->engine;
    Err     why;
    if (engine->interrupted) { /* the second one does not ask */
        loop_stop(engine->loop);
        return;
    }
    engine->interrupted = signo;
    timer_set(verb->grace, clock_deadline(loop_clock(engine->loop), GRACE_MS));
    err_set(&why, ST_CANCELLED, "interrupted");
    bool any = false;
    for (Run *run = engine->runs; run; run = run->next_sibling) {
        any = any || !run->finished;
        run_cancel(run, &why);
    }
    if (!any && verb->task) task_cancel(verb->task, &why);
}

/* What the runs of this process wrote. Nothing of them runs any more, and the loop has ended: here
 * it may take a moment. What takes longer is settled by the next start, which waits for it. */
static void settle(Engine *engine)
{
    int64_t deadline = clock_now(&(Clock){0}) + SETTLE_MS;
    for (size_t i = 0; i < engine->note_count; i++) {
        Err err;
        if (note_settle(engine->notes[i], deadline, &err) != ST_OK)
            log_line(LOG_INFO, "what the run wrote is looked at later: %s", err.text);
    }
}

/* Ends runs, children and the journal; the rest may be left to the end of the process. */
static void stop(Engine *engine)
{
    while (engine->runs) run_drop(engine, engine->runs);
    settle(engine);
    journal_close(engine->journal);
    engine->journal = NULL;
}

int engine_main(Engine *engine, const char *name, unsigned grants, int argc, char **argv)
{
    Verb verb = {.engine = engine, .grants = grants, .argc = argc, .argv = argv};
    Err  err;
    err_clear(&err);
    snprintf(verb.entry, sizeof verb.entry, "lua/cli/%s.lua", name);
    verb.grace = timer_new(engine->loop, grace_over, &verb);
    if (signals_new(engine->loop, SIGINT, interrupted, &verb, &verb.interrupt, &err) != ST_OK ||
        signals_new(engine->loop, SIGTERM, interrupted, &verb, &verb.terminate, &err) != ST_OK)
        log_line(LOG_WARN, "%s", err.text);
    verb.task = task_new(engine->host, NULL, call_verb, &verb, verb_ended, &verb);
    if (!loop_run(engine->loop)) {
        fprintf(stderr, "perigee: %s waits for something that cannot happen; this is a bug\n",
                name);
        engine->exit_code = status_exit(ST_BUG);
    }
    if (verb.task) { /* its end may not be seen any more */
        verb.task->ended = NULL;
        verb.task = NULL;
    }
    timer_free(verb.grace);
    signals_free(verb.interrupt);
    signals_free(verb.terminate);
    stop(
        engine); /* the last records are written now; whether they could be is part of the ending */
    bool kept = engine->exit_code == 0 || engine->exit_code == status_exit(ST_WAITING);
    if (engine->lost && kept) engine->exit_code = status_exit(ST_IO);
    if (engine->interrupted) return 128 + engine->interrupted; /* as shells count */
    return engine->unread ? 128 + SIGPIPE : engine->exit_code;
}
