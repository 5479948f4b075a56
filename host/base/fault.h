/* fault.h -- makes the k-th pass through a named seam fail, so that tests see every error path.
 *
 * Use     if (fault_hit("store.append")) return err_set(err, ST_IO, "append: injected fault");
 *         PERIGEE_FAULT="store.append:2" fails the second pass through that seam, "store.append:2+"
 *         every pass from the second on, and at "store.append:2!" the process is killed (SIGKILL).
 * Why     In release builds fault_hit is the constant false: nothing can be injected there.
 */
#ifndef HOST_BASE_FAULT_H
#define HOST_BASE_FAULT_H

#include <stdbool.h>

#ifdef PERIGEE_FAULTS
/* Any thread; passes are counted over all of them. Does not return where the process is killed. */
bool fault_hit(const char *seam);
#else
static inline bool fault_hit(const char *seam)
{
    (void)seam;
    return false;
}
#endif

#endif
