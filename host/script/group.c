#include "group.h"

#include "../base/limits.h"
#include "../base/mem.h"
#include "op.h"

#include <stdlib.h>

typedef struct Group Group;

typedef struct Branch {
    Group     *group; /* borrowed */
    Task      *task;  /* borrowed; NULL once it ended */
    lua_State *co;    /* anchored by ref; holds the results */
    int        ref;
    bool       failed;
    Err        err; /* ST_OK when its failure (if any) stands in its results */
} Branch;

struct Group {
    Op      op; /* first */
    Vm     *vm;
    Branch *branches; /* owned */
    size_t  count, left;
    size_t  decided; /* index + 1 of the branch that settled it */
    bool    is_race, is_scope, settled;
};

static void group_free(Op *op)
{
    Group *group = (Group *)op;
    for (size_t i = 0; i < group->count; i++)
        luaL_unref(group->vm->L, LUA_REGISTRYINDEX, group->branches[i].ref);
    free(group->branches);
    free(group);
}

static void cancel_rest(Group *group, const Err *why)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->branches[i].task) task_cancel(group->branches[i].task, why);
}

static void group_cancel(Op *op)
{
    Group *group = (Group *)op;
    Err    why;
    if (op->task && op->task->cancelled)
        why = op->task->why;
    else
        err_set(&why, ST_CANCELLED, "whoever asked for it is gone");
    group->settled = true;
    cancel_rest(group, &why);
}

static void branch_ended(void *arg, Task *task, const Err *outcome)
{
    Branch *branch = arg;
    Group  *group = branch->group;
    Err     why;
    branch->task = NULL;
    task->ref = LUA_NOREF; /* the results stay on its stack until they are pushed */
    branch->err = *outcome;
    if (outcome->status != ST_OK) task_close(group->vm, branch->co);
    branch->failed =
        outcome->status != ST_OK ||
        (lua_gettop(branch->co) >= 2 && lua_isnil(branch->co, 1) && !lua_isnil(branch->co, 2));
    group->left--;
    if (!group->settled && branch->failed != group->is_race) {
        group->settled = true;
        group->decided = (size_t)(branch - group->branches) + 1;
        err_set(&why, ST_CANCELLED,
                group->is_race ? "another branch of the race won" : "another branch failed");
        cancel_rest(group, &why);
    }
    if (group->is_race && !group->settled && group->left == 0)
        group->decided = (size_t)(branch - group->branches) + 1;
    if (group->left == 0) op_finish_ok(&group->op);
}

/* Pushes the first result of a branch that went well. */
static void push_value(Branch *branch, lua_State *L)
{
    if (lua_gettop(branch->co) == 0) {
        lua_pushnil(L);
        return;
    }
    lua_settop(branch->co, 1);
    lua_xmove(branch->co, L, 1);
}

static int push_failure(Branch *branch, lua_State *L)
{
    lua_pushnil(L);
    if (branch->err.status == ST_OK) {
        lua_settop(branch->co, 2);
        lua_xmove(branch->co, L, 1);
    } else {
        op_push_error(L, &branch->err);
    }
    return 2;
}

/* The keys stand in the list at stack index 2 of the binding. */
static int push_outcome(Op *op, lua_State *L)
{
    Group *group = (Group *)op;
    luaL_checkstack(L, 8, NULL);
    Branch *decided = group->decided ? &group->branches[group->decided - 1] : NULL;
    if (group->is_race) {
        if (!decided) {
            lua_pushnil(L);
            return 1;
        }
        if (decided->failed) return push_failure(decided, L);
        push_value(decided, L);
        if (group->is_scope) return 1; /* there is no key to tell */
        lua_rawgeti(L, 2, (lua_Integer)group->decided);
        return 2;
    }
    int results = decided ? push_failure(decided, L) : 0;
    lua_createtable(L, 0, (int)group->count);
    for (size_t i = 0; i < group->count; i++) {
        if (group->branches[i].failed) continue;
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        push_value(&group->branches[i], L);
        lua_rawset(L, -3);
    }
    return results + 1;
}

static const OpKind GROUP = {"group", group_cancel, push_outcome, group_free};

/* 1: the functions, 2: their keys, 3: the Group (light). Makes the coroutines; may run out of
 * memory. */
static int make_coroutines(lua_State *L)
{
    Group *group = lua_touserdata(L, 3);
    size_t want = lua_rawlen(L, 2);
    for (size_t i = 0; i < want; i++) {
        Branch *branch = &group->branches[i];
        branch->co = lua_newthread(L);
        lua_pushcfunction(branch->co, task_enter);
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        lua_rawget(L, 1);
        lua_xmove(L, branch->co, 1);
        branch->ref = luaL_ref(L, LUA_REGISTRYINDEX);
        group->count = i + 1;
    }
    return 0;
}

/* Leaves the table at 1 and the list of its keys, in order, at 2. */
static size_t collect(lua_State *L)
{
    lua_Integer count = 0;
    if (lua_gettop(L) == 0) luaL_error(L, "all, race: a table of functions is expected");
    lua_rotate(L, 1, 1); /* methods and functions alike: the table is the last argument */
    lua_settop(L, 1);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2) && lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "all, race: a key is a string or an integer, not a %s",
                       luaL_typename(L, -2));
        if (!lua_isfunction(L, -1)) {
            const char *kind = luaL_typename(L, -1);
            luaL_error(L, "all, race: '%s' is a %s; each entry is a function",
                       luaL_tolstring(L, -2, NULL), kind);
        }
        if (++count > LIMIT_BRANCHES)
            luaL_error(L, "all, race: more than %d functions", LIMIT_BRANCHES);
        lua_pushvalue(L, -2);
        lua_rawseti(L, 2, count);
    }
    if (count > 1) lib_sort(L, 2, 1, count);
    return (size_t)count;
}

static int start(lua_State *L, bool is_race, Run *run)
{
    size_t count = collect(L);
    op_may_wait(L);
    Task  *parent = task_of(L);
    Group *group = mem_new(sizeof *group);
    group->op.kind = &GROUP;
    group->op.passive = true;
    group->vm = vm_of(L);
    group->is_race = is_race;
    group->is_scope = run != NULL;
    group->branches = mem_new((count ? count : 1) * sizeof *group->branches);
    lua_pushcfunction(L, make_coroutines);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushlightuserdata(L, group);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
        group_free(&group->op);
        return lua_error(L);
    }
    group->left = count;
    for (size_t i = 0; i < count; i++) {
        Branch *branch = &group->branches[i];
        branch->group = group;
        branch->task = task_adopt(group->vm, branch->co, branch->ref, run ? run : parent->run,
                                  branch_ended, branch);
        branch->task->allowance = parent->allowance;
    }
    if (count == 0) op_finish_ok(&group->op);
    return op_await(L, &group->op);
}

int group_all(lua_State *L) { return start(L, false, NULL); }
int group_race(lua_State *L) { return start(L, true, NULL); }

int group_scope(lua_State *L, Run *run)
{
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    return start(L, true, run); /* a race of one: its value, or its failure */
}
