/* keep.h -- small files of the host's own (answers, trust), replaced whole and never half.
 *
 * Why     Several processes of one user change them at once. Who wants to change one says what it
 *         read; when the file has become another meanwhile nothing is written, and the caller reads
 *         again, merges, and tries again. No lock is held while anyone thinks.
 * Use     keep_replace(path, &what_was_read, text, err), again on ST_INVALID
 * Thread  Any; blocks on the disk, and at most KEEP_LOCK_MS on another process.
 * Errors  ST_INVALID: it is not what was expected; ST_TIMEOUT: another process holds the lock;
 *         ST_DENIED: it is no regular file of this user; ST_IO.
 */
#ifndef HOST_FILES_KEEP_H
#define HOST_FILES_KEEP_H

#include "../base/status.h"
#include "../base/str.h"

enum { KEEP_LOCK_MS = 3000, KEEP_MOST = 4 * 1024 * 1024 };

/* Replaces the file at `path` (absolute) with `text`, mode 0600, on disk before it returns. Makes
 * missing folders, 0700. `expect` is what it holds now; NULL: it is not there. A link is followed.
 */
MUST_CHECK Status keep_replace(const char *path, const Str *expect, Str text, Err *err);

#endif
