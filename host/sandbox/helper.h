/* helper.h -- starting perigee-sandbox with a plan, and reading what it reports.
 *
 * Why     Making a space and running a command start the same program in the same way.
 */
#ifndef HOST_SANDBOX_HELPER_H
#define HOST_SANDBOX_HELPER_H

#include "plan.h"

typedef struct HelperSpec {
    const char *path;
    const Plan *plan;
    int         streams[3]; /* the command's standard streams; -1 is /dev/null */
    int         extra[3];   /* descriptors 5, 6, 7 */
    size_t      extra_count;
    int         aside; /* descriptor WIRE_ASIDE_FD; 0 is none */
} HelperSpec;

/* All descriptors stay the caller's. `*report_fd` is new: close it after its watch. */
MUST_CHECK Status helper_start(Loop *loop, const HelperSpec *spec, ChildEnded *ended, void *arg,
                               Child **child, int *report_fd, Err *err);

/* Takes one report, if there is one; descriptors that came with it go to `fds`, else -1 there. */
bool helper_receive(int report_fd, WireReport *report, int fds[WIRE_REPORT_FDS]);

/* A read-only file in memory. Answers its descriptor at offset 0, or -1 with `err` set. */
int sealed_file(const char *name, Str bytes, Err *err);

/* Why nothing ran: the step in words, the errno, and what helps (remedy.c). Fills `err`. */
Status explain_failure(const Plan *plan, const WireReport *report, Err *err);

/* What the helper's death says when no report came. */
Status explain_silence(int exit_code, int signo, Err *err);

#endif
