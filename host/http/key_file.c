#include "key_file.h"

#include "../base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Status check(int fd, const char *path, Err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return err_set(err, ST_IO, "key file %s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return err_set(err, ST_DENIED, "key file %s: it is no regular file", path);
    if (info.st_uid != geteuid())
        return err_set(err, ST_DENIED,
                       "key file %s: it belongs to somebody else; make a copy of "
                       "your own with mode 0600",
                       path);
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(err, ST_DENIED,
                       "key file %s: its mode is %04o, so others may use it; chmod "
                       "600 it, and change the key if they may have read it",
                       path, (unsigned)(info.st_mode & 07777));
    return ST_OK;
}

/* Reads all of it; one byte more than there may be shows that it is too long. */
static Status read_all(int fd, const char *path, char *bytes, size_t *len, Err *err)
{
    for (*len = 0; *len <= KEY_FILE_MAX;) {
        ssize_t count = read(fd, bytes + *len, KEY_FILE_MAX + 1 - *len);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return err_set(err, ST_IO, "key file %s: %s", path, strerror(errno));
        if (count == 0) return ST_OK;
        *len += (size_t)count;
    }
    return err_set(err, ST_INVALID, "key file %s: longer than %d bytes", path, KEY_FILE_MAX);
}

static Status take(const char *path, Str text, Buf *out, Err *err)
{
    Str key = str_trim(text);
    if (!key.len) return err_set(err, ST_INVALID, "key file %s: it is empty", path);
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] < ' ' || key.ptr[i] == 0x7f)
            return err_set(err, ST_INVALID,
                           "key file %s: more than one line, or no text; it holds "
                           "the key and nothing else",
                           path);
    return buf_append(out, key, err);
}

Status key_file_read(const char *path, Buf *out, Err *err)
{
    char   bytes[KEY_FILE_MAX + 1];
    size_t len = 0;
    if (path[0] != '/')
        return err_set(err, ST_INVALID, "key file %s: the path has to be absolute", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* no FIFO holds us up */
    if (fd < 0) return err_set(err, ST_IO, "key file %s: %s", path, strerror(errno));
    Status status = check(fd, path, err);
    if (status == ST_OK) status = read_all(fd, path, bytes, &len, err);
    if (status == ST_OK) status = take(path, (Str){bytes, len}, out, err);
    explicit_bzero(bytes, sizeof bytes);
    close(fd);
    return status;
}
