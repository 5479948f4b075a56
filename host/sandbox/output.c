#include "output.h"

#include <stdlib.h>
#include <string.h>

void output_init(Output *output, size_t limit)
{
    *output = (Output){.limit = limit, .head = limit / 2, .at = limit / 2};
    buf_init(&output->kept, limit);
}

void output_clear(Output *output) { buf_clear(&output->kept); }

/* The last bytes of `bytes`, in a ring of `size` at `ring`. */
static void ring_write(Output *output, Str bytes)
{
    size_t size = output->limit - output->head;
    if (bytes.len > size) bytes = str_cut(bytes, bytes.len - size, bytes.len);
    while (bytes.len > 0) {
        size_t room = output->limit - output->at;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(output->kept.ptr + output->at, bytes.ptr, part);
        output->at += part;
        if (output->at == output->limit) output->at = output->head;
        bytes = str_cut(bytes, part, bytes.len);
    }
}

void output_take(Output *output, Str bytes)
{
    Err    err;
    size_t room = output->limit - output->kept.len;
    size_t plain = bytes.len < room ? bytes.len : room;
    output->total += bytes.len;
    if (plain > 0 && buf_append(&output->kept, str_cut(bytes, 0, plain), &err) != ST_OK) return;
    if (plain < bytes.len) ring_write(output, str_cut(bytes, plain, bytes.len));
}

static void reverse(char *from, char *to)
{
    while (from < to) {
        char byte = *from;
        *from++ = *--to;
        *to = byte;
    }
}

size_t output_finish(Output *output)
{
    char *ring = output->kept.ptr + output->head, *end = output->kept.ptr + output->kept.len;
    if (output->total <= output->limit) {
        output->head = output->kept.len;
        return 0;
    }
    /* A rotation is three reversals. */
    char *oldest = output->kept.ptr + output->at;
    reverse(ring, oldest);
    reverse(oldest, end);
    reverse(ring, end);
    output->at = output->head;
    return output->total - output->limit;
}
