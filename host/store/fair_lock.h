/* fair_lock.h -- a lock between processes on which nobody starves.
 *
 * Why     SQLite's own answer to "busy" is to sleep and try again: who writes without a pause wins
 *         each time, and the others sleep ever longer. Here the kernel wakes who waits.
 * Use     fair_lock_open -> fair_lock_take, fair_lock_leave ... -> fair_lock_close.
 * Owner   The shell is the caller's.
 * Thread  Any, one at a time. fair_lock_take blocks.
 * Errors  ST_TIMEOUT when the lock was not had in time; ST_IO.
 *
 * Bytes of one file, locked by open file description (fcntl(2), "Open file description locks"),
 * so that the kernel lets go of them when the process dies:
 *
 *     byte 0  gate   held while waiting for byte 1: one waiter in front, the rest queue behind it
 *     byte 1  turn   held while writing
 *
 *     byte 2+n       held by the process whose lease is n, as long as it lives
 *
 * With one lock alone, who lets go and wants it again would have it before the sleepers are awake.
 * With two, it finds the gate held by the next in line.
 */
#ifndef HOST_STORE_FAIR_LOCK_H
#define HOST_STORE_FAIR_LOCK_H

#include "../base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct FairLock {
    int fd; /* owned; -1 while closed */
} FairLock;

/* Makes the file (0600) when it is missing; it stays when the lock is closed. */
MUST_CHECK Status fair_lock_open(FairLock *lock, const char *path, Err *err);
void              fair_lock_close(FairLock *lock);

MUST_CHECK Status fair_lock_take(FairLock *lock, int64_t timeout_ms, Err *err);
void              fair_lock_leave(FairLock *lock);

/* A lease: a byte that is held until the lock is closed or the process is dead. It is taken at
 * once; ST_UNAVAILABLE when somebody else holds it. */
MUST_CHECK Status fair_lock_lease(FairLock *lock, int64_t number, Err *err);
bool fair_lock_lives(const FairLock *lock, int64_t number); /* somebody else holds it */

#endif
