/* copy.h -- a copy of a workspace, for somebody who must not write into the workspace itself.
 *
 *     CACHE/copies/NAME/lock   held while its owner lives
 *     CACHE/copies/NAME/a      the workspace as it was; nobody writes there
 *     CACHE/copies/NAME/b      the same, to work in; with the workspace's own .git, if it has one
 *
 * Why     Agents side by side overwrite each other's files. Each gets its own, and what it changed
 *         is the difference between a and b.
 * Use     1 copy_new  2 somebody works in copy_work  3 copy_seal  4 read the difference
 *         5 copy_free. Whoever goes on later leaves it (copy_leave) and takes it up again by its
 *         name; what nobody took up for COPY_KEPT_S, copy_sweep removes.
 * Owner   Copy: the caller.
 * Thread  Any; all of it blocks on the disk.
 * Errors  ST_LIMIT beyond COPY_FILES_MAX or COPY_BYTES_MAX; ST_CANCELLED once *stop is set; ST_IO.
 *
 * What the root's rules mask is left out, and so are FIFOs, sockets and devices. Links are copied
 * as links and never followed. Times and modes are kept. Where the file system can share blocks it
 * does.
 */
#ifndef HOST_FILES_COPY_H
#define HOST_FILES_COPY_H

#include "root.h"

#include <stdatomic.h>

enum { COPY_FILES_MAX = 50000, COPY_DEPTH_MAX = 128, COPY_NAME_SIZE = 16 };
enum { COPY_KEPT_S = 7 * 24 * 3600 };
#define COPY_BYTES_MAX ((uint64_t)512 * 1024 * 1024)

typedef struct Copy Copy;

/* `cache` is the host's own folder for what it can make again; made if need be. `stop` is looked at
 * between files. */
MUST_CHECK Status copy_new(Root *root, const char *cache, atomic_bool *stop, Copy **out, Err *err);
const char       *copy_folder(const Copy *copy); /* holds a and b */
const char       *copy_work(const Copy *copy);   /* b */

/* Takes every .git out of b: what is left is what the difference is made of. */
MUST_CHECK Status copy_seal(Copy *copy, Err *err);

/* The copy of that name, which a process that ended left. ST_NOT_FOUND when it is not there any
 * more, ST_UNAVAILABLE when a process has it. */
MUST_CHECK Status copy_again(const char *cache, const char *name, Copy **out, Err *err);
const char       *copy_name(const Copy *copy);

void copy_free(Copy *copy);  /* removes it; NULL allowed */
void copy_leave(Copy *copy); /* frees it and leaves it on the disk */

/* Removes copies in `cache` that no living process owns and nobody took up for COPY_KEPT_S: a run
 * that was killed or waits for a person may go on in one. Best effort. */
void copy_sweep(const char *cache);

#endif
