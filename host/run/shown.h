/* shown.h -- what of the user's machine a run's commands see besides the workspace, checked.
 *
 * Why     These lists come from the user's own word; a slip in them must not lay open the keys.
 * Owner   Lists are new, end in NULL, and are the caller's: shown_free.
 * Errors  ST_DENIED for what is too much, ST_INVALID and ST_NOT_FOUND for what is no path or name.
 */
#ifndef HOST_RUN_SHOWN_H
#define HOST_RUN_SHOWN_H

#include "../base/status.h"

#include <stdbool.h>

/* Whether `inner` is `outer` or lies below it. Both absolute and resolved. */
bool path_within(const char *inner, const char *outer);

/* Refuses the whole system, the home folder and what holds it, and what holds `state` (may be
 * NULL). `path` is resolved; `what` and `remedy` are for the message. */
MUST_CHECK Status shown_refuse_wide(const char *what, const char *remedy, const char *path,
                                    const char *state, Err *err);

/* The paths of `show`, resolved; one that is named by a link stands there by both names. */
MUST_CHECK Status shown_paths(const char *const *show, const char *state, char ***out, Err *err);

/* "NAME=value" of the host's variables in `pass`, those that are set. What http/secrets.h has taken
 * out of the environment is not there; such a name is refused by itself, so that nobody waits for
 * it. Other names need no list: whatever LD_PRELOAD names, it is loaded by the command, inside. */
MUST_CHECK Status shown_variables(const char *const *pass, char ***out, Err *err);

void shown_free(char **list); /* NULL allowed */

#endif
