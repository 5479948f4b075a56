/* The journal's public face and the loop's side of it: queue in, answers out. */
#include "sqlite_internal.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    GROUP_REQUESTS = 1000,         /* most in one transaction */
    GROUP_BYTES = 8 * 1024 * 1024, /* no further request once a group has so many */
};

static void     queue_init(Queue *queue);
static void     queue_add(Queue *queue, Request *request);
static Status   start_writer(Journal *journal, Err *err);
static void     submit(Journal *journal, Request *request);
static void     deliver(void *arg);
static Request *request_new(RequestKind kind, Str *const parts[], size_t count);
static void     free_parts(Journal *journal);
static char    *plain_path(const char *path);

Status journal_open(Loop *loop, const char *path, Journal **out, Err *err)
{
    Journal *journal = mem_new(sizeof *journal);
    journal->loop = loop;
    journal->path = plain_path(path);
    queue_init(&journal->waiting);
    queue_init(&journal->answered);
    pthread_mutex_init(&journal->mutex, NULL);
    pthread_condattr_t how;
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC); /* as clock_now */
    pthread_cond_init(&journal->wanted, &how);
    pthread_condattr_destroy(&how);
    Status status = store_open(journal, err);
    if (status == ST_OK) status = waker_new(loop, deliver, journal, &journal->waker, err);
    if (status == ST_OK) status = start_writer(journal, err);
    if (status == ST_OK) {
        *out = journal;
        return ST_OK;
    }
    waker_free(journal->waker);
    free_parts(journal);
    free(journal);
    return status;
}

void journal_close(Journal *journal)
{
    if (!journal || journal->closed) return;
    pthread_mutex_lock(&journal->mutex);
    journal->closing = true;
    pthread_cond_signal(&journal->wanted);
    pthread_mutex_unlock(&journal->mutex);
    pthread_join(journal->writer, NULL); /* it writes what waits first */

    journal->closed = true;
    waker_free(journal->waker);
    deliver(journal);
    free_parts(journal);
    journal->released = true;
    if (!journal->delivering) free(journal); /* else the delivery that called us frees it */
}

void journal_append(Journal *journal, const Record *record, Durability durability,
                    JournalDone *done, void *arg)
{
    Record   copy = *record;
    Str     *parts[] = {&copy.run, &copy.kind, &copy.body};
    Request *request = request_new(REQUEST_APPEND, parts, 3);
    request->record = copy;
    request->durability = durability;
    request->done = done;
    request->arg = arg;
    submit(journal, request);
}

void journal_claim(Journal *journal, Str run, JournalDone *done, void *arg)
{
    Str     *parts[] = {&run};
    Request *request = request_new(REQUEST_CLAIM, parts, 1);
    request->record.run = run;
    request->done = done;
    request->arg = arg;
    submit(journal, request);
}

void journal_release(Journal *journal, Str run)
{
    Str     *parts[] = {&run};
    Request *request = request_new(REQUEST_RELEASE, parts, 1);
    request->record.run = run;
    submit(journal, request);
}

void journal_post(Journal *journal, Str run, Str body, JournalDone *done, void *arg)
{
    Str     *parts[] = {&run, &body};
    Request *request = request_new(REQUEST_POST, parts, 2);
    request->record.run = run;
    request->record.body = body;
    request->durability = DURABLE_POWER;
    request->done = done;
    request->arg = arg;
    submit(journal, request);
}

void journal_take(Journal *journal, Str run, int64_t number)
{
    Str     *parts[] = {&run};
    Request *request = request_new(REQUEST_TAKE, parts, 1);
    request->record.run = run;
    request->record.seq = number;
    submit(journal, request);
}

void journal_fork(Journal *journal, Str of, const Record *next, JournalDone *done, void *arg)
{
    Record   copy = *next;
    Str     *parts[] = {&of, &copy.run, &copy.kind, &copy.body};
    Request *request = request_new(REQUEST_FORK, parts, 4);
    request->record = copy;
    request->row.run = of;
    request->durability = DURABLE_POWER;
    request->done = done;
    request->arg = arg;
    submit(journal, request);
}

