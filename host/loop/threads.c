/* Signals, the thread pool and wakers: thin covers over libuv's own. */
#include "internal.h"

#include "../base/mem.h"

#include <stdlib.h>

struct Signals {
    uv_signal_t handle; /* first */
    Loop       *loop;   /* borrowed */
    SignalSeen *seen;
    void       *arg;
    bool        gone;
};

struct Work {
    uv_work_t request; /* first */
    Loop     *loop;    /* borrowed */
    WorkRun  *run;
    WorkDone *done;
    void     *arg;
    bool      abandoned;
};

struct Waker {
    uv_async_t   handle; /* first */
    Loop        *loop;   /* borrowed */
    WakerCalled *called;
    void        *arg;
    bool         gone;
};

static void free_handle(uv_handle_t *handle) { free(handle); }

static void on_signal(uv_signal_t *handle, int signo)
{
    Signals *signals = (Signals *)handle;
    signals->loop->calls++;
    if (!signals->gone) signals->seen(signals->arg, signo);
}

Status signals_new(Loop *loop, int signo, SignalSeen *seen, void *arg, Signals **out, Err *err)
{
    Signals *signals = mem_new(sizeof *signals);
    signals->loop = loop;
    signals->seen = seen;
    signals->arg = arg;
    uv_signal_init(&loop->uv, &signals->handle);
    int rc = uv_signal_start(&signals->handle, on_signal, signo);
    loop->objects++;
    uv_unref((uv_handle_t *)&signals->handle); /* waiting for Ctrl-C is no reason to go on */
    if (rc != 0) {
        signals_free(signals);
        return err_set(err, ST_IO, "signal %d: %s", signo, uv_strerror(rc));
    }
    *out = signals;
    return ST_OK;
}

void signals_free(Signals *signals)
{
    if (!signals) return;
    signals->gone = true;
    signals->loop->objects--;
    uv_close((uv_handle_t *)&signals->handle, free_handle);
}

static void on_work(uv_work_t *request)
{
    Work *work = (Work *)request;
    work->run(work->arg);
}

static void on_work_done(uv_work_t *request, int status)
{
    Work *work = (Work *)request;
    (void)status; /* we never uv_cancel: an abandoned job still has to be freed by its owner */
    work->loop->calls++;
    work->loop->busy--;
    work->loop->objects--;
    work->done(work->arg, work->abandoned);
    free(work);
}

Work *work_start(Loop *loop, WorkRun *run, WorkDone *done, void *arg)
{
    Work *work = mem_new(sizeof *work);
    work->loop = loop;
    work->run = run;
    work->done = done;
    work->arg = arg;
    loop->busy++;
    loop->objects++;
    uv_queue_work(&loop->uv, &work->request, on_work, on_work_done);
    return work;
}

void work_abandon(Work *work) { work->abandoned = true; }

static void on_wake(uv_async_t *handle)
{
    Waker *waker = (Waker *)handle;
    waker->loop->calls++;
    if (!waker->gone) waker->called(waker->arg);
}

Status waker_new(Loop *loop, WakerCalled *called, void *arg, Waker **out, Err *err)
{
    Waker *waker = mem_new(sizeof *waker);
    waker->loop = loop;
    waker->called = called;
    waker->arg = arg;
    int rc = uv_async_init(&loop->uv, &waker->handle, on_wake);
    if (rc != 0) {
        free(waker);
        return err_set(err, ST_IO, "waker: %s", uv_strerror(rc));
    }
    uv_unref((uv_handle_t *)&waker->handle);
    loop->objects++;
    *out = waker;
    return ST_OK;
}

void waker_wake(Waker *waker) { uv_async_send(&waker->handle); }

void waker_free(Waker *waker)
{
    if (!waker) return;
    waker->gone = true;
    waker->loop->objects--;
    uv_close((uv_handle_t *)&waker->handle, free_handle);
}
