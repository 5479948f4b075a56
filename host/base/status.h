/* status.h -- what a function of the host answers when it can fail.
 *
 * Why     Programs branch on a small closed set of endings; people read a sentence. A Status is
 *         for the first, an Err for the second.
 * Use     Status read_it(Path p, Buf *out, Err *err);   err comes last and is never NULL
 *         return err_set(err, ST_IO, "open %s: %s", path, strerror(errno));
 * Owner   The caller owns the Err; it has a fixed size, so that reporting never allocates.
 * Errors  None here.
 */
#ifndef HOST_BASE_STATUS_H
#define HOST_BASE_STATUS_H

#include <stdbool.h>

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

// clang-format off: a table reads as a table
/*        C name       code seen by Lua  retry  exit code of the program */
#define STATUS_LIST(X)                                                                             \
    X(OK, "ok", false, 0)                                                                          \
    X(CANCELLED, "cancelled", false, 30)                                                           \
    X(TIMEOUT, "timeout", true, 31)                                                                \
    X(LIMIT, "limit", false, 32)   /* a quota, a size or a budget was reached */                   \
    X(DENIED, "denied", false, 33) /* policy, grant or sandbox said no */                          \
    X(NOT_FOUND, "not_found", false, 34)                                                           \
    X(INVALID, "invalid", false, 35)        /* what we were given is wrong */                      \
    X(UNAVAILABLE, "unavailable", true, 36) /* the far side, or the sandbox, is not there */       \
    X(PROTOCOL, "protocol", false, 37)      /* the far side broke its own rules */                 \
    X(IO, "io", false, 38)                  /* Err.sys holds errno */                              \
    X(WAITING, "waiting", false, 40)        /* for a person */                                     \
    X(SCRIPT, "script", false, 39)          /* a script raised an error of its own */              \
    X(BUG, "bug", false, 70)                /* ours; comes with a traceback */

// clang-format on

typedef enum Status {
#define X(name, code, retry, exit) ST_##name,
    STATUS_LIST(X)
#undef X
} Status;

enum { ERR_TEXT_MAX = 600 };

typedef struct Err {
    Status status;
    int    sys;                /* errno, or 0 */
    char   text[ERR_TEXT_MAX]; /* UTF-8, one line, no secrets: what was being done to what, why,
                                  remedy */
} Err;

/* Fills `err` and returns `status`. Keeps errno in `err->sys` when status is ST_IO. Text beyond the
 * buffer is cut at a code point. */
Status err_set(Err *err, Status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "CONTEXT: " before the text that `err` holds, and returns err->status. */
Status err_wrap(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);

void err_clear(Err *err);

const char *status_code(Status status); /* "timeout"; static */
bool        status_retryable(Status status);
int         status_exit(Status status);

/* The Status whose code is `code`, ST_INVALID when there is none. */
Status status_from_code(const char *code);

#endif
