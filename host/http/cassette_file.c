/* A recording from its file. */
#include "cassette_internal.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024 };

static Status open_file(const char *path, int *fd, Err *err);
static Status read_lines(int fd, Tape *tape, Err *err);

Status tape_load(const char *path, Tape *tape, Err *err)
{
    int fd = -1;
    buf_init(&tape->about, LIMIT_JSON);
    Status status = open_file(path, &fd, err);
    if (status == ST_OK) {
        status = read_lines(fd, tape, err);
        close(fd);
        if (status != ST_OK) err_wrap(err, "recording %s", path);
    }
    if (status != ST_OK) tape_clear(tape);
    return status;
}

void tape_clear(Tape *tape)
{
    for (size_t i = 0; i < tape->event_count; i++) {
        TapeEvent *event = &tape->events[i];
        if (event->kind != TAPE_HEAD) {
            buf_clear(&event->text);
            continue;
        }
        for (size_t k = 0; event->head && k < event->head->count; k++) {
            free((void *)event->head->headers[k].name.ptr);
            free((void *)event->head->headers[k].value.ptr);
        }
        if (event->head) free(event->head->headers);
        free(event->head);
    }
    for (size_t i = 0; i < tape->exchange_count; i++)
        tape_request_clear(&tape->exchanges[i].request);
    free(tape->events);
    free(tape->exchanges);
    free(tape->ended);
    buf_clear(&tape->about);
    memset(tape, 0, sizeof *tape);
}

static Status open_file(const char *path, int *out, Err *err)
{
    struct stat info;
    /* without waiting for who may never write to a pipe */
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "recording %s: %s", path,
                       strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return err_set(err, ST_INVALID, "recording %s: it is no file", path);
    }
    if ((size_t)info.st_size > LIMIT_CASSETTE) {
        close(fd);
        return err_set(err, ST_LIMIT, "recording %s: it is longer than %zu MB", path,
                       LIMIT_CASSETTE / MB);
    }
    *out = fd;
    return ST_OK;
}

/* All whole lines that stand in `block`; what is left over begins the next. */
static Status take_lines(Tape *tape, Buf *block, size_t *looked, size_t *lines, Err *err)
{
    size_t begin = 0;
    Status status = ST_OK;
    char  *end;
    while (status == ST_OK &&
           (end = memchr(block->ptr + *looked, '\n', block->len - *looked)) != NULL) {
        size_t at = (size_t)(end - block->ptr);
        if (++*lines > LIMIT_CASSETTE_LINES)
            return err_set(err, ST_LIMIT, "it has more than %d lines", LIMIT_CASSETTE_LINES);
        status = tape_read_line(tape, (Str){block->ptr + begin, at - begin}, *lines == 1, err);
        begin = *looked = at + 1;
    }
    if (status != ST_OK) return *lines == 1 ? status : err_wrap(err, "line %zu", *lines);
    *looked = block->len - begin;
    buf_drop(block, begin);
    return ST_OK;
}

static Status read_lines(int fd, Tape *tape, Err *err)
{
    Buf     block;
    size_t  looked = 0, lines = 0;
    ssize_t count = 1;
    Status  status = ST_OK;
    buf_init(&block, LIMIT_CASSETTE + BLOCK);
    while (status == ST_OK && count != 0) {
        status = buf_reserve(&block, BLOCK, err);
        if (status != ST_OK) break;
        count = read(fd, block.ptr + block.len, BLOCK);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            status = err_set(err, ST_IO, "read: %s", strerror(errno));
            break;
        }
        block.len += (size_t)count;
        status = take_lines(tape, &block, &looked, &lines, err);
    }
    if (status == ST_OK && lines == 0)
        status = err_set(err, ST_INVALID, "it is no file of perigee run --record");
    if (status == ST_OK && !tape->closed && !tape->ended)
        tape->ended = mem_text("it was cut, as when its run was killed");
    buf_clear(&block);
    return status;
}
