/* What runs wrote, on threads: noted before a run, asked for at a start. */
#include "bind_cli.h"

#include "../base/log.h"
#include "../base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* -- before a run ------------------------------------------------------------------------------ */

typedef struct NoteOp {
    Op      op; /* first */
    Engine *engine;
    char   *state, *workspace; /* owned */
    char  **pins;              /* owned; ends in NULL */
    char    run[RUN_ID_SIZE];
    Note   *note; /* owned until the engine has it */
    Err     err;
    bool    working, wanted;
} NoteOp;

static void note_work(void *arg)
{
    NoteOp *noting = arg;
    (void)!note_begin(noting->state, noting->workspace, (const char *const *)noting->pins,
                      &noting->note, &noting->err);
}

static void note_release(NoteOp *noting)
{
    if (noting->working || noting->wanted) return;
    note_free(noting->note);
    free(noting->state);
    free(noting->workspace);
    for (char **pin = noting->pins; *pin; pin++) free(*pin);
    free(noting->pins);
    free(noting);
}

static Run *find_run(Engine *engine, const char *id)
{
    Run *run = engine->runs;
    while (run && strcmp(run->id, id) != 0) run = run->next_sibling;
    return run;
}

static void keep_note(Engine *engine, Note *note)
{
    engine->notes = mem_grow(engine->notes, (engine->note_count + 1) * sizeof *engine->notes);
    engine->notes[engine->note_count++] = note;
}

static void noted(void *arg, bool abandoned)
{
    NoteOp *noting = arg;
    Run    *run = find_run(noting->engine, noting->run);
    (void)abandoned;
    noting->working = false;
    if (noting->note) keep_note(noting->engine, noting->note);
    noting->note = NULL;
    if (run && noting->err.status != ST_OK) run_finish(run, status_code(noting->err.status));
    op_finish(&noting->op, &noting->err); /* nothing when it was cancelled before */
    note_release(noting);
}

static void note_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "looking through the workspace was cancelled");
    op_finish(op, &why);
}

static int note_push(Op *op, lua_State *L)
{
    NoteOp *noting = (NoteOp *)op;
    Run    *run = find_run(noting->engine, noting->run);
    if (run)
        bind_push_run(L, run);
    else
        lua_pushnil(L); /* the host ended it meanwhile */
    return 1;
}

static void free_note_op(Op *op)
{
    ((NoteOp *)op)->wanted = false;
    note_release((NoteOp *)op);
}

static const OpKind NOTE = {"workspace.note", note_cancel, note_push, free_note_op};

static bool is_noted(const Engine *engine, const char *workspace)
{
    for (size_t i = 0; i < engine->note_count; i++)
        if (strcmp(note_workspace(engine->notes[i]), workspace) == 0) return true;
    return false;
}

static char **copy_pins(const char *const *pins)
{
    size_t count = 0;
    while (pins && pins[count]) count++;
    char **copy = mem_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) copy[i] = mem_text(pins[i]);
    return copy;
}

int written_note(lua_State *L, Run *run, const char *const *pins)
{
    Engine     *engine = vm_of(L)->engine;
    const char *workspace = run->workspace ? run->workspace->path : NULL;
    char        state[PATH_MAX];
    bool        home = bind_state_folder(state, sizeof state);
    if (!workspace || bind_is_temp(L, workspace) || is_noted(engine, workspace)) {
        bind_push_run(L, run);
        return 1;
    }
    NoteOp *noting = mem_new(sizeof *noting);
    noting->op.kind = &NOTE;
    noting->engine = engine;
    noting->state = home ? mem_text(state) : NULL;
    noting->workspace = mem_text(workspace);
    noting->pins = copy_pins(pins);
    memcpy(noting->run, run->id, sizeof noting->run);
    noting->working = noting->wanted = true;
    if (home) {
        work_start(engine->loop, note_work, noted, noting);
    } else {
        log_plain("perigee: neither HOME nor XDG_STATE_HOME is set: what this run writes is not "
                  "remembered, and the next one takes it without asking");
        noting->working = false;
        op_finish_ok(&noting->op);
    }
    return op_await(L, &noting->op);
}

/* -- between two runs of one process ----------------------------------------------------------- */

enum { SETTLE_MS = 10000 };

typedef struct SettleOp {
    Op      op; /* first */
    Engine *engine;
    Note  **notes; /* owned array of owned notes; the engine has them back at the end */
    size_t  count;
    Err     err;
    bool    working, wanted;
} SettleOp;

static void settle_work(void *arg)
{
    SettleOp *settling = arg;
    int64_t   deadline = clock_now(&(Clock){0}) + SETTLE_MS;
    for (size_t i = 0; i < settling->count; i++) {
        Err err;
        err_clear(&err);
        if (note_settle(settling->notes[i], deadline, &err) == ST_OK) {
            note_free(settling->notes[i]);
            settling->notes[i] = NULL;
        } else {
            settling->err = err;
        }
    }
}

static void settle_release(SettleOp *settling)
{
    if (settling->working || settling->wanted) return;
    free(settling->notes);
    free(settling);
}

