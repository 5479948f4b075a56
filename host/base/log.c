#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[] = {"error", "warn", "info", "debug"};
static LogLevel threshold = LOG_WARN;

void log_open(void)
{
    const char *wanted = getenv("PERIGEE_LOG");
    for (int i = 0; wanted && i <= LOG_DEBUG; i++)
        if (strcmp(NAMES[i], wanted) == 0) threshold = (LogLevel)i;
}

bool log_enabled(LogLevel level) { return level <= threshold; }

void log_line(LogLevel level, const char *format, ...)
{
    if (!log_enabled(level)) return;
    char line[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "perigee: %s: %s\n", NAMES[level], line);
}
