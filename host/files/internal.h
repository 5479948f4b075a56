/* internal.h -- what the files of files/ share. */
#ifndef HOST_FILES_INTERNAL_H
#define HOST_FILES_INTERNAL_H

#include "path.h"
#include "root.h"
#include "rules.h"

#include <pthread.h>
#include <sys/stat.h>

struct Root {             /* but for the covers it never changes: threads share it without a lock */
    int         fd;       /* owned; the folder, O_PATH */
    char       *path;     /* owned; as it was given, without slashes at its end */
    char       *real;     /* owned; without links */
    const char *roots[3]; /* path, real, NULL */
    char      **pins;     /* owned; normalised, each as given and as resolved; ends in NULL */
    uint32_t    tag;      /* of its drafts */

    pthread_rwlock_t covers;              /* holds for the two below */
    char           **masked, **read_only; /* owned; resolved, each ends in NULL; or NULL */
};

typedef enum Access { ACCESS_INFO, ACCESS_READ, ACCESS_WRITE } Access;

/* The strictest rule about a path below the root, by its name and by what was looked up. */
FileRule root_rule(Root *root, Str path);

/* Normalises, resolves, and asks the rules about both. The caller clears `place` in any case. */
MUST_CHECK Status root_place(Root *root, Place *place, Access access, Err *err);

/* Opens a regular file of a resolved place for reading, without ever waiting for a FIFO or touching
 * a device. */
MUST_CHECK Status root_open_file(const Root *root, const Place *place, int *fd, struct stat *st,
                                 Err *err);

/* Appends up to `most` bytes, all that `fd` has; ST_LIMIT when there are more. */
MUST_CHECK Status root_read_all(const Place *place, int fd, const struct stat *st, size_t most,
                                Buf *out, Err *err);

void root_fill_info(const struct stat *st, FileInfo *info);

#endif