/* A note that could not be settled stays: what has changed by then counts as the run's. */
static void settled(void *arg, bool abandoned)
{
    SettleOp *settling = arg;
    (void)abandoned;
    settling->working = false;
    for (size_t i = 0; i < settling->count; i++)
        if (settling->notes[i]) keep_note(settling->engine, settling->notes[i]);
    settling->count = 0;
    op_finish(&settling->op, &settling->err);
    settle_release(settling);
}

static void settle_cancel(Op *op) { (void)op; /* bounded by its own deadline */ }

static int settle_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void free_settle_op(Op *op)
{
    ((SettleOp *)op)->wanted = false;
    settle_release((SettleOp *)op);
}

static const OpKind SETTLE = {"workspace.settle", settle_cancel, settle_push, free_settle_op};

/* cli.settle_written() -> true | nil, err: what the runs of this process wrote is looked at now,
 * when they have ended; what others change from here on is not theirs. */
int cli_settle_written(lua_State *L)
{
    Engine *engine = vm_of(L)->engine;
    op_may_wait(L);
    SettleOp *settling = mem_new(sizeof *settling);
    settling->op.kind = &SETTLE;
    settling->engine = engine;
    settling->notes = engine->notes;
    settling->count = engine->note_count;
    engine->notes = NULL;
    engine->note_count = 0;
    settling->working = settling->wanted = true;
    work_start(engine->loop, settle_work, settled, settling);
    return op_await(L, &settling->op);
}

/* -- at a start -------------------------------------------------------------------------------- */

typedef struct CollectOp {
    Op          op;    /* first */
    char       *state; /* owned */
    WrittenList list;
    Err         err;
    bool        working, wanted;
} CollectOp;

static void collect_work(void *arg)
{
    CollectOp *collect = arg;
    (void)!written_collect(collect->state, &collect->list, &collect->err);
}

static void collect_release(CollectOp *collect)
{
    if (collect->working || collect->wanted) return;
    written_clear(&collect->list);
    free(collect->state);
    free(collect);
}

static void collected(void *arg, bool abandoned)
{
    CollectOp *collect = arg;
    (void)abandoned;
    collect->working = false;
    op_finish(&collect->op, &collect->err);
    collect_release(collect);
}

static void collect_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "looking for what runs wrote was cancelled");
    op_finish(op, &why);
}

static const char *kind_name(char kind)
{
    switch (kind) {
    case 'l': return "link";
    case 'd': return "folder";
    case 'u': return "unreadable";
    case 'g': return "gone";
    default: return "file";
    }
}

static void push_changes(lua_State *L, const Census *changes)
{
    lua_createtable(L, (int)changes->count, 0);
    for (size_t i = 0; i < changes->count; i++) {
        const CensusEntry *entry = &changes->entries[i];
        lua_createtable(L, 0, 3);
        lua_pushfstring(L, "%s/%s", changes->folder, entry->path);
        lua_setfield(L, -2, "path");
        lua_pushstring(L, kind_name(entry->kind));
        lua_setfield(L, -2, "kind");
        if (entry->hash[0]) {
            lua_pushstring(L, entry->hash);
            lua_setfield(L, -2, "hash");
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static int collect_push(Op *op, lua_State *L)
{
    CollectOp *collect = (CollectOp *)op;
    luaL_checkstack(L, 8, NULL);
    lua_createtable(L, (int)collect->list.count, 0);
    for (size_t i = 0; i < collect->list.count; i++) {
        const Written *item = &collect->list.items[i];
        lua_createtable(L, 0, 5);
        lua_pushstring(L, item->name);
        lua_setfield(L, -2, "name");
        lua_pushboolean(L, item->live);
        lua_setfield(L, -2, "live");
        lua_pushstring(L, item->problem);
        lua_setfield(L, -2, "problem");
        lua_pushstring(L, item->changes.folder);
        lua_setfield(L, -2, "workspace");
        push_changes(L, &item->changes);
        lua_setfield(L, -2, "changes");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static void collect_free(Op *op)
{
    ((CollectOp *)op)->wanted = false;
    collect_release((CollectOp *)op);
}

static const OpKind COLLECT = {"written", collect_cancel, collect_push, collect_free};

/* cli.written() -> { { name, live, problem, workspace, changes = { { path, kind, hash }, ... } },
 * ... } | nil, err: what runs wrote and what nobody has kept elsewhere yet. kind is file, link,
 * folder, unreadable or gone. */
int cli_written(lua_State *L)
{
    op_may_wait(L);
    char state[PATH_MAX];
    if (!bind_state_folder(state, sizeof state)) {
        lua_newtable(L);
        return 1;
    }
    CollectOp *collect = mem_new(sizeof *collect);
    collect->op.kind = &COLLECT;
    collect->state = mem_text(state);
    collect->working = collect->wanted = true;
    work_start(vm_of(L)->engine->loop, collect_work, collected, collect);
    return op_await(L, &collect->op);
}

/* cli.forget_written(name) -> true | nil, err: its changes stand in written.json now */
int cli_forget_written(lua_State *L)
{
    Err         err;
    const char *name = luaL_checkstring(L, 1);
    char        state[PATH_MAX];
    err_clear(&err);
    if (bind_state_folder(state, sizeof state)) (void)!written_forget(state, name, &err);
    if (err.status != ST_OK) return bind_push_failure(L, &err);
    lua_pushboolean(L, true);
    return 1;
}
