/* cell.h -- from here on this process computes, and does nothing else.
 *
 * Why     A program that reads what a stranger wrote with somebody else's parser must be of no use
 *         to whoever breaks it. Unlike the sandbox for commands this needs no namespaces, so it
 *         holds wherever Linux has seccomp.
 * Use     Read nothing of the stranger's, load what is needed, then cell_enter.
 * Owner   The process; there is no way back.
 *
 * What is left: reading and writing descriptors that are open, memory that is not executable, the
 * end. Everything else kills the process (SIGSYS): files, sockets, processes, threads, signals.
 */
#ifndef HOST_SANDBOX_CELL_H
#define HOST_SANDBOX_CELL_H

#include <stddef.h>

/* Bounds its processor time (SIGXCPU) and its memory, closes all descriptors above `last_fd`, and
 * puts the filter in force. 0, or errno of what could not be done: then end, read nothing. */
int cell_enter(int last_fd, unsigned cpu_s, size_t memory);

#endif
