/* seen.h -- what a run last saw of the files in its workspace.
 *
 * Why     What is overwritten must have been known, and who is refused must be told what changed.
 *         So the hash of each file is kept, and of the last few also the content.
 * Use     seen_put after each read and write -> seen_find before the next write -> seen_clear
 * Owner   The shell is the caller's (a run's). Names are as root_real answers them.
 * Errors  None. What no longer fits is forgotten, the oldest first: first contents, then files; a
 *         file that was forgotten counts as never seen.
 */
#ifndef HOST_RUN_SEEN_H
#define HOST_RUN_SEEN_H

#include "../base/hash.h"

enum { SEEN_FILES_MAX = 4000 };
#define SEEN_FILE_MOST    ((size_t)1 << 20) /* bytes of one content that is kept */
#define SEEN_CONTENT_MOST ((size_t)4 << 20) /* bytes of all contents of one run */

typedef struct SeenFile {
    char    *path; /* owned */
    char     hash[HASH_HEX_SIZE];
    char    *content; /* owned; NULL when it is not kept */
    size_t   len;     /* of content */
    uint64_t at;      /* the larger, the later */
} SeenFile;

typedef struct Seen {
    SeenFile *files;       /* owned array */
    size_t    count, kept; /* kept: bytes of all contents */
    uint64_t  clock, told; /* told: up to there it stands in the run's records */
} Seen;

void            seen_clear(Seen *seen);
const SeenFile *seen_find(const Seen *seen,
                          const char *path); /* NULL; borrowed until the next put */
void            seen_put(Seen *seen, const char *path, const char *hash, Str content);
void            seen_note(Seen *seen, const char *path, const char *hash); /* content unknown */

#endif
