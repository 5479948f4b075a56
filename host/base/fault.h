/* fault.h -- makes the k-th pass through a named seam fail, so that tests see every error path.
 *
 * Use     if (fault_hit("store.append")) return err_set(err, ST_IO, "append: injected fault");
 *         PERIGEE_FAULT="store.append:2" fails the second pass through that seam.
 * Why     In release builds fault_hit is the constant false: nothing can be injected there.
 */
#ifndef HOST_BASE_FAULT_H
#define HOST_BASE_FAULT_H

#include <stdbool.h>

#ifdef PERIGEE_FAULTS
bool fault_hit(const char *seam); /* any thread; passes are counted over all of them */
#else
static inline bool fault_hit(const char *seam)
{
    (void)seam;
    return false;
}
#endif

#endif
