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

/* A line on stderr at every level. Control characters become '?': the text may quote a file, a
 * model or a peer, and must not drive a terminal. Line feeds and tabs stay. */
void log_plain(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
