/* gather.h -- the files with one ending below a folder, each opened once and read whole.
 *
 * Why     What was judged must be what is used: the bytes that a caller hashes are those that it
 *         keeps, and no name is looked up a second time.
 * Use     gather(&spec, file, arg, err): the callback may take text, real and problem
 * Thread  Any; blocks on the disk, never on a FIFO or a device.
 * Errors  What is wrong with one file stands in its `problem`. A folder that is not there has no
 *         files. ST_LIMIT: too many entries; otherwise what the callback answers.
 */
#ifndef HOST_FILES_GATHER_H
#define HOST_FILES_GATHER_H

#include "../base/buf.h"

enum { GATHER_DEPTH = 16, GATHER_NAMES_MAX = 20000 };

typedef struct GatherSpec {
    const char        *root;   /* absolute, without links; nothing outside of it is read */
    const char        *folder; /* below it; "" is the root */
    const char        *ending; /* ".lua" */
    const char *const *places; /* names of folders, ends in NULL: a link is followed when one of
                                  them is in the path of what it leads to */
    bool               deep;   /* folders in it too; names that begin with a dot are left out */
    size_t             most;   /* bytes of one file */
} GatherSpec;

typedef struct Gathered {
    char *name;    /* owned by the walk; below the folder */
    char *real;    /* owned; absolute, without links; NULL when it could not be opened */
    char *problem; /* owned; why it must not be used; NULL when nothing is wrong */
    Buf   text;    /* owned; empty with a problem */
} Gathered;

/* Sorted by name, folders where they stand. The callback may take what is owned. */
typedef Status    GatherFile(void *arg, Gathered *file, Err *err);
MUST_CHECK Status gather(const GatherSpec *spec, GatherFile *file, void *arg, Err *err);

#endif
