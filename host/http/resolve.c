#include "resolve.h"

#include "../base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STACK_SIZE = 512 * 1024, TRY_AGAIN_MS = 20 /* while all threads are taken */ };

/* Shared by the one who waits and the thread; whoever leaves last frees it. */
typedef struct Job {
    atomic_int   holders;
    int          event;    /* owned; readable once `resolved` is filled */
    ResolveNames names;    /* its arg is borrowed */
    char        *name;     /* owned */
    Resolved     resolved; /* the thread's until it wrote to `event` */
} Job;

struct Resolve {
    Loop        *loop;  /* borrowed */
    Job         *job;   /* held */
    bool         begun; /* a thread has the job */
    Watch       *watch; /* owned */
    int64_t      deadline;
    Timer       *timer; /* owned */
    ResolveDone *done;
    void        *arg;
};

static atomic_int threads; /* at work in this process, those that nobody waits for included */

static void ask_system(void *arg, const char *name, Resolved *out);
static void on_answer(void *arg, int fd, int events);
static void on_time(void *arg);

static const ResolveNames SYSTEM = {ask_system, NULL};

static void job_release(Job *job)
{
    if (atomic_fetch_sub(&job->holders, 1) != 1) return;
    close(job->event);
    free(job->name);
    free(job);
}

static void *work(void *arg)
{
    Job     *job = arg;
    uint64_t one = 1;
    job->names.look_up(job->names.arg, job->name, &job->resolved);
    ssize_t put = write(job->event, &one, sizeof one); /* an eventfd at 0 always takes a 1 */
    (void)put;
    atomic_fetch_sub(&threads, 1);
    job_release(job);
    return NULL;
}

/* A thread that gets no signals: those are the loop's. */
static int start_thread(Job *job)
{
    pthread_t      thread;
    pthread_attr_t how;
    sigset_t       all, before;
    sigfillset(&all);
    pthread_attr_init(&how);
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&how, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, &how, work, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&how);
    return rc;
}

static Status job_new(const ResolveNames *names, const char *name, Job **out, Err *err)
{
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) return err_set(err, ST_IO, "look up %s: %s", name, strerror(errno));
    Job *job = mem_new(sizeof *job);
    job->event = event;
    job->names = names ? *names : SYSTEM;
    job->name = mem_text(name);
    atomic_store(&job->holders, 1);
    *out = job;
    return ST_OK;
}

/* Gives the job to a thread, or tries again soon: threads are few, and so are those that the
 * system has to give. */
static void begin(Resolve *resolve)
{
    Job *job = resolve->job;
    if (atomic_fetch_add(&threads, 1) < RESOLVE_AT_ONCE) {
        atomic_store(&job->holders, 2);
        resolve->begun = start_thread(job) == 0;
        if (!resolve->begun) atomic_store(&job->holders, 1);
    }
    if (!resolve->begun) atomic_fetch_sub(&threads, 1);
    int64_t again = clock_deadline(loop_clock(resolve->loop), TRY_AGAIN_MS);
    timer_set(resolve->timer,
              resolve->begun || again > resolve->deadline ? resolve->deadline : again);
}

Status resolve_begin(Loop *loop, const ResolveNames *names, const char *name, int64_t deadline,
                     ResolveDone *done, void *arg, Resolve **out, Err *err)
{
    Job *job = NULL;
    if (job_new(names, name, &job, err) != ST_OK) return err->status;
    Resolve *resolve = mem_new(sizeof *resolve);
    *resolve = (Resolve){.loop = loop, .job = job, .deadline = deadline, .done = done, .arg = arg};
    resolve->timer = timer_new(loop, on_time, resolve);
    if (watch_new(loop, job->event, on_answer, resolve, &resolve->watch, err) != ST_OK) {
        resolve_cancel(resolve);
        return err->status;
    }
    watch_set(resolve->watch, WATCH_READ);
    begin(resolve);
    *out = resolve;
    return ST_OK;
}

void resolve_cancel(Resolve *resolve)
{
    if (!resolve) return;
    timer_free(resolve->timer);
    watch_free(resolve->watch);
    job_release(resolve->job);
    free(resolve);
}

static void on_answer(void *arg, int fd, int events)
{
    Resolve *resolve = arg;
    (void)fd, (void)events;
    Resolved     resolved = resolve->job->resolved;
    ResolveDone *done = resolve->done;
    void        *to = resolve->arg;
    if (resolved.outcome.status == ST_OK && resolved.count == 0)
        err_set(&resolved.outcome, ST_NOT_FOUND, "look up %s: it has no address",
                resolve->job->name);
    resolve_cancel(resolve);
    done(to, &resolved);
}

static void on_time(void *arg)
{
    Resolve *resolve = arg;
    if (!resolve->begun && loop_now(resolve->loop) < resolve->deadline) {
        begin(resolve);
        return;
    }
    ResolveDone *done = resolve->done;
    void        *to = resolve->arg;
    Resolved     resolved;
    memset(&resolved, 0, sizeof resolved);
    err_set(&resolved.outcome, ST_TIMEOUT, "look up %s: no answer in time", resolve->job->name);
    resolve_cancel(resolve);
    done(to, &resolved);
}

/* -- the system's resolver, on the thread ------------------------------------------------------ */

static Status status_of(int code)
{
    switch (code) {
    case 0: return ST_OK;
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
        return ST_NOT_FOUND;
    default: return ST_UNAVAILABLE;
    }
}

static void ask_system(void *arg, const char *name, Resolved *out)
{
    struct addrinfo  wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    uint16_t         port;
    (void)arg;
    int code = getaddrinfo(name, NULL, &wanted, &found);
    if (code != 0) {
        err_set(&out->outcome, status_of(code), "look up %s: %s", name, gai_strerror(code));
        return;
    }
    for (struct addrinfo *at = found; at && out->count < RESOLVE_ADDRESSES_MAX; at = at->ai_next)
        if (address_from_socket(at->ai_addr, &out->addresses[out->count], &port)) out->count++;
    freeaddrinfo(found);
}
