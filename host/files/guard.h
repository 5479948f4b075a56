/* guard.h -- whether what the host obeys can be written by nobody but its user.
 *
 * Why     Configuration is code and policy: who can change it, or put another in its place, can do
 *         whatever the user can.
 * Use     guard_path("/home/ann/.config/perigee/config.yaml", err)
 * Thread  Loop thread; blocks on the disk, and on the group database where a group may write.
 * Errors  ST_NOT_FOUND when there is nothing by that name, or a link on the way leads nowhere;
 *         ST_DENIED with the place and what to do.
 *
 * What is asked of each folder on the way, through links as well, and of what stands at the end:
 *   owner    the user, root, or who owns "/" (root, as a user namespace may show it)
 *   mode     no writing by others, nor by a group unless it is the user's own private one.
 *            Folders of root on the way may be open to a group (its admins), or to all with the
 *            sticky bit (/tmp, the nix store): there nobody replaces what is another's.
 * A link may be the user's or root's, and lead anywhere that keeps these rules.
 */
#ifndef HOST_FILES_GUARD_H
#define HOST_FILES_GUARD_H

#include "../base/status.h"

/* `path` is absolute: a file, or a folder (what is in it is looked at when its turn comes). */
MUST_CHECK Status guard_path(const char *path, Err *err);

/* Makes the folder `path` with those above it (0700), or closes one that others may read: *mended
 * is then true. One that others could write to is refused, since what lies there may be theirs. */
MUST_CHECK Status guard_own_folder(const char *path, bool *mended, Err *err);

#endif
