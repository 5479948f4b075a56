/* bind.h -- what C gives to Lua, by the object that it hands over. Each bind_<room>.c is one of
 * them.
 *
 *   cli   to a verb: what its row in the table of verbs grants (main.c)
 *   run   to lua/lib in the host VM: a Run, with all that runs may do
 *   call  to a tool: what its `needs` grant
 *   prim  to lua/lib/chain.lua in a run VM, which builds the `run` of chains and hooks from it
 *
 * There is no global through which a script could reach any of this.
 */
#ifndef HOST_SCRIPT_BIND_H
#define HOST_SCRIPT_BIND_H

#include "cross.h"
#include "engine.h"

/* What a verb may use. */
enum VerbGrant {
    GRANT_PRINT = 1 << 0,   /* out, err, terminal */
    GRANT_FILES = 1 << 1,   /* read files that the command line names; definitions; layers */
    GRANT_JOURNAL = 1 << 2, /* read the journal */
    GRANT_RUN = 1 << 3,     /* make runs, and all that runs may do */
    GRANT_LISTEN = 1 << 4,  /* serve on loopback */
    GRANT_DECIDE = 1 << 5,  /* ask the decision VM */
    GRANT_TRUST = 1 << 6,   /* a project's Lua; what is remembered of projects and runs */
    GRANT_SAVE = 1 << 7,    /* write a file that the command line names */
    GRANT_PRUNE = 1 << 8,   /* remove runs from the journal */
};

void bind_push_cli(lua_State *L, unsigned grants);

/* The Run as the host VM knows it: the same userdata each time. */
void bind_push_run(lua_State *L, Run *run);
Run *bind_check_run(lua_State *L, int index); /* raises when it is closed */

/* CrossObjects. The arg of the first is a CallGrant, of the second a Run. */
struct CallHandle;
struct Hold;

typedef struct CallGrant {
    Run               *run;
    char              *tool;     /* owned */
    char              *call;     /* owned; id of the call, or NULL: nobody watches it */
    char              *state;    /* owned; JSON: what the tool left for this call, or NULL */
    char              *settings; /* owned; JSON: what the host tells the tool, or NULL */
    char             **programs; /* owned, ends in NULL; "*" is any */
    char             **hosts;    /* owned, ends in NULL: what its commands and requests may reach;
                                    NULL: commands what the run may, requests nothing */
    char             **secrets;  /* owned, ends in NULL: names that its requests may carry */
    bool               reads, writes, execs;
    bool               interrupted; /* the tool's last call was an earlier process's */
    RootGrant         *roots;       /* owned; what the user granted outside the workspace */
    struct CallHandle *handle;      /* borrowed; what the tool's closures hold, or NULL */
    struct Hold       *hold;        /* owned; the file that this call has for itself, or NULL */
    char              *held;        /* owned; its path below the workspace */
} CallGrant;

/* A tool may keep `call` in a variable beyond its end. What it then holds is this, and not the
 * grant. */
typedef struct CallHandle {
    CallGrant *grant; /* borrowed; NULL once the call ended */
} CallHandle;

void       bind_push_call(lua_State *L, void *grant);
void       bind_free_call(void *grant);
CallGrant *call_grant(lua_State *L); /* of the method that runs; raises when the call has ended */

/* call.read, .write, .info, .list (bind_file.c), .hold (bind_hold.c) */
int bind_file_read(lua_State *L);
int bind_file_write(lua_State *L);
int bind_file_info(lua_State *L);
int bind_file_list(lua_State *L);
int bind_file_hold(lua_State *L);

/* call.http: one request with its whole answer, within the grant's hosts. */
int bind_call_http(lua_State *L);

/* call.page: bytes from the web as text, HTML as Markdown. */
int bind_call_page(lua_State *L);

/* cli.probe_page() -> what call.page makes of a small page, or why no page can be read here. */
int bind_probe_page(lua_State *L);

/* The granted root that holds an absolute path outside the workspace; NULL: none does. */
const RootGrant *call_root(const CallGrant *grant, Str path);

/* The path that a method of `call` was given first; raises without the grant, without a workspace
 * (but for a granted root), and where nothing may wait. */
Str bind_file_path(lua_State *L, bool granted, const char *need);

void bind_push_prim(lua_State *L, void *run);

/* http.send for a run; response:next, response:close. */
int bind_http_send(lua_State *L, Run *run, int spec);

/* Starts a command from the table at `spec` and waits for it: run:exec and call.exec. */
int bind_exec(lua_State *L, Run *run, const CallGrant *grant, int spec);

