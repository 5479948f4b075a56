/* probe_memory.h -- that the sandbox worked here, kept for the boot.
 *
 * Why     Finding it out means starting it, which costs a run as much as its first command. Only a
 *         success is kept: whoever has no sandbox looks again each time, until there is one.
 * Use     sandbox_known (process.h) reads it, sandbox_probe writes it. Where a real command could
 *         not be jailed, it is forgotten.
 *
 *         The file $XDG_STATE_HOME/perigee/sandbox-works (0600) holds one line: boot id, kernel,
 *         user, the helper's inode, size and time, the namespaces that this process lives in. Any
 *         difference, and it says nothing. It decides no more than whether tools are offered: a
 *         command is jailed, or refused, whatever stands there.
 * Thread  Blocks for one small file.
 */
#ifndef HOST_SANDBOX_PROBE_MEMORY_H
#define HOST_SANDBOX_PROBE_MEMORY_H

void probe_remember(const char *helper);
void probe_forget(void);

#endif
