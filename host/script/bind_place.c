/* run:place: a place in a line that all runs of the process share. */
#include "bind.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char PLACE[] = "perigee.place";

typedef struct Standing {
    Place *place;   /* owned; NULL once it was left */
    Op    *waiting; /* borrowed */
    int    users;   /* the userdata and the op that waits */
} Standing;

typedef struct PlaceOp {
    Op        op;       /* first */
    Standing *standing; /* held */
    Timer    *timer;    /* owned */
} PlaceOp;

static void release(Standing *standing)
{
    if (--standing->users > 0) return;
    if (standing->place) place_leave(standing->place, 0);
    free(standing);
}

/* -- waiting ----------------------------------------------------------------------------------- */

static void stop_waiting(PlaceOp *wait, Status status, const char *why)
{
    Err err;
    if (wait->standing->waiting != &wait->op) return;
    wait->standing->waiting = NULL;
    err_set(&err, status, "%s", why);
    op_finish(&wait->op, &err);
}

static void place_cancel(Op *op)
{
    stop_waiting((PlaceOp *)op, ST_CANCELLED, "waiting for a place was cancelled");
}

static void too_long(void *arg) { stop_waiting(arg, ST_TIMEOUT, "no place became free in time"); }

static int place_push(Op *op, lua_State *L)
{
    (void)op;
    lua_pushboolean(L, true);
    return 1;
}

static void place_free(Op *op)
{
    PlaceOp *wait = (PlaceOp *)op;
    if (wait->standing->waiting == op) wait->standing->waiting = NULL;
    timer_free(wait->timer);
    release(wait->standing);
    free(wait);
}

static const OpKind WAIT = {"place.wait", place_cancel, place_push, place_free};

static void on_granted(void *arg)
{
    Standing *standing = arg;
    Op       *op = standing->waiting;
    standing->waiting = NULL;
    if (op) op_finish_ok(op);
}

static Standing *check_standing(lua_State *L)
{
    Standing **box = luaL_checkudata(L, 1, PLACE);
    if (!*box || !(*box)->place) luaL_error(L, "the place was left");
    return *box;
}

/* place:wait(ms) -> true | nil, err */
static int place_wait(lua_State *L)
{
    Standing   *standing = check_standing(L);
    lua_Integer ms = luaL_checkinteger(L, 2);
    luaL_argcheck(L, ms >= 0, 2, "milliseconds, not below 0");
    op_may_wait(L);
    if (standing->waiting) return luaL_error(L, "somebody else waits for this place already");
    Loop    *loop = vm_of(L)->engine->loop;
    PlaceOp *wait = mem_new(sizeof *wait);
    wait->op.kind = &WAIT;
    wait->standing = standing;
    standing->users++;
    if (place_is_granted(standing->place)) {
        op_finish_ok(&wait->op);
    } else {
        standing->waiting = &wait->op;
        wait->timer = timer_new(loop, too_long, wait);
        timer_set(wait->timer, clock_deadline(loop_clock(loop), ms));
    }
    return op_await(L, &wait->op);
}

/* -- the handle -------------------------------------------------------------------------------- */

static void leave(Standing *standing, size_t width)
{
    Err why;
    if (!standing->place) return;
    place_leave(standing->place, width);
    standing->place = NULL;
    Op *op = standing->waiting;
    standing->waiting = NULL;
    err_set(&why, ST_CANCELLED, "the place was left");
    if (op) op_finish(op, &why);
}

/* place:leave([width]) */
static int place_leave_it(lua_State *L)
{
    Standing   *standing = check_standing(L);
    lua_Integer width = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, width >= 0, 2, "below 0");
    leave(standing, (size_t)width);
    return 0;
}

static int place_gc(lua_State *L)
{
    Standing **box = luaL_checkudata(L, 1, PLACE);
    if (*box) {
        leave(*box, 0);
        release(*box);
    }
    *box = NULL;
    return 0;
}

/* place.granted, .ahead (who wait before it), .taken (places of its line); else a method. */
static int place_index(lua_State *L)
{
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "wait") == 0)
        lua_pushcfunction(L, place_wait);
    else if (strcmp(key, "leave") == 0)
        lua_pushcfunction(L, place_leave_it);
    else if (strcmp(key, "granted") == 0)
        lua_pushboolean(L, place_is_granted(check_standing(L)->place));
    else if (strcmp(key, "ahead") == 0)
        lua_pushinteger(L, (lua_Integer)place_ahead(check_standing(L)->place));
    else if (strcmp(key, "taken") == 0)
        lua_pushinteger(L, (lua_Integer)place_taken(check_standing(L)->place));
    else
        return luaL_error(L, "a place has no '%s'", key);
    return 1;
}

/* The runs of one tree are one in the line. */
static const Run *top_of(const Run *run)
{
    while (run->parent) run = run->parent;
    return run;
}

int bind_place(lua_State *L, Run *run)
{
    size_t      len;
    const char *name = luaL_checklstring(L, 2, &len);
    lua_Integer width = luaL_checkinteger(L, 3);
    luaL_argcheck(L, width >= 1, 3, "below 1");
    Standing **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, PLACE)) {
        static const luaL_Reg META[] = {
            {"__index", place_index}, {"__gc", place_gc}, {"__close", place_gc}, {NULL, NULL}};
        luaL_setfuncs(L, META, 0);
    }
    lua_setmetatable(L, -2);
    Standing *standing = mem_new(sizeof *standing);
    standing->users = 1;
    *box = standing;
    standing->place = place_ask(&vm_of(L)->engine->places, (Str){name, len}, top_of(run),
                                (size_t)width, on_granted, standing);
    return 1;
}
