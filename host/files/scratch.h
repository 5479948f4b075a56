/* scratch.h -- a temporary folder of the host's own: made, filled, removed.
 *
 * Use     scratch_new("perigee-test", &path, err) -> ... -> scratch_remove(path); free(path)
 * Owner   The path is the caller's.
 * Thread  Any; blocks on the disk.
 */
#ifndef HOST_FILES_SCRATCH_H
#define HOST_FILES_SCRATCH_H

#include "../base/status.h"

/* Makes NAME.XXXXXX (0700) below TMPDIR, else /tmp. */
MUST_CHECK Status scratch_new(const char *name, char **path, Err *err);

/* Removes the folder with all that it holds; links are removed, not followed, and folders that were
 * closed are opened first. Best effort: what it cannot remove stays, and the answer is false. */
bool scratch_remove(const char *path);

/* Removes whatever bears this name in the folder, at every depth; the same otherwise. */
bool scratch_remove_named(const char *path, const char *name);

#endif
