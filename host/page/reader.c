#include "reader.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NOT_LOADED = 127 }; /* how a program ends that the dynamic loader could not begin */

struct Reader {
    Reader     *next;              /* in `waiting` */
    Loop       *loop;              /* borrowed */
    char       *program, *charset; /* owned */
    bool        is_page;
    int         input; /* owned; what it will read, until it was started; then -1 */
    Child      *child; /* owned */
    int         fd;    /* owned; what it says */
    Watch      *watch; /* owned; on fd */
    Timer      *timer; /* owned */
    Buf         said;
    Err         outcome; /* as soon as it is known to have failed */
    bool        closed, ended;
    ReaderDone *done;
    void       *arg;
};

static size_t  at_work; /* in this process: each takes a processor, and much memory */
static Reader *waiting; /* for their turn, first come first */

static void on_said(void *arg, int fd, int events);
static void on_ended(void *arg, int exit_code, int signal);
static void on_time(void *arg);

static Status check_spec(const ReaderSpec *spec, Err *err)
{
    size_t len = strlen(spec->charset);
    if (len == 0 || len > 40 ||
        strspn(spec->charset, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
            len)
        return err_set(err, ST_INVALID, "page: the name of its charset is none");
    if (spec->bytes.len > LIMIT_PAGE_BYTES || spec->url.len > LIMIT_URL)
        return err_set(err, ST_LIMIT, "page: it has %zu bytes, %zu are read", spec->bytes.len,
                       LIMIT_PAGE_BYTES);
    if (spec->url.len && memchr(spec->url.ptr, '\n', spec->url.len))
        return err_set(err, ST_INVALID, "page: its address has a line end");
    return ST_OK;
}

static bool put(int fd, Str bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t part = write(fd, bytes.ptr + done, bytes.len - done);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return false;
        done += (size_t)part;
    }
    return true;
}

