/* exec.h -- commands as scripts ask for them, and as they are told of their end.
 *
 * Why     run:exec, run:command, run:explain and call.exec take the same table and answer the same.
 * Use     1 exec_read, which may raise  2 command_begin with asked.spec and asked.hosts
 *         3 in on_end: exec_end_take  4 in push: exec_end_push  5 exec_end_clear
 */
#ifndef HOST_SCRIPT_EXEC_H
#define HOST_SCRIPT_EXEC_H

#include "../run/command.h"
#include "bind.h"

typedef struct ExecAsked {
    ExecSpec           spec;
    const char *const *hosts; /* of a tool that may not reach what its run may; else NULL */
    const char        *title; /* of a job; NULL where none is given */
    bool               show;  /* to whoever watches, while it runs */
} ExecAsked; /* everything in it lives on the Lua stack, until the binding returns or waits */

/* Reads the table at `at`; with a grant, what it does not allow is refused. */
ExecAsked exec_read(lua_State *L, Run *run, const CallGrant *grant, int at);
ExecAsked exec_read_job(lua_State *L, Run *run, const CallGrant *grant, int at);

/* Whether a tool may start the program: a path counts by its last part. NULL grants all. */
bool exec_may_start(const CallGrant *grant, const char *program);

typedef struct ExecEnd {
    int           exit_code, signal;
    const char   *limit; /* static */
    Buf           out, error, aside;
    bool          aside_whole; /* it was asked for, and nothing is missing */
    size_t        out_dropped, error_dropped, out_head, error_head;
    struct rusage usage;
    int64_t       wall_ms, allowed_ms;
    DeniedList    denied;
} ExecEnd;

void exec_end_init(ExecEnd *end);
void exec_end_clear(ExecEnd *end);

/* Moves what a command left. Answers in `outcome` whether it ran: one that ended at a limit did,
 * and what it printed is of use. */
void exec_end_take(ExecEnd *end, SandboxResult *result, Err *outcome);

void exec_end_push(const ExecEnd *end, lua_State *L); /* ExecDone of lua/meta/call.lua */

/* Pushes what was kept of an output, with a line where `dropped` bytes are missing at `head`. */
void exec_push_output(lua_State *L, Str kept, size_t head, size_t dropped);

#endif
