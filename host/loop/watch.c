#include "internal.h"

#include "../base/mem.h"

#include <stdlib.h>

struct Watch {
    uv_poll_t   poll; /* first: the handle is the Watch */
    Loop       *loop; /* borrowed */
    WatchReady *ready;
    void       *arg;
    int         fd; /* borrowed from the caller */
    int         events;
    bool        gone; /* freed by its owner, waiting for libuv to close the handle */
};

static void start(Watch *watch);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    Watch *watch = (Watch *)poll;
    if (watch->gone) return;
    watch->loop->calls++;
    int ready = 0;
    if (status < 0 || (events & (UV_READABLE | UV_DISCONNECT))) ready |= WATCH_READ;
    if (status < 0 || (events & UV_WRITABLE)) ready |= WATCH_WRITE;
    watch->ready(watch->arg, watch->fd, ready);
    /* libuv has stopped the handle on an error; ours is level-triggered until its owner stops it */
    if (status < 0 && !watch->gone && watch->events) start(watch);
}

Status watch_new(Loop *loop, int fd, WatchReady *ready, void *arg, Watch **out, Err *err)
{
    Watch *watch = mem_new(sizeof *watch);
    int    rc = uv_poll_init(&loop->uv, &watch->poll, fd);
    if (rc != 0) {
        free(watch);
        return err_set(err, ST_IO, "watch descriptor %d: %s", fd, uv_strerror(rc));
    }
    watch->loop = loop;
    watch->ready = ready;
    watch->arg = arg;
    watch->fd = fd;
    loop->objects++;
    *out = watch;
    return ST_OK;
}

void watch_set(Watch *watch, int events)
{
    if (events == watch->events) return;
    if (events == 0) watch->loop->busy--;
    if (watch->events == 0) watch->loop->busy++;
    watch->events = events;
    if (events == 0)
        uv_poll_stop(&watch->poll);
    else
        start(watch);
}

static void start(Watch *watch)
{
    int wanted = (watch->events & WATCH_READ ? UV_READABLE : 0) |
                 (watch->events & WATCH_WRITE ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, wanted, on_poll);
}

static void on_closed(uv_handle_t *handle) { free(handle); }

void watch_free(Watch *watch)
{
    if (!watch) return;
    watch_set(watch, 0);
    watch->gone = true;
    watch->loop->objects--;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}