void journal_listen(Journal *journal, Str run, int64_t after, JournalDone *done, void *arg)
{
    Str     *parts[] = {&run};
    Request *request = request_new(REQUEST_LISTEN, parts, 1);
    request->record.run = run;
    request->record.seq = after;
    request->done = done;
    request->arg = arg;
    submit(journal, request);
}

static void give_up(Request *list, const void *arg)
{
    for (Request *request = list; request; request = request->next) {
        if (request->kind != REQUEST_LISTEN || request->arg != arg) continue;
        request->given_up = true;
        request->done = NULL;
    }
}

void journal_unlisten(Journal *journal, const void *arg)
{
    pthread_mutex_lock(&journal->mutex);
    give_up(journal->waiting.first, arg);
    give_up(journal->writing, arg);
    give_up(journal->listening, arg);
    give_up(journal->answered.first, arg);
    pthread_cond_signal(&journal->wanted);
    pthread_mutex_unlock(&journal->mutex);
}

void journal_put_run(Journal *journal, const RunRow *row)
{
    RunRow copy = *row;
    copy.task = str_cut(copy.task, 0, TASK_MAX);
    if (row->task.len > TASK_MAX)
        copy.task.len = str_utf8_valid_len(copy.task); /* whole code points */
    Str     *parts[] = {&copy.run, &copy.parent, &copy.agent, &copy.task, &copy.status};
    Request *request = request_new(REQUEST_RUN, parts, 5);
    request->row = copy;
    submit(journal, request);
}

void journal_put_text(Journal *journal, Str hash, Str text)
{
    Str     *parts[] = {&hash, &text};
    Request *request = request_new(REQUEST_TEXT, parts, 2);
    request->hash = hash;
    request->text = text;
    submit(journal, request);
}

/* A path that SQLite takes for nothing but a path: ":memory:" or "file:x?mode=memory" would be
 * answered for and kept nowhere. */
static char *plain_path(const char *path)
{
    if (path[0] == '/') return mem_text(path);
    size_t len = strlen(path);
    char  *plain = mem_new(len + 3);
    memcpy(plain, "./", 2);
    memcpy(plain + 2, path, len);
    return plain;
}

/* Frees all but the shell. */
static void free_parts(Journal *journal)
{
    store_close(journal);
    pthread_cond_destroy(&journal->wanted);
    pthread_mutex_destroy(&journal->mutex);
    free(journal->path);
}

/* -- queues ------------------------------------------------------------------------------------ */

