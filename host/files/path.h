/* path.h -- from a path as it was given to the one place below the root that it means.
 *
 *     given      "src/../link/x"     text from a model
 *     named      "link/x"            the same without "." and "..", for the rules about names
 *     resolved   "real/x"            no symbolic link anywhere in it, for the same rules again
 *
 * Why     The rules are about names, and a link gives a file another name. So links are followed
 *         here, one by one, into a text that holds none; the kernel is then asked to open that text
 *         and to refuse if it meets a link (RESOLVE_NO_SYMLINKS) or leaves the root
 *         (RESOLVE_BENEATH). The walk is a guess; what opens is what the rules were asked about.
 * Thread  Any; blocks.
 * Errors  See root.h. Texts name the path as it was given, cut and made printable.
 */
#ifndef HOST_FILES_PATH_H
#define HOST_FILES_PATH_H

#include "../base/buf.h"

#include <limits.h>
#include <sys/types.h>

enum { SHOWN_MAX = 200 };

typedef struct Shown { /* a path as an error text shows it */
    char text[SHOWN_MAX + 8];
} Shown;

Shown path_shown(Str path);

typedef struct Place {
    Str    given; /* borrowed */
    Shown  shown; /* of `given` */
    Buf    named;
    Buf    resolved;
    size_t missing_at; /* where the part of `resolved` begins that is not there; resolved.len if all
                          is */
} Place;

void place_init(Place *place, Str given);
void place_clear(Place *place);

/* Fills `named`: checks for NUL and length, takes the root's own path off an absolute one (`roots`:
 * its spellings, ends in NULL), removes ".", ".." and double slashes. ST_DENIED outside the root.
 */
MUST_CHECK Status path_normalise(Place *place, const char *const *roots, Err *err);

/* Fills `resolved` and `missing_at`. With `follow_last` false, a link at the end stays itself. */
MUST_CHECK Status path_resolve(Place *place, int root_fd, const char *const *roots,
                               bool follow_last, Err *err);

/* openat2 of a resolved path below `root_fd` without links; "" is the root. -1 and errno. */
int open_beneath(int root_fd, Str resolved, int flags);

/* Where an open file lies, without links, as the kernel says; owned; NULL when it does not. */
char *path_of_fd(int fd);

/* Names what `sys` (errno) means for a path that was to be `verb`ed. */
Status path_error(const Place *place, const char *verb, int sys, Err *err);

/* The folder's part of a resolved path ("" for the root) and its last name. */
Str path_folder(Str resolved);
Str path_name(Str resolved);

#endif
