#include "buf.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char EMPTY[1] = "";

void buf_init(Buf *buf, size_t limit) { *buf = (Buf){EMPTY, 0, 0, limit}; }

void buf_clear(Buf *buf)
{
    if (buf->cap) free(buf->ptr);
    buf_init(buf, buf->limit);
}

void buf_reset(Buf *buf)
{
    buf->len = 0;
    if (buf->cap) buf->ptr[0] = '\0';
}

Str buf_str(const Buf *buf) { return (Str){buf->ptr, buf->len}; }

char *buf_steal(Buf *buf, size_t *len)
{
    if (len) *len = buf->len;
    char *out = buf->cap ? buf->ptr : mem_copy("", 0);
    buf_init(buf, buf->limit);
    return out;
}

Status buf_reserve(Buf *buf, size_t more, Err *err)
{
    if (more > buf->limit || buf->len > buf->limit - more)
        return err_set(err, ST_LIMIT, "more than %zu bytes", buf->limit);
    size_t need = buf->len + more + 1;
    if (need <= buf->cap) return ST_OK;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    buf->ptr = mem_grow(buf->cap ? buf->ptr : NULL, cap);
    buf->cap = cap;
    buf->ptr[buf->len] = '\0';
    return ST_OK;
}

Status buf_append(Buf *buf, Str bytes, Err *err)
{
    Status status = buf_reserve(buf, bytes.len, err);
    if (status != ST_OK || bytes.len == 0) return status;
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    buf->ptr[buf->len] = '\0';
    return ST_OK;
}

Status buf_byte(Buf *buf, char byte, Err *err) { return buf_append(buf, (Str){&byte, 1}, err); }

Status buf_printf(Buf *buf, Err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    Status status =
        need < 0 ? err_set(err, ST_BUG, "format %s", format) : buf_reserve(buf, (size_t)need, err);
    if (status == ST_OK) {
        vsnprintf(buf->ptr + buf->len, (size_t)need + 1, format, again);
        buf->len += (size_t)need;
    }
    va_end(again);
    return status;
}

void buf_drop(Buf *buf, size_t count)
{
    if (count > buf->len) count = buf->len;
    if (count == 0) return;
    memmove(buf->ptr, buf->ptr + count, buf->len - count);
    buf->len -= count;
    buf->ptr[buf->len] = '\0';
}
