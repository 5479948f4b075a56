/* The journal as verbs read it. */
#include "bind_cli.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdlib.h>

/* cli.open_journal(path) -> true | nil, err */
int cli_open_journal(lua_State *L)
{
    Engine     *engine = vm_of(L)->engine;
    const char *path = luaL_checkstring(L, 1);
    Err         err;
    err_clear(&err);
    if (engine->journal) return luaL_error(L, "the journal is open already");
    if (journal_open(engine->loop, path, &engine->journal, &err) != ST_OK)
        return bind_push_failure(L, &err);
    engine->store = mem_text(path);
    lua_pushboolean(L, true);
    return 1;
}

/* -- a run that goes on ------------------------------------------------------------------------ */

static void claim_cancel(Op *op) { (void)op; /* what is on its way is answered soon */ }

static int claim_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void claim_free(Op *op) { free(op); }

static const OpKind CLAIM = {"journal.claim", claim_cancel, claim_push, claim_free};

static void claimed(void *arg, const Err *outcome) { op_finish(arg, outcome); }

static Journal *check_journal(lua_State *L)
{
    Journal *journal = vm_of(L)->engine->journal;
    if (!journal) luaL_error(L, "no journal is open");
    return journal;
}

/* cli.claim_run(id) -> true | nil, err: makes a run of the journal, and so all below it, this
 * process's own. "unavailable" where another one that lives has it. */
int cli_claim_run(lua_State *L)
{
    size_t      len;
    const char *run = luaL_checklstring(L, 1, &len);
    Journal    *journal = check_journal(L);
    op_may_wait(L);
    Op *op = mem_new(sizeof *op);
    op->kind = &CLAIM;
    journal_claim(journal, (Str){run, len}, claimed, op);
    return op_await(L, op);
}

/* Rows become a list while the store reads them. Building it may run out of memory, and an error
 * must not jump over the store's own frames: each row is added protected, and a failure stops the
 * reading. */
typedef struct Listing {
    lua_State    *L;
    lua_CFunction add;    /* 1: the list, 2: the row */
    bool          failed; /* the error is at the top of the stack */
    lua_Integer   room;   /* bytes of bodies that are still wanted */
    int64_t       after;  /* messages up to this number are not */
} Listing;

static bool add_protected(Listing *listing, const void *row)
{
    lua_State *L = listing->L;
    lua_pushcfunction(L, listing->add);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, (void *)(uintptr_t)row);
    listing->failed = lua_pcall(L, 2, 0, 0) != LUA_OK;
    return !listing->failed;
}

static void set_text(lua_State *L, const char *key, Str text)
{
    lua_pushlstring(L, text.ptr ? text.ptr : "", text.len);
    lua_setfield(L, -2, key);
}

static int add_run(lua_State *L)
{
    const RunRow *row = lua_touserdata(L, 2);
    lua_createtable(L, 0, 11);
    set_text(L, "run", row->run);
    set_text(L, "parent", row->parent);
    set_text(L, "agent", row->agent);
    set_text(L, "task", row->task);
    set_text(L, "status", row->status);
    lua_pushinteger(L, row->started_ms);
    lua_setfield(L, -2, "started");
    lua_pushinteger(L, row->ended_ms);
    lua_setfield(L, -2, "ended");
    lua_pushinteger(L, row->records);
    lua_setfield(L, -2, "records");
    lua_pushinteger(L, row->last_ms);
    lua_setfield(L, -2, "last");
    lua_pushinteger(L, row->below);
    lua_setfield(L, -2, "below");
    if (row->usd >= 0) {
        lua_pushnumber(L, row->usd);
        lua_setfield(L, -2, "usd");
    }
    if (row->owner) {
        lua_pushinteger(L, row->owner);
        lua_setfield(L, -2, "owner");
    }
    lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
    return 0;
}

static int add_record(lua_State *L)
{
    const Record *record = lua_touserdata(L, 2);
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, record->seq);
    lua_setfield(L, -2, "seq");
    lua_pushinteger(L, record->time_ms);
    lua_setfield(L, -2, "time");
    set_text(L, "kind", record->kind);
    set_text(L, "body", record->body);
    lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
    return 0;
}

static int add_message(lua_State *L)
{
    const Record *message = lua_touserdata(L, 2);
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, message->seq);
    lua_setfield(L, -2, "number");
    set_text(L, "body", message->body);
    lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
    return 0;
}

static int push_text(lua_State *L)
{
    const Buf *text = lua_touserdata(L, 2);
    lua_pushlstring(L, text->ptr, text->len);
    lua_rawseti(L, 1, 1);
    return 0;
}

static bool run_seen_row(void *arg, const RunRow *row) { return add_protected(arg, row); }

static bool record_seen(void *arg, const Record *record)
{
    Listing *listing = arg;
    listing->room -= (lua_Integer)record->body.len;
    return add_protected(listing, record) && listing->room > 0;
}

static bool message_seen(void *arg, int64_t number, Str body)
{
    const Record message = {.seq = number, .body = body};
    return number <= ((Listing *)arg)->after || add_protected(arg, &message);
}

