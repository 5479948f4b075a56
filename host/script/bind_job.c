/* call.jobs: commands of a tool that outlive its call. A job is seen by every tool of the run that
 * might itself start the job's program: whoever may run bash reads and stops what bash runs. */
#include "exec.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "../run/jobs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { TITLE_MAX = 200, WAIT_MAX_MS = 600 * 1000 };

/* The job of that number which the tool may see; NULL: `err` says that there is none. */
static Job *visible(const CallGrant *grant, lua_Integer id, Err *err)
{
    Job *job = id > 0 && id <= INT_MAX ? job_find(grant->run, (int)id) : NULL;
    if (job && exec_may_start(grant, job->program)) return job;
    err_set(err, ST_NOT_FOUND, "there is no job %lld in this run", (long long)id);
    return NULL;
}

/* -- words ------------------------------------------------------------------------------------- */

/* A table with what is known of it: id, title, running, exit_code, signal, limit, unread, lost. */
static void push_about(lua_State *L, const Job *job)
{
    lua_createtable(L, 0, 10);
    lua_pushinteger(L, job->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, job->title);
    lua_setfield(L, -2, "title");
    lua_pushboolean(L, job->command != NULL);
    lua_setfield(L, -2, "running");
    lua_pushinteger(L, (lua_Integer)(job->fresh[0].total + job->fresh[1].total));
    lua_setfield(L, -2, "unread");
    if (job->command) return;
    if (job->lost) { /* nobody saw how it ended */
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "lost");
        return;
    }
    lua_pushinteger(L, job->exit_code);
    lua_setfield(L, -2, "exit_code");
    if (job->signal) {
        lua_pushinteger(L, job->signal);
        lua_setfield(L, -2, "signal");
    }
    if (job->limit) {
        lua_pushstring(L, job->limit);
        lua_setfield(L, -2, "limit");
    }
}

typedef struct Taken {
    Buf    bytes;
    size_t head, dropped;
} Taken;

/* Upvalue-free and protected by its caller: sets the four fields of both streams. */
static int set_streams(lua_State *L)
{
    static const char *const KEYS[] = {"stdout", "stderr"}, *const DROPPED[] = {"stdout_dropped",
                                                                                "stderr_dropped"};
    const Taken *taken = lua_touserdata(L, 2);
    for (int i = 0; i < 2; i++) {
        exec_push_output(L, buf_str(&taken[i].bytes), taken[i].head, taken[i].dropped);
        lua_setfield(L, 1, KEYS[i]);
        lua_pushinteger(L, (lua_Integer)taken[i].dropped);
        lua_setfield(L, 1, DROPPED[i]);
    }
    return 0;
}

/* The same with what it printed since the last time, which is gone then. */
static void push_report(lua_State *L, Job *job)
{
    Taken taken[2];
    push_about(L, job);
    job->told = job->told || !job->command;
    lua_pushcfunction(L, set_streams);
    lua_pushvalue(L, -2);
    for (int i = 0; i < 2; i++)
        job_take(job, i, &taken[i].bytes, &taken[i].head, &taken[i].dropped);
    lua_pushlightuserdata(L, taken);
    int failed = lua_pcall(L, 2, 0, 0);
    for (int i = 0; i < 2; i++) buf_clear(&taken[i].bytes);
    if (failed) lua_error(L);
}

static int failure(lua_State *L, const Err *err)
{
    lua_pushnil(L);
    op_push_error(L, err);
    return 2;
}

/* -- waiting ----------------------------------------------------------------------------------- */

typedef struct JobOp {
    Op       op; /* first */
    JobWatch watch;
    Loop    *loop;     /* borrowed */
    Timer   *timer;    /* owned */
    int64_t  deadline; /* not longer */
    int64_t  quiet_ms; /* once it printed: until it has been silent for so long; 0: until its end */
} JobOp;

static void job_op_free(Op *op)
{
    JobOp *wait = (JobOp *)op;
    job_unwatch(&wait->watch);
    timer_free(wait->timer);
    free(wait);
}

static void job_op_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "nobody waits for the job any more");
    op_finish(op, &why);
}

static int job_op_push(Op *op, lua_State *L)
{
    Job *job = ((JobOp *)op)->watch.job;
    if (!job) return luaL_error(L, "the job is gone");
    if (!job->command && job->err.status != ST_OK && !job->limit) { /* it never ran */
        Err err = job->err;
        job_forget(job);
        return failure(L, &err);
    }
    push_report(L, job);
    return 1;
}

static const OpKind JOB = {"job", job_op_cancel, job_op_push, job_op_free};

static void wait_over(void *arg) { op_finish_ok(arg); }

static void job_changed(JobWatch *watch)
{
    JobOp *wait = (JobOp *)((char *)watch - offsetof(JobOp, watch));
    if (!watch->job->command) {
        op_finish_ok(&wait->op);
    } else if (wait->quiet_ms > 0) {
        int64_t quiet = clock_deadline(loop_clock(wait->loop), wait->quiet_ms);
        timer_set(wait->timer, quiet < wait->deadline ? quiet : wait->deadline);
    }
}

static int wait_for(lua_State *L, Job *job, lua_Integer wait_ms, lua_Integer quiet_ms, bool stop)
{
    JobOp *wait = mem_new(sizeof *wait);
    wait->op.kind = &JOB;
    wait->watch.changed = job_changed;
    wait->loop = vm_of(L)->engine->loop;
    wait->timer = timer_new(wait->loop, wait_over, &wait->op);
    wait->quiet_ms = quiet_ms;
    wait->deadline = clock_deadline(loop_clock(wait->loop), wait_ms);
    job_watch(job, &wait->watch);
    if (stop) job_stop(job);
    timer_set(wait->timer, wait->deadline);
    if (!job->command || wait_ms == 0)
        op_finish_ok(&wait->op);
    else if (quiet_ms > 0 && job->fresh[0].total + job->fresh[1].total > 0)
        job_changed(&wait->watch);
    return op_await(L, &wait->op);
}