/* A file in memory: nobody has to feed a pipe while the answer is awaited. */
static int input_of(const ReaderSpec *spec, Err *err)
{
    int fd = memfd_create("page", MFD_CLOEXEC);
    if (fd >= 0 && put(fd, spec->url) && put(fd, STR("\n")) && put(fd, spec->bytes) &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    err_set(err, ST_IO, "page: a file in memory: %s", strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

static Status spawn(Reader *reader, Err *err)
{
    static const char *const NOTHING[] = {NULL};
    const char *const argv[] = {"perigee-page", reader->is_page ? "page" : "text", reader->charset,
                                NULL};
    int               pair[2];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_set(err, ST_IO, "page: a pipe: %s", strerror(errno));
    int       fds[3] = {reader->input, pair[1], -1};
    ChildSpec start = {
        .path = reader->program, .argv = argv, .envp = NOTHING, .fds = fds, .fd_count = 3};
    reader->fd = pair[0];
    Status status = child_spawn(reader->loop, &start, on_ended, reader, &reader->child, err);
    close(pair[1]);
    if (status != ST_OK)
        return err_set(err, ST_UNAVAILABLE,
                       "page: cannot start its reader %s: %s; `make` builds it, `make install` "
                       "puts it into libexec/perigee",
                       reader->program, strerror(err->sys ? err->sys : ENOENT));
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
        return err_set(err, ST_IO, "page: a pipe: %s", strerror(errno));
    return watch_new(reader->loop, pair[0], on_said, reader, &reader->watch, err);
}

static Status start(Reader *reader, Err *err)
{
    Status status = spawn(reader, err);
    close(reader->input);
    reader->input = -1;
    at_work++;
    if (status != ST_OK) return status;
    watch_set(reader->watch, WATCH_READ);
    timer_set(reader->timer, clock_deadline(loop_clock(reader->loop), READER_MS));
    return ST_OK;
}

/* One that cannot be started says so from the loop, as it would say everything else. */
static void start_next(void)
{
    Reader *reader = waiting;
    if (!reader || at_work >= READERS_AT_ONCE) return;
    waiting = reader->next;
    if (start(reader, &reader->outcome) == ST_OK) return;
    child_free(reader->child);
    reader->child = NULL;
    reader->closed = reader->ended = true;
    timer_set(reader->timer, loop_now(reader->loop));
}

static void leave(Reader *reader)
{
    for (Reader **at = &waiting; *at; at = &(*at)->next) {
        if (*at != reader) continue;
        *at = reader->next;
        return;
    }
    at_work--;
}

static void reader_free(Reader *reader)
{
    leave(reader);
    watch_free(reader->watch);
    if (reader->fd >= 0) close(reader->fd);
    if (reader->input >= 0) close(reader->input);
    child_free(reader->child);
    timer_free(reader->timer);
    buf_clear(&reader->said);
    free(reader->program);
    free(reader->charset);
    free(reader);
    start_next();
}

Status reader_begin(Loop *loop, const ReaderSpec *spec, ReaderDone *done, void *arg, Reader **out,
                    Err *err)
{
    if (check_spec(spec, err) != ST_OK) return err->status;
    int input = input_of(spec, err);
    if (input < 0) return err->status;
    Reader *reader = mem_new(sizeof *reader);
    *reader = (Reader){.loop = loop,
                       .program = mem_text(spec->program),
                       .charset = mem_text(spec->charset),
                       .is_page = spec->is_page,
                       .input = input,
                       .fd = -1,
                       .done = done,
                       .arg = arg};
    buf_init(&reader->said, LIMIT_PAGE + LIMIT_PAGE_TITLE + 64);
    err_clear(&reader->outcome);
    reader->timer = timer_new(loop, on_time, reader);
    if (waiting || at_work >= READERS_AT_ONCE) {
        Reader **last = &waiting;
        while (*last) last = &(*last)->next;
        *last = reader;
    } else if (start(reader, err) != ST_OK) {
        reader_free(reader);
        return err->status;
    }
    *out = reader;
    return ST_OK;
}

void reader_cancel(Reader *reader)
{
    if (reader) reader_free(reader);
}

/* -- what it says ------------------------------------------------------------------------------ */

static Status take_apart(const Buf *said, Page *page, Err *err)
{
    Str rest = buf_str(said), mark, title;
    if (!str_next(&rest, '\n', &mark) || !str_next(&rest, '\n', &title) ||
        (!str_is(mark, "whole") && !str_is(mark, "cut")) ||
        buf_append(&page->title, title, err) != ST_OK ||
        buf_append(&page->text, rest, err) != ST_OK)
        return err_set(err, ST_BUG, "page: its reader said something else than a page");
    page->cut = str_is(mark, "cut");
    return ST_OK;
}

static void judge(Reader *reader, int exit_code, int signal)
{
    Err *err = &reader->outcome;
    if (err->status != ST_OK || exit_code == 0) return;
    if (exit_code == status_exit(ST_LIMIT) || signal == SIGXCPU)
        err_set(err, ST_LIMIT, "page: it is too large or nests too deep to be read");
    else if (signal)
        err_set(err, ST_INVALID,
                "page: its reader was ended by signal %d: it needs too much memory, or was written "
                "to break whoever reads it",
                signal);
    else if (exit_code == status_exit(ST_UNAVAILABLE))
        err_set(err, ST_UNAVAILABLE,
                "page: its reader could not be shut in, so nothing was read: this kernel, or the "
                "container around, has no seccomp filters (CONFIG_SECCOMP_FILTER)");
    else if (exit_code == NOT_LOADED)
        err_set(err, ST_UNAVAILABLE,
                "page: its reader %s cannot run here: a library that it needs is missing; `ldd` "
                "with its path names it, `make deps` installs it",
                reader->program);
    else if (exit_code == status_exit(ST_NOT_FOUND))
        err_set(err, ST_UNAVAILABLE, "page: its charset is not known to this system's iconv");
    else
        err_set(err, ST_BUG, "page: its reader ended with %d", exit_code);
}

static void finish_if_over(Reader *reader)
{
    Page page;
    if (!reader->closed || !reader->ended) return;
    page_init(&page);
    if (reader->outcome.status == ST_OK &&
        take_apart(&reader->said, &page, &reader->outcome) != ST_OK)
        page_clear(&page);
    ReaderDone *done = reader->done;
    void       *arg = reader->arg;
    Err         outcome = reader->outcome;
    reader_free(reader);
    done(arg, &outcome, &page);
    page_clear(&page);
}

static void stop(Reader *reader, Status status, const char *why)
{
    if (reader->outcome.status == ST_OK) err_set(&reader->outcome, status, "page: %s", why);
    child_kill(reader->child, SIGKILL);
}

static void on_said(void *arg, int fd, int events)
{
    Reader *reader = arg;
    char    piece[16384];
    Err     err;
    (void)events;
    ssize_t got = read(fd, piece, sizeof piece);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) {
        if (buf_append(&reader->said, (Str){piece, (size_t)got}, &err) != ST_OK)
            stop(reader, ST_BUG, "its reader says more than it may");
        return;
    }
    watch_set(reader->watch, 0);
    reader->closed = true;
    finish_if_over(reader);
}

static void on_ended(void *arg, int exit_code, int signal)
{
    Reader *reader = arg;
    reader->ended = true;
    judge(reader, exit_code, signal);
    finish_if_over(reader);
}

static void on_time(void *arg)
{
    Reader *reader = arg;
    if (reader->ended && reader->closed)
        finish_if_over(reader); /* it could not be started */
    else
        stop(reader, ST_LIMIT, "it takes too long to be read");
}
