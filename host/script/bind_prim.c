/* What lua/lib/chain.lua builds the `run` of chains, hooks and authors' tests from. The functions
 * that matter run in the host VM (lua/lib/services.lua): here is only the way there. */
#include "bind.h"

#include "../base/mem.h"
#include "group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Sleep {
    Op     op;    /* first */
    Timer *timer; /* owned */
} Sleep;

static void sleep_free(Op *op)
{
    timer_free(((Sleep *)op)->timer);
    free(op);
}

static void sleep_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "the sleep was cancelled");
    op_finish(op, &why);
}

static int sleep_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static const OpKind SLEEP = {"sleep", sleep_cancel, sleep_push, sleep_free};

static void sleep_over(void *arg) { op_finish_ok(arg); }

int bind_sleep(lua_State *L)
{
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0, 1, "milliseconds, not below 0");
    op_may_wait(L);
    Loop  *loop = vm_of(L)->engine->loop;
    Sleep *sleep = mem_new(sizeof *sleep);
    sleep->op.kind = &SLEEP;
    sleep->timer = timer_new(loop, sleep_over, &sleep->op);
    timer_set(sleep->timer, clock_deadline(loop_clock(loop), ms));
    return op_await(L, &sleep->op);
}

int bind_now(lua_State *L)
{
    lua_pushinteger(L, clock_wall(loop_clock(vm_of(L)->engine->loop)));
    return 1;
}

int bind_skip_waits(lua_State *L)
{
    loop_skip_waits(vm_of(L)->engine->loop);
    return 0;
}

static void push_host_run(lua_State *L, void *run) { bind_push_run(L, run); }

/* prim.host(service, ...): lua/lib/services.lua's function of that name, with this VM's run first.
 */
static int prim_host(lua_State *L)
{
    Run      *run = vm_of(L)->run;
    CrossSpec spec = {.vm = VM_HOST,
                      .run = run,
                      .entry = "lua/lib/services.lua",
                      .field = luaL_checkstring(L, 1),
                      .object = push_host_run,
                      .object_arg = run};
    op_may_wait(L);
    return cross_await(L, cross_new(L, &spec, 2, lua_gettop(L) - 1));
}

/* prim.where([fn]) -> "lua/chains/x.lua:12", the script's own line that runs now, or where `fn`
 * begins; "" where nothing says. A function that ends in a call has left no trace of itself. */
static int prim_where(lua_State *L)
{
    char      place[300];
    lua_Debug about;
    if (lua_isfunction(L, 1)) {
        lua_settop(L, 1);
        lua_getinfo(L, ">S", &about);
        snprintf(place, sizeof place, "%s:%d", about.source + (about.source[0] == '@'),
                 about.linedefined);
    } else {
        task_place(L, place, sizeof place);
        if (strncmp(place, "lua/lib/", 8) == 0) place[0] = '\0';
    }
    lua_pushstring(L, place);
    return 1;
}

/* prim.task() -> what tells the coroutine that runs now from others: coroutine.running gives none
 * of the host's own away. */
static int prim_task(lua_State *L)
{
    lua_pushlightuserdata(L, L);
    return 1;
}

void bind_push_prim(lua_State *L, void *arg)
{
    static const luaL_Reg PRIM[] = {
        {"host", prim_host},  {"where", prim_where}, {"task", prim_task}, {"all", group_all},
        {"race", group_race}, {"sleep", bind_sleep}, {NULL, NULL}};
    Run *run = arg;
    vm_push_entry(L, "lua/lib/chain.lua");
    lua_getfield(L, -1, "object");
    lua_remove(L, -2);
    luaL_newlib(L, PRIM);
    lua_pushstring(L, run->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, run->workspace ? run->workspace->path : NULL);
    lua_setfield(L, -2, "workspace");
    lua_pushstring(L, run->steps ? run->steps : "");
    lua_setfield(L, -2, "steps");
    lua_pushboolean(L, run->goes_on);
    lua_setfield(L, -2, "goes_on");
    lua_call(L, 1, 1);
    lib_freeze(L);
}
