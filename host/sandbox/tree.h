/* tree.h -- what a process and all below it use, read from /proc.
 *
 * Why     Without a delegated cgroup there is no one number for the memory of a process tree.
 * Thread  Blocks a little (it reads a few small files a process): called on a thread.
 */
#ifndef HOST_SANDBOX_TREE_H
#define HOST_SANDBOX_TREE_H

#include <stddef.h>
#include <sys/types.h>

typedef struct TreeUse {
    size_t processes; /* threads count, as they do for RLIMIT_NPROC; the root itself does not */
    size_t memory;    /* bytes: resident, shared pages by share where the sum would pass `limit`;
                         and what open memfds hold, mapped or not */
} TreeUse;

/* Processes that come and go meanwhile may be missed; they are there at the next look, or dead. */
TreeUse tree_use(pid_t root, size_t limit);

#endif
