#include "watchdog.h"

#include "../base/mem.h"
#include "cross.h"
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* Copies: the run may be gone before the host VM has its turn. */
typedef struct Overdue {
    char    run[RUN_ID_SIZE], parent[RUN_ID_SIZE];
    int64_t seq;
} Overdue;

static void push_overdue(lua_State *L, void *arg)
{
    const Overdue *overdue = arg;
    lua_createtable(L, 0, 4);
    lua_pushstring(L, overdue->run);
    lua_setfield(L, -2, "id");
    if (overdue->parent[0]) {
        lua_pushstring(L, overdue->parent);
        lua_setfield(L, -2, "parent");
    }
    lua_pushinteger(L, overdue->seq);
    lua_setfield(L, -2, "seq");
    lua_pushinteger(L, RUN_GRACE_MS);
    lua_setfield(L, -2, "after_ms");
}

void watchdog_tell(Run *run, int64_t seq)
{
    const Task *task = run->tasks;
    if (!task) return; /* no script has part in it */
    Overdue *overdue = mem_new(sizeof *overdue);
    memcpy(overdue->run, run->id, sizeof overdue->run);
    if (run->parent) memcpy(overdue->parent, run->parent->id, sizeof overdue->parent);
    overdue->seq = seq;
    CrossSpec spec = {.vm = VM_HOST,
                      .entry = "lua/lib/services.lua",
                      .field = "watchdog",
                      .object = push_overdue,
                      .object_arg = overdue,
                      .object_free = free};
    cross_post(task->vm->engine, &spec);
}