static void queue_init(Queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_add(Queue *queue, Request *request)
{
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

/* Cuts off the front: at least one request, up to the bounds of a group. */
static Request *queue_take_group(Queue *queue)
{
    Request *first = queue->first, *end = first;
    size_t   count = 1, bytes = first->size;
    while (end->next && count < GROUP_REQUESTS && bytes < GROUP_BYTES) {
        end = end->next;
        count++;
        bytes += end->size;
    }
    queue->first = end->next;
    if (!queue->first) queue->last = &queue->first;
    end->next = NULL;
    return first;
}

/* -- the writer's thread ----------------------------------------------------------------------- */

/* Hands requests to the loop's thread. Under the mutex. */
static void answer(Journal *journal, Request *list)
{
    if (list) waker_wake(journal->waker);
    while (list) {
        Request *next = list->next;
        queue_add(&journal->answered, list);
        list = next;
    }
}

static void *write_groups(void *arg)
{
    Journal *journal = arg;
    pthread_mutex_lock(&journal->mutex);
    for (;;) {
        while (!journal->waiting.first && !journal->closing) {
            inbox_wait(journal);
            answer(journal, inbox_look(journal, false));
        }
        if (!journal->waiting.first) break;
        Request *group = journal->writing = queue_take_group(&journal->waiting);
        pthread_mutex_unlock(&journal->mutex);
        writer_commit(journal, group);
        pthread_mutex_lock(&journal->mutex);
        journal->writing = NULL;
        bool look = inbox_add(journal, &group);
        answer(journal, group);
        answer(journal, inbox_look(journal, look));
        pthread_mutex_unlock(&journal->mutex);
        writer_checkpoint(journal); /* after the answers: nobody waits for it */
        pthread_mutex_lock(&journal->mutex);
    }
    answer(journal, inbox_end(journal));
    pthread_mutex_unlock(&journal->mutex);
    return NULL;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((Journal *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static Status start_writer(Journal *journal, Err *err)
{
    sigset_t all, before;
    sqlite3_wal_hook(journal->writes, on_commit,
                     journal); /* in place of SQLite's own checkpoints */
    sigfillset(&all);
    sigdelset(&all, SIGURG); /* interrupts a wait for the lock, see fair_lock.c */
    pthread_sigmask(SIG_SETMASK, &all,
                    &before); /* signals are the loop's; the thread inherits this */
    int rc = pthread_create(&journal->writer, NULL, write_groups, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) return ST_OK;
    errno = rc;
    return err_set(err, ST_IO, "journal %s: start its thread: %s", journal->path, strerror(rc));
}

/* -- requests, on the loop's thread ------------------------------------------------------------ */

/* Copies the parts into one allocation and lets them point there. */
static Request *request_new(RequestKind kind, Str *const parts[], size_t count)
{
    Request *request = mem_new(sizeof *request);
    size_t   size = 0;
    for (size_t i = 0; i < count; i++) size += parts[i]->len;
    request->kind = kind;
    request->size = size;
    request->bytes = mem_new(size);
    char *at = request->bytes;
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->len) memcpy(at, parts[i]->ptr, parts[i]->len);
        parts[i]->ptr = at;
        at += parts[i]->len;
    }
    return request;
}

static void request_free(Request *request)
{
    free(request->bytes);
    free(request);
}

static bool is_acceptable(const Journal *journal, Request *request)
{
    Err *err = &request->outcome;
    Str  run = request->record.run;
    if (journal->closed) {
        err_set(err, ST_CANCELLED, "journal %s: is being closed", journal->path);
    } else if (request->size > LIMIT_REQUEST) {
        err_set(err, ST_LIMIT, "journal: a record or text of %zu bytes; the most is %zu",
                request->size, LIMIT_REQUEST);
    } else if (request->kind == REQUEST_APPEND || request->kind == REQUEST_CLAIM) {
        if (run.len == 0 || run.len > RUN_ID_MAX || memchr(run.ptr, '\0', run.len))
            err_set(err, ST_INVALID, "journal: \"%.*s\" cannot be the id of a run", STR_ARG(run));
        else if (request->kind == REQUEST_APPEND && request->record.kind.len == 0)
            err_set(err, ST_INVALID, "run %.*s: record %lld has no kind", STR_ARG(run),
                    (long long)request->record.seq);
    }
    return err->status == ST_OK;
}

/* The loop lives until the request is answered. One that is refused here is answered through the
 * same queue, so that `done` never comes from inside. */
static void submit(Journal *journal, Request *request)
{
    bool acceptable = is_acceptable(journal, request);
    if (journal->unanswered++ == 0) loop_hold(journal->loop);
    pthread_mutex_lock(&journal->mutex);
    queue_add(acceptable ? &journal->waiting : &journal->answered, request);
    pthread_cond_signal(&journal->wanted);
    pthread_mutex_unlock(&journal->mutex);
    if (!acceptable) waker_wake(journal->waker);
}

/* Answers in the order of the queue. Called again from inside when a callback closes the journal:
 * then the inner call answers the rest, and the outer one frees the shell. */
static void deliver(void *arg)
{
    Journal *journal = arg;
    bool     outer = !journal->delivering;
    journal->delivering = true;
    for (;;) {
        if (outer && journal->released) {
            free(journal);
            return;
        }
        pthread_mutex_lock(&journal->mutex);
        Request *request = journal->answered.first;
        if (request) {
            journal->answered.first = request->next;
            if (!request->next) journal->answered.last = &journal->answered.first;
        }
        pthread_mutex_unlock(&journal->mutex);
        if (!request) break;
        if (--journal->unanswered == 0) loop_release(journal->loop);
        if (request->done) request->done(request->arg, &request->outcome);
        request_free(request);
    }
    if (outer) journal->delivering = false;
}
