/* denied.h -- what a command was refused, as far as it is known exactly.
 *
 * Why     A model that is told "the network said no to example.org" can act on it; one that sees a
 *         program fail can only guess.
 * Use     denied_add ... -> denied_take or denied_clear. An empty list is all zeros.
 * Errors  None: the list is bounded, what is beyond it is counted.
 */
#ifndef HOST_SANDBOX_DENIED_H
#define HOST_SANDBOX_DENIED_H

#include <stddef.h>

enum { DENIED_MAX = 32 };

typedef struct Denied {
    const char *what; /* static: "host", "file" */
    char       *name; /* owned */
    char       *why;  /* owned; one line */
} Denied;

typedef struct DeniedList {
    Denied *items; /* owned */
    size_t  count;
    size_t  more; /* further ones that were not kept */
} DeniedList;

/* The same thing refused again is one entry. */
void denied_add(DeniedList *list, const char *what, const char *name, const char *why);

/* Moves all of `from` to the end of `to`. */
void denied_take(DeniedList *to, DeniedList *from);
void denied_clear(DeniedList *list);

#endif
