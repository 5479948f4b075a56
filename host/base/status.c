#include "status.h"

#include "str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *code;
    bool        retryable;
    int         exit_code;
} TABLE[] = {
#define X(name, code, retry, exit) {code, retry, exit},
    STATUS_LIST(X)
#undef X
};

/* Cuts a text that snprintf truncated so that no half code point stands at its end. */
static void trim_partial_code_point(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;
    while (back < 4 && back < len && ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80) back++;
    if (back >= len) return;
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t        want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (want > back) text[len - 1 - back] = '\0';
}

/* Texts quote what strangers wrote (file names, answers), and people read them on terminals: one
 * line, no control characters, valid UTF-8. */
static void finish_text(char *text, int written)
{
    if (written >= ERR_TEXT_MAX) trim_partial_code_point(text);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
    Str rest = str_from(text);
    for (;;) {
        size_t valid = str_utf8_valid_len(rest);
        if (valid == rest.len) return;
        text[(size_t)(rest.ptr - text) + valid] = '?';
        rest = str_cut(rest, valid + 1, rest.len);
    }
}

Status err_set(Err *err, Status status, const char *format, ...)
{
    int     saved = errno;
    va_list args;
    va_start(args, format);
    int written = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    finish_text(err->text, written);
    err->status = status;
    err->sys = status == ST_IO ? saved : 0;
    return status;
}

Status err_wrap(Err *err, const char *format, ...)
{
    char inner[ERR_TEXT_MAX];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    int written = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (written >= 0 && written < ERR_TEXT_MAX - 2)
        written += snprintf(err->text + written, sizeof err->text - (size_t)written, ": %s", inner);
    finish_text(err->text, written);
    return err->status;
}

void err_clear(Err *err)
{
    err->status = ST_OK;
    err->sys = 0;
    err->text[0] = '\0';
}

const char *status_code(Status status) { return TABLE[status].code; }
bool        status_retryable(Status status) { return TABLE[status].retryable; }
int         status_exit(Status status) { return TABLE[status].exit_code; }

Status status_from_code(const char *code)
{
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++)
        if (strcmp(TABLE[i].code, code) == 0) return (Status)i;
    return ST_INVALID;
}
