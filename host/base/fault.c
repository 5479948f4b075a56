#include "fault.h"

#ifdef PERIGEE_FAULTS
#include "log.h"

#include <signal.h>
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
    char *how;
    long  pass = atomic_fetch_add(&passes, 1) + 1, from = strtol(colon + 1, &how, 10);
    if (pass < from || (pass > from && *how != '+')) return false;
    if (*how == '!') raise(SIGKILL);
    log_line(LOG_INFO, "fault: %s fails", wanted); /* tests/faults/sweep stops when none is said */
    return true;
}
#else
typedef int fault_is_off; /* a translation unit may not be empty */
#endif
