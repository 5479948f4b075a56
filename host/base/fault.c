#include "fault.h"

#ifdef PERIGEE_FAULTS
#include "log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

bool fault_hit(const char *seam)
{
    static atomic_long passes;
    const char        *wanted = getenv("PERIGEE_FAULT");
    const char        *colon = wanted ? strchr(wanted, ':') : NULL;
    if (!colon || strlen(seam) != (size_t)(colon - wanted)) return false;
    if (strncmp(wanted, seam, strlen(seam)) != 0) return false;
    if (atomic_fetch_add(&passes, 1) + 1 != strtol(colon + 1, NULL, 10)) return false;
    log_line(LOG_INFO, "fault: %s fails", wanted); /* tests/faults/sweep stops when none is said */
    return true;
}
#else
typedef int fault_is_off; /* a translation unit may not be empty */
#endif
