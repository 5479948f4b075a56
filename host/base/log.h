/* log.h -- lines on stderr for people who look into the host. Never holds a secret.
 *
 * Units   Level by PERIGEE_LOG=error|warn|info|debug; the default is warn.
 */
#ifndef HOST_BASE_LOG_H
#define HOST_BASE_LOG_H

#include "status.h"

typedef enum LogLevel { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } LogLevel;

void log_open(void); /* reads the level once */
bool log_enabled(LogLevel level);
void log_line(LogLevel level, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
