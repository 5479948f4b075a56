/* key_file.h -- the value of a secret from a file that nobody else can read.
 *
 * Why     A variable of the environment stands in shell histories, unit files and the environment
 * of whatever else is started; a file can be the user's alone. Errors  Name the file and what
 * helps, never a byte of what it holds. Thread  Any. Reads a small file of this machine, before the
 * loop runs.
 */
#ifndef HOST_HTTP_KEY_FILE_H
#define HOST_HTTP_KEY_FILE_H

#include "../base/buf.h"

enum { KEY_FILE_MAX = 16 * 1024 }; /* bytes of the file */

/* Appends the file's text without the blanks around it. `path` is absolute; the file is a regular
 * one of this user, and neither its group nor others may do anything with it. ST_DENIED where that
 * does not hold, ST_INVALID where the text is empty, too long or more than one line. */
MUST_CHECK Status key_file_read(const char *path, Buf *out, Err *err);

#endif