/* The list table.roots, { { path =, write = } ... }: bind_check_roots raises where it is none,
 * bind_copy_roots then copies it; free with bind_free_roots. bind_roots.c */
void       bind_check_roots(lua_State *L, int table, const char *what);
RootGrant *bind_copy_roots(lua_State *L, int table);
void       bind_free_roots(RootGrant *roots); /* NULL allowed */

/* Pushes call.jobs, whose functions have the value at the top as their upvalue, which stays. */
void bind_push_jobs(lua_State *L);

/* run:command(spec) -> a command whose output is read while it runs. run:explain(spec) -> words. */
int bind_command(lua_State *L, Run *run, int spec);
int bind_explain(lua_State *L, Run *run, int spec);

/* run:place(name, width) -> a place in the line of that name, where `width` have room at a time;
 * from run/places.h. It never waits: place:wait(ms) does, place:leave([width]) gives it back. */
int bind_place(lua_State *L, Run *run);

/* run:new_seen, run:saw: bind_seen.c */
int run_new_seen(lua_State *L);
int run_saw(lua_State *L);

/* bind_draft.c */
int run_sweep_drafts(lua_State *L);

/* bind_job.c */
int run_new_jobs(lua_State *L);
int run_had_job(lua_State *L);

/* run:copy([name]) -> a copy of its workspace, or the one of that name again: bind_copy.c.
 * bind_sweep_copies: on a thread, removes those that killed processes left. */
int  bind_copy(lua_State *L, Run *run);
void bind_sweep_copies(Engine *engine);

/* What a run may spend, as methods of it: bind_budget.c. */
int bind_budget_spend(lua_State *L);
int bind_budget_charge(lua_State *L);
int bind_budget_reserve(lua_State *L);
int bind_budget_settle(lua_State *L);
int bind_budget_settled(lua_State *L);
int bind_budget_spent(lua_State *L);
int bind_budget_wrote(lua_State *L);
int bind_budget_left(lua_State *L);
int bind_budget_limit(lua_State *L);
int bind_budget_short(lua_State *L);
int bind_budget_raise(lua_State *L);
int bind_budget_begin_part(lua_State *L);

/* bind_texts.c: run:sources, run:new_sources, run:keep_text */
int run_sources(lua_State *L);
int run_new_sources(lua_State *L);
int run_keep_text(lua_State *L);

/* bind_inbox.c: run:messages, run:took. The first is an op of this kind: who looks whether a run
 * can go on by itself tells it from those that end by themselves. */
extern const OpKind RUN_MESSAGES;
int                 run_messages(lua_State *L);
int                 run_took(lua_State *L);

/* Waiting and time: sleep(ms), now() in Unix milliseconds. */
int bind_sleep(lua_State *L);
int bind_now(lua_State *L);
int bind_skip_waits(lua_State *L); /* see loop_skip_waits */

/* Functions that verbs get: cli.listen, cli.definition, cli.catalog. */
int bind_listen(lua_State *L);
int bind_definition(lua_State *L);
int bind_catalog(lua_State *L);
int bind_yaml(lua_State *L);

/* The workspace that the table at `spec` names, as cli.open_run says; NULL in `out` where it names
 * none. May raise. */
MUST_CHECK Status bind_open_workspace(lua_State *L, int spec, Workspace **out, Err *err);

/* Reads `past` of the table at `spec`; false where there is none. May raise. */
bool bind_read_past(lua_State *L, int spec, RunPast *past);

/* Ends and frees a run and its children, when the host VM is gone or closes it. */
void run_drop(Engine *engine, Run *run);

/* -- reading the tables that scripts give; each raises a message that names the key ------------ */
const char *opt_text(lua_State *L, int table, const char *key, const char *otherwise);
Str         opt_bytes(lua_State *L, int table, const char *key); /* text with its length; or "" */
lua_Integer opt_integer(lua_State *L, int table, const char *key, lua_Integer otherwise);
bool        opt_flag(lua_State *L, int table, const char *key);

/* A whole number, or a text that `reader` (a file of lua/lib with `parse`) understands: there is
 * one place that knows how people write times, and one for sizes. 0 where nothing is said. */
int64_t opt_amount(lua_State *L, int table, const char *what, const char *key, const char *reader);

/* Refuses text keys that are not among `known` (ends in NULL); `what` begins the message. */
void opt_only(lua_State *L, int table, const char *what, const char *const *known);

#endif
