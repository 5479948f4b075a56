/* command.h -- one command of a run: its sandbox and, where the run has one, its way to the proxy.
 *
 * Why     The sandbox makes the socket, http/ serves on it; neither knows the other. Here a command
 *         gets a token of its own, by which the proxy knows what it may reach.
 * Use     1 command_begin  2 events as in sandbox/process.h; `denied` of the result also holds the
 *         hosts that were refused  3 command_cancel, or command_drop before its end
 * Owner   Command: itself, until on_end returned or command_drop. The caller holds the workspace
 *         as long.
 * Thread  Loop thread only; nothing blocks but command_drop, for a moment.
 */
#ifndef HOST_RUN_COMMAND_H
#define HOST_RUN_COMMAND_H

#include "run.h"

typedef struct Command Command;

/* `hosts`: what this command may reach through the proxy instead of what the run may; ends in NULL;
 * NULL: what the run may. Nothing of both counts where the run has no proxy. */
MUST_CHECK Status command_begin(Workspace *workspace, const ExecSpec *spec,
                                const char *const *hosts, const ExecEvents *events, void *arg,
                                Command **out, Err *err);
void              command_cancel(Command *command); /* on_end follows */
void              command_stop(Command *command);   /* as exec_stop; on_end follows */
void              command_drop(Command *command);   /* killed, no event; NULL allowed */
void              command_pause(Command *command, bool paused);

/* Bytes that it made dirty on disks, as far as the kernel knows: by whole pages, nothing of what
 * lies in memory (/tmp), nothing of what was still running when the rest of it was killed. */
int64_t command_wrote(const SandboxResult *result);

/* For workspace.c: the run's proxy listens now. Takes `fd`; `arg` is the Workspace. */
void command_serve(void *arg, int fd);

#endif
