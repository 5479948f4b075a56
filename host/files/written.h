/* written.h -- what runs wrote that later runs would obey, kept until somebody has looked at it.
 *
 *   STATE/written/begun.XXXXXX   how a workspace was before its run; locked while the process lives
 *   STATE/written/done.XXXXXX    what the run changed in it
 *
 * Why     A run that is killed cannot say what it wrote. So the workspace is noted before it
 * begins; a note that nobody holds any more is settled by whoever starts next, and one that is held
 *         is looked at as far as its run has come.
 * Use     note_begin before the run -> note_settle after it, or never -> note_free
 *         written_collect at each start -> (kept elsewhere) -> written_forget for what was kept
 * Owner   Note: the caller.
 * Thread  Any; blocks on the disk.
 * Errors  note_begin failed: the run must not begin. written_collect says in each Written what
 * could not be found out; nothing below its folder may then be taken for known.
 */
#ifndef HOST_FILES_WRITTEN_H
#define HOST_FILES_WRITTEN_H

#include "census.h"

typedef struct Note Note;

/* Takes the census of `workspace` and keeps it below `state`. `pins` (absolute, ends in NULL; may
 * be NULL) are what the run has read-only, whatever it does. */
MUST_CHECK Status note_begin(const char *state, const char *workspace, const char *const *pins,
                             Note **out, Err *err);

/* Compares, and puts what changed in the note's place. When it fails (past `deadline` on
 * CLOCK_MONOTONIC in milliseconds, 0 is none) the note stays for the next start. */
MUST_CHECK Status note_settle(Note *note, int64_t deadline, Err *err);
void              note_free(Note *note); /* NULL allowed */
const char       *note_workspace(const Note *note);

typedef struct Written {
    char  *name;    /* owned; of the file in STATE/written */
    Census changes; /* kinds f l d u g; hashes of what is there now */
    bool   live;    /* its run goes on: it will be looked at again */
    char  *problem; /* owned; why it could not be settled; NULL when it was. changes.folder is the
                       workspace, or NULL when not even that is known */
} Written;

typedef struct WrittenList {
    Written *items; /* owned */
    size_t   count;
} WrittenList;

/* Everything that was written and not forgotten yet. ST_IO: the folder cannot be read. */
MUST_CHECK Status written_collect(const char *state, WrittenList *out, Err *err);
void              written_clear(WrittenList *list);

/* Removes a file of STATE/written; `name` is one that written_collect answered. */
MUST_CHECK Status written_forget(const char *state, const char *name, Err *err);

#endif
