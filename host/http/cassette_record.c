/* A transport that keeps what passes through it. Each line is written before the run learns of what
 * it says, so the file never knows less than the run. */
#include "cassette_internal.h"
#include "secrets.h"
#include "transport_kind.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct RecordCall RecordCall;

typedef struct Recorder {
    Transport   base;    /* first */
    Transport  *through; /* owned */
    char       *path;    /* owned */
    int         fd;
    size_t      written, requests;
    bool        stopped; /* `failed` says why; nothing more is written */
    Err         failed;
    RecordCall *calls; /* owned list */
} Recorder;

struct RecordCall {
    HttpCall    base;     /* first */
    Recorder   *recorder; /* borrowed */
    HttpCall   *inner;    /* borrowed from `through` */
    RecordCall *prev, *next;
    HttpEvents  events;
    void       *arg; /* borrowed from the caller */
    size_t      number;
    Buf         held; /* the end of what came, which may begin a secret's value */
    bool        ended;
};

static Status record_begin(Transport *base, const HttpRequest *request, const HttpEvents *events,
                           void *arg, HttpCall **out, Err *err);
static void   record_pause(HttpCall *base, bool paused);
static void   record_cancel(HttpCall *base);
static Status record_finish(Transport *base, Err *err);
static void   record_free(Transport *base);
static Status write_all(Recorder *recorder, Str bytes, Err *err);

static const TransportKind KIND = {record_begin, record_pause, record_cancel, record_finish,
                                   record_free};

Status cassette_record(const char *path, Str about, Transport *through, Transport **out, Err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ST_INVALID, "record to %s: it is there already; name a new file", path);
    if (fd < 0) return err_set(err, ST_IO, "record to %s: %s", path, strerror(errno));
    Recorder *recorder = mem_new(sizeof *recorder);
    recorder->base.kind = &KIND;
    recorder->path = mem_text(path);
    recorder->fd = fd;
    Buf line;
    buf_init(&line, LIMIT_CASSETTE);
    Status status = buf_printf(&line, err, "{\"cassette\":%d,\"about\":", CASSETTE_VERSION);
    if (status == ST_OK) status = buf_append(&line, about, err);
    if (status == ST_OK) status = buf_append(&line, STR("}\n"), err);
    if (status == ST_OK) status = write_all(recorder, buf_str(&line), err);
    buf_clear(&line);
    if (status != ST_OK) {
        record_free(&recorder->base);
        return err->status;
    }
    recorder->through = through;
    *out = &recorder->base;
    return ST_OK;
}

/* -- the file ---------------------------------------------------------------------------------- */

static Status write_all(Recorder *recorder, Str bytes, Err *err)
{
    while (bytes.len) {
        ssize_t count = write(recorder->fd, bytes.ptr, bytes.len);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0)
            return err_set(err, ST_IO, "record to %s: %s; what stands there plays up to here",
                           recorder->path, strerror(errno));
        recorder->written += (size_t)count;
        bytes = str_cut(bytes, (size_t)count, bytes.len);
    }
    return ST_OK;
}

/* The run goes on without its recording; transport_finish says so. */
static void stop(Recorder *recorder, const Err *why)
{
    recorder->stopped = true;
    recorder->failed = *why;
    if (why->status == ST_IO) return; /* another line would not be written either */
    Err    err;
    Buf    line;
    Status status;
    buf_init(&line, 16 * KB);
    status = buf_append(&line, STR("{\"stopped\":"), &err);
    if (status == ST_OK) status = tape_write_text(str_from(why->text), &line, &err);
    if (status == ST_OK) status = buf_append(&line, STR("}\n"), &err);
    if (status == ST_OK) status = write_all(recorder, buf_str(&line), &err);
    if (status != ST_OK) recorder->failed = err;
    buf_clear(&line);
}

/* Writes the line that was made, unless making it failed, and frees it. */
static void keep(Recorder *recorder, Status made, Buf *line, Err *err)
{
    if (made == ST_OK && recorder->written + line->len + 16 * KB > LIMIT_CASSETTE) made = ST_LIMIT;
    if (made == ST_LIMIT)
        err_set(err, ST_LIMIT, "record to %s: %zu MB are reached; what stands there plays",
                recorder->path, LIMIT_CASSETTE / MB);
    if (made == ST_OK) made = write_all(recorder, buf_str(line), err);
    if (made != ST_OK) stop(recorder, err);
    buf_clear(line);
}

static void keep_data(RecordCall *call, size_t len)
{
    Buf line;
    Err err;
    if (len == 0) return;
    buf_init(&line, LIMIT_CASSETTE);
    Status made = tape_write_data(call->number, (Str){call->held.ptr, len}, &line, &err);
    keep(call->recorder, made, &line, &err);
    buf_drop(&call->held, len);
}