/* -- what a tool calls ------------------------------------------------------------------------- */

/* jobs.start{ "npm", "start", cwd=, env=, stdin=, title=, ... } -> id | nil, err */
static int jobs_start(lua_State *L)
{
    CallGrant *grant = call_grant(L);
    ExecAsked  asked = exec_read_job(L, grant->run, grant, 1);
    Job       *job;
    Err        err;
    char       title[TITLE_MAX];
    Str        named = str_from(asked.title ? asked.title : asked.spec.argv[0]);
    named = str_cut(named, 0, TITLE_MAX - 1);
    named.len = str_utf8_valid_len(named);
    memcpy(title, named.ptr, named.len);
    title[named.len] = '\0';
    err_clear(&err);
    if (job_start(grant->run, &asked.spec, asked.hosts, title, &job, &err) != ST_OK)
        return failure(L, &err);
    lua_pushinteger(L, job->id);
    return 1;
}

/* jobs.read(id[, { wait = ms, quiet = ms }]) -> report | nil, err */
static int jobs_read(lua_State *L)
{
    static const char *const KEYS[] = {"wait", "quiet", NULL};
    CallGrant               *grant = call_grant(L);
    lua_Integer              id = luaL_checkinteger(L, 1), wait = 0, quiet = 0;
    Err                      err;
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        opt_only(L, 2, "jobs.read", KEYS);
        wait = opt_integer(L, 2, "wait", 0);
        quiet = opt_integer(L, 2, "quiet", 0);
    }
    luaL_argcheck(L, wait >= 0 && wait <= WAIT_MAX_MS, 2, "wait is 0 to 600000 ms");
    luaL_argcheck(L, quiet >= 0 && quiet <= WAIT_MAX_MS, 2, "quiet is 0 to 600000 ms");
    op_may_wait(L);
    err_clear(&err);
    Job *job = visible(grant, id, &err);
    if (!job) return failure(L, &err);
    return wait_for(L, job, wait, quiet, false);
}

/* jobs.stop(id) -> report | nil, err: TERM, after two seconds KILL; waits for its end. */
static int jobs_stop(lua_State *L)
{
    CallGrant  *grant = call_grant(L);
    lua_Integer id = luaL_checkinteger(L, 1);
    Err         err;
    op_may_wait(L);
    err_clear(&err);
    Job *job = visible(grant, id, &err);
    if (!job) return failure(L, &err);
    return wait_for(L, job, WAIT_MAX_MS, 0, true);
}

/* jobs.list() -> { { id, title, running, unread, exit_code, signal, limit, news }, ... }, oldest
 * first; `news`: it has ended, and nobody was told before. */
static int jobs_list(lua_State *L)
{
    CallGrant  *grant = call_grant(L);
    lua_Integer count = 0;
    lua_newtable(L);
    for (Job *job = jobs_first(grant->run); job; job = job->next) {
        if (!exec_may_start(grant, job->program)) continue;
        push_about(L, job);
        lua_pushboolean(L, !job->command && !job->told);
        lua_setfield(L, -2, "news");
        job->told = job->told || !job->command;
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

static int no_such_function(lua_State *L)
{
    return luaL_error(L, "call.jobs has no '%s'; it has start, read, stop and list",
                      luaL_tolstring(L, 2, NULL));
}

/* -- what records keep of them ----------------------------------------------------------------- */

/* run:new_jobs() -> { { id =, program =, title = } of one that was started, { id =, over = true }
 * of one of whose end somebody was told, ... } since it was last asked; nil where there are none */
int run_new_jobs(lua_State *L)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (Job *job = jobs_first(bind_check_run(L, 1)); job; job = job->next) {
        bool ended = job->told && !job->end_noted;
        if (job->start_noted && !ended) continue;
        lua_createtable(L, 0, 4);
        lua_pushinteger(L, job->id);
        lua_setfield(L, -2, "id");
        if (!job->start_noted) {
            lua_pushstring(L, job->program);
            lua_setfield(L, -2, "program");
            lua_pushstring(L, job->title);
            lua_setfield(L, -2, "title");
        }
        if (ended) {
            lua_pushboolean(L, true);
            lua_setfield(L, -2, "over");
        }
        lua_rawseti(L, -2, ++count);
        job->start_noted = true;
        job->end_noted = ended;
    }
    if (count == 0) lua_pushnil(L);
    return 1;
}

/* run:had_job{ id =, program =, title =, over = }: as new_jobs told it. The job is dead. */
int run_had_job(lua_State *L)
{
    Run *run = bind_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer id = opt_integer(L, 2, "id", 0);
    const char *program = opt_text(L, 2, "program", NULL);
    luaL_argcheck(L, id > 0 && id <= INT_MAX, 2, "id is the number of a job");
    if (program) job_lost(run, (int)id, program, opt_text(L, 2, "title", program));
    if (opt_flag(L, 2, "over")) job_over(run, (int)id);
    return 0;
}

void bind_push_jobs(lua_State *L)
{
    static const luaL_Reg METHODS[] = {{"start", jobs_start},
                                       {"read", jobs_read},
                                       {"stop", jobs_stop},
                                       {"list", jobs_list},
                                       {NULL, NULL}};
    luaL_newlibtable(L, METHODS);
    lua_pushvalue(L, -2);
    luaL_setfuncs(L, METHODS, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_such_function);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lib_freeze(L);
}
