/* draft.h -- the names of files that are being written, and what a killed process left of them.
 *
 *     .new-TTTTTTTTNNNNNNNN    T: the tag of who writes, N: any number; hex, small letters
 *
 * Why     A file is replaced by a rename, for which the new one needs a name for a moment. A
 * process that is killed in that moment leaves it. Use     draft_tag(who) -> draft_name for each;
 * draft_sweep once nobody of that tag writes any more Thread  Any; draft_sweep blocks on the disk.
 */
#ifndef HOST_FILES_DRAFT_H
#define HOST_FILES_DRAFT_H

#include "../base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { DRAFT_NAME_SIZE = 24, DRAFT_DEPTH_MAX = 128 };

uint32_t draft_tag(Str who);                                   /* the same for the same name */
bool     draft_name(uint32_t tag, char name[DRAFT_NAME_SIZE]); /* false: no random number */
bool     draft_is_name(const char *name);

/* Removes the drafts below a folder: regular files of this user with such a name, and with that
 * tag (NULL: with any). Links are not followed, other file systems not entered. Until *stop is set.
 * Calls back with each that is gone, by its path below the folder. Best effort. */
typedef void DraftGone(void *arg, Str path);
void draft_sweep(const char *folder, const uint32_t *tag, const atomic_bool *stop, DraftGone *gone,
                 void *arg);

#endif
