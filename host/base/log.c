#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[] = {"error", "warn", "info", "debug"};
static LogLevel          threshold = LOG_WARN;

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
    char    line[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_plain("perigee: %s: %s", NAMES[level], line);
}

/* The two-byte forms of control characters (U+0080 to U+009F) count too. */
static void make_plain(char *line)
{
    for (unsigned char *at = (unsigned char *)line; *at; at++) {
        bool wide = at[0] == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F;
        if (wide || (*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7F) *at = '?';
        if (wide) *++at = '?';
    }
}

void log_plain(const char *format, ...)
{
    char    line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    make_plain(line);
    fprintf(stderr, "%s\n", line);
}
