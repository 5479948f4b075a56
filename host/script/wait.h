/* wait.h -- waits of runs for what may never come by itself, and what is done when nothing else
 * goes on.
 *
 * Why     A run parks when nothing in it can go on without a person, and a resumed chain has left
 *         its recorded way when all of it waits for a step that it never reaches. Both are the same
 *         question: does anything in this tree of runs still move? Every coroutine of it is a task
 *         here, so the answer is exact: nothing moves when each of them waits for another of them
 *         (Op.passive), or in run:wait.
 * Use     In Lua, in the host VM: run:wait, run:wake.
 * Thread  Loop thread only.
 */
#ifndef HOST_SCRIPT_WAIT_H
#define HOST_SCRIPT_WAIT_H

#include "engine.h"

/* run:wait{ kind = "person" | "gate" | "clock", key = text, ms = integer? } -> text | nil, err.
 * Waits until run:wake(key, text); ST_TIMEOUT after `ms`. Where nothing in the tree of the run
 * moves any more, its gates fail with ST_NOT_FOUND; where there are none and somebody waits for a
 * person, the whole tree is cancelled with ST_WAITING and Run.parked. A clock holds up neither. */
int wait_await(lua_State *L);

/* run:wake(key, text) -> whether somebody waited for that in this run */
int wait_wake(lua_State *L);

/* Called when no task is ready: ends waits of trees in which nothing moves. */
void wait_look(Engine *engine);

#endif
