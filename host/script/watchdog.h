/* watchdog.h -- a run that outlives its deadline, told to whoever watches.
 *
 * Why     The host reports such a run by itself (run/run.h); those who follow events see it there
 * too. Thread  Loop thread only.
 */
#ifndef HOST_SCRIPT_WATCHDOG_H
#define HOST_SCRIPT_WATCHDOG_H

#include "../run/run.h"

/* Run.on_overdue: has services.watchdog of the host VM called. `seq` is that of the record. */
void watchdog_tell(Run *run, int64_t seq);

#endif