static int finish(lua_State *L, const Listing *listing, Status status, const Err *err)
{
    if (listing->failed) return lua_error(L);
    return status == ST_OK ? 1 : bind_push_failure(L, err);
}

/* cli.list_runs { most =, tree =, top_only =, open_only = } -> { { run, parent, agent, task,
 * status, started, ended, records, last, below, usd, owner }, ... }: all, newest first, or the run
 * `tree` and what is below it; without `most` every one. below: how many runs are; owner: the pid
 * of the process that carries it; nil where none does */
int cli_list_runs(lua_State *L)
{
    Listing  listing = {.L = L, .add = add_run};
    Journal *journal = check_journal(L);
    Err      err;
    err_clear(&err);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_checkstack(L, 12, NULL);
    static const char *const keys[] = {"most", "tree", "top_only", "open_only"};
    for (int i = 0; i < 4; i++) lua_getfield(L, 1, keys[i]);
    size_t      len;
    const char *tree = luaL_optlstring(L, 3, "", &len);
    RunFilter   filter = {.tree = {tree, len},
                          .top_only = lua_toboolean(L, 4),
                          .open_only = lua_toboolean(L, 5),
                          .most = luaL_optinteger(L, 2, -1)};
    lua_newtable(L);
    Status status = journal_list(journal, filter, run_seen_row, &listing, &err);
    return finish(L, &listing, status, &err);
}

/* cli.read_run(id [, from [, bytes]]) -> { { seq, time, kind, body = JSON text }, ... }, from the
 * seq `from` on, and no further once their bodies have so many bytes */
int cli_read_run(lua_State *L)
{
    Listing     listing = {.L = L, .add = add_record};
    Journal    *journal = check_journal(L);
    size_t      len;
    const char *run = luaL_checklstring(L, 1, &len);
    lua_Integer from = luaL_optinteger(L, 2, 1);
    listing.room = luaL_optinteger(L, 3, LUA_MAXINTEGER);
    Err err;
    err_clear(&err);
    luaL_checkstack(L, 10, NULL);
    lua_newtable(L);
    Status status = journal_read(journal, (Str){run, len}, from, record_seen, &listing, &err);
    return finish(L, &listing, status, &err);
}

int bind_push_inbox(lua_State *L, Str run, int64_t after)
{
    Listing  listing = {.L = L, .add = add_message, .after = after};
    Journal *journal = check_journal(L);
    Err      err;
    err_clear(&err);
    luaL_checkstack(L, 10, NULL);
    lua_newtable(L);
    return finish(L, &listing, journal_inbox(journal, run, message_seen, &listing, &err), &err);
}

/* cli.read_text(hash) -> text | nil, err: a file that was loaded for a run */
int cli_read_text(lua_State *L)
{
    Journal    *journal = check_journal(L);
    size_t      len;
    const char *hash = luaL_checklstring(L, 1, &len);
    Listing     listing = {.L = L, .add = push_text};
    Buf         text;
    Err         err;
    err_clear(&err);
    luaL_checkstack(L, 10, NULL);
    buf_init(&text, LIMIT_REQUEST);
    Status status = journal_text(journal, (Str){hash, len}, &text, &err);
    lua_newtable(L);
    if (status == ST_OK) add_protected(&listing, &text);
    buf_clear(&text);
    if (status == ST_OK && !listing.failed) lua_rawgeti(L, -1, 1);
    return finish(L, &listing, status, &err);
}

/* cli.prune_runs(before_ms, dry) -> { runs, records, texts, bytes, smaller } | nil, err */
int cli_prune_runs(lua_State *L)
{
    Journal    *journal = check_journal(L);
    lua_Integer before_ms = luaL_checkinteger(L, 1);
    bool        dry = lua_toboolean(L, 2);
    Pruned      pruned;
    Err         err;
    err_clear(&err);
    if (journal_prune(journal, before_ms, dry, &pruned, &err) != ST_OK)
        return bind_push_failure(L, &err);
    const struct {
        const char *key;
        int64_t     count;
    } counts[] = {{"runs", pruned.runs},
                  {"records", pruned.records},
                  {"texts", pruned.texts},
                  {"bytes", pruned.bytes}};
    lua_createtable(L, 0, 5);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        lua_pushinteger(L, counts[i].count);
        lua_setfield(L, -2, counts[i].key);
    }
    lua_pushboolean(L, pruned.smaller);
    lua_setfield(L, -2, "smaller");
    return 1;
}

/* cli.find_run(part) -> id | nil, err */
int cli_find_run(lua_State *L)
{
    Err         err;
    size_t      len;
    const char *part = luaL_checklstring(L, 1, &len);
    Journal    *journal = check_journal(L);
    char        id[RUN_ID_SIZE * 2];
    Buf         run;
    err_clear(&err);
    buf_init(&run, sizeof id - 1);
    Status status = journal_find(journal, (Str){part, len}, &run, &err);
    size_t found = run.len;
    for (size_t i = 0; i < found; i++) id[i] = run.ptr[i];
    buf_clear(&run);
    if (status != ST_OK) return bind_push_failure(L, &err);
    lua_pushlstring(L, id, found);
    return 1;
}