/* What was held back is not the whole of a value. */
static void keep_rest(RecordCall *call)
{
    if (call->recorder->stopped) return;
    secrets_mask_end_all(call->held.ptr, call->held.len);
    keep_data(call, call->held.len);
}

static void keep_outcome(RecordCall *call, const char *name, const Err *outcome)
{
    Buf line;
    Err err;
    if (call->recorder->stopped) return;
    buf_init(&line, LIMIT_CASSETTE);
    Status made = tape_write_outcome(call->number, name, outcome, &line, &err);
    keep(call->recorder, made, &line, &err);
}

/* -- a call ------------------------------------------------------------------------------------ */

static void call_free(RecordCall *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        call->recorder->calls = call->next;
    if (call->next) call->next->prev = call->prev;
    buf_clear(&call->held);
    free(call);
}

static void on_head(void *arg, const HttpHead *head)
{
    RecordCall *call = arg;
    if (!call->recorder->stopped) {
        Buf line;
        Err err;
        buf_init(&line, LIMIT_CASSETTE);
        Status made = tape_write_head(call->number, head, &line, &err);
        keep(call->recorder, made, &line, &err);
    }
    call->events.on_head(call->arg, head);
}

/* A value may be cut by two reads: what could be its beginning waits for what follows. The run gets
 * everything at once, as it would without us. */
static void on_data(void *arg, Str bytes)
{
    RecordCall *call = arg;
    if (!call->recorder->stopped) {
        Err err;
        if (buf_append(&call->held, bytes, &err) != ST_OK) {
            stop(call->recorder, &err);
        } else {
            secrets_mask_all(call->held.ptr, call->held.len);
            keep_data(call, call->held.len - secrets_begun_any(buf_str(&call->held)));
        }
    }
    call->events.on_data(call->arg, bytes);
}

static void on_end(void *arg, const Err *outcome)
{
    RecordCall *call = arg;
    keep_rest(call);
    keep_outcome(call, "end", outcome);
    call->ended = true;
    call->events.on_end(call->arg, outcome);
    call_free(call);
}

static void keep_request(Recorder *recorder, size_t number, const HttpRequest *request)
{
    TapeRequest kept;
    Buf         line;
    Err         err;
    tape_request_init(&kept);
    buf_init(&line, LIMIT_CASSETTE);
    Status made = tape_request_of(request, &kept, &err);
    if (made == ST_OK) made = tape_write_request(number, &kept, &line, &err);
    keep(recorder, made, &line, &err);
    tape_request_clear(&kept);
}

static Status record_begin(Transport *base, const HttpRequest *request, const HttpEvents *events,
                           void *arg, HttpCall **out, Err *err)
{
    static const HttpEvents OURS = {on_head, on_data, on_end};
    Recorder               *recorder = (Recorder *)base;
    RecordCall             *call = mem_new(sizeof *call);
    call->base.kind = &KIND;
    call->recorder = recorder;
    call->events = *events;
    call->arg = arg;
    call->number = ++recorder->requests;
    buf_init(&call->held, LIMIT_CASSETTE);
    call->next = recorder->calls;
    if (call->next) call->next->prev = call;
    recorder->calls = call;
    if (!recorder->stopped) keep_request(recorder, call->number, request);
    Status status = http_begin(recorder->through, request, &OURS, call, &call->inner, err);
    if (status != ST_OK) {
        keep_outcome(call, "refused", err);
        call_free(call);
        return status;
    }
    *out = &call->base;
    return ST_OK;
}

static void record_pause(HttpCall *base, bool paused)
{
    RecordCall *call = (RecordCall *)base;
    if (!call->ended) http_pause(call->inner, paused);
}

static void record_cancel(HttpCall *base)
{
    RecordCall *call = (RecordCall *)base;
    if (call->ended) return; /* inside its own on_end: it goes by itself */
    http_cancel(call->inner);
    keep_rest(call);
    if (!call->recorder->stopped) {
        Buf line;
        Err err;
        buf_init(&line, LIMIT_CASSETTE);
        Status made = tape_write_cancel(call->number, &line, &err);
        keep(call->recorder, made, &line, &err);
    }
    call_free(call);
}

static Status record_finish(Transport *base, Err *err)
{
    Recorder *recorder = (Recorder *)base;
    if (!recorder->stopped) {
        Buf line;
        buf_init(&line, 100);
        Status made = buf_printf(&line, err, "{\"closed\":%zu}\n", recorder->requests);
        keep(recorder, made, &line, err);
    }
    bool whole = !recorder->stopped;
    if (!whole) *err = recorder->failed;
    recorder->stopped = true;
    return whole ? ST_OK : err->status;
}

static void record_free(Transport *base)
{
    Recorder *recorder = (Recorder *)base;
    transport_free(recorder->through);
    while (recorder->calls) call_free(recorder->calls);
    close(recorder->fd);
    free(recorder->path);
    free(recorder);
}
