/* A lock that blocks in the kernel has no timeout, so a timer of the waiting thread's own
 * interrupts it with SIGURG (which the kernel ignores by default: a stray one harms nobody). */
#include "fair_lock.h"

#include "../base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { BYTE_GATE = 0, BYTE_TURN = 1, BYTE_LEASES = 2 };
enum { NUDGE_AGAIN_MS = 50 }; /* a signal that came just before the wait began is lost: repeat it */

static Status wait_for(int fd, off_t byte, int64_t deadline, Err *err);
static int    lock_byte(int fd, int command, short type, off_t byte);

Status fair_lock_open(FairLock *lock, const char *path, Err *err)
{
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (lock->fd < 0) return err_set(err, ST_IO, "open %s: %s", path, strerror(errno));
    return ST_OK;
}

void fair_lock_close(FairLock *lock)
{
    if (lock->fd >= 0) close(lock->fd);
    lock->fd = -1;
}

Status fair_lock_take(FairLock *lock, int64_t timeout_ms, Err *err)
{
    static const Clock real = {.is_virtual = false};
    int64_t            deadline = clock_deadline(&real, timeout_ms);
    Status             status = wait_for(lock->fd, BYTE_GATE, deadline, err);
    if (status != ST_OK) return status;
    status = wait_for(lock->fd, BYTE_TURN, deadline, err);
    lock_byte(lock->fd, F_OFD_SETLK, F_UNLCK, BYTE_GATE);
    return status;
}

void fair_lock_leave(FairLock *lock) { lock_byte(lock->fd, F_OFD_SETLK, F_UNLCK, BYTE_TURN); }

Status fair_lock_lease(FairLock *lock, int64_t number, Err *err)
{
    if (lock_byte(lock->fd, F_OFD_SETLK, F_WRLCK, BYTE_LEASES + number) == 0) return ST_OK;
    Status status = errno == EAGAIN || errno == EACCES ? ST_UNAVAILABLE : ST_IO;
    return err_set(err, status, "take lease %lld: %s", (long long)number, strerror(errno));
}

bool fair_lock_lives(const FairLock *lock, int64_t number)
{
    struct flock range = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE_LEASES + number, .l_len = 1};
    /* Where the kernel does not answer nobody is taken for dead. */
    return fcntl(lock->fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

static int lock_byte(int fd, int command, short type, off_t byte)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, command, &range);
}

static void on_nudge(int signo) { (void)signo; /* interrupting fcntl is all it is for */ }

static void install_nudge(void)
{
    struct sigaction old, nudge = {.sa_handler = on_nudge}; /* no SA_RESTART: fcntl must return */
    if (sigaction(SIGURG, NULL, &old) == 0 &&
        (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN))
        sigaction(SIGURG, &nudge, NULL);
}

static Status start_nudging(int64_t after_ms, timer_t *timer, Err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_nudge);
    if (after_ms < 1) after_ms = 1;
    struct sigevent   event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
    struct itimerspec when = {.it_value = {after_ms / 1000, (after_ms % 1000) * 1000000},
                              .it_interval = {0, NUDGE_AGAIN_MS * 1000000}};
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, timer) != 0)
        return err_set(err, ST_IO, "timer for the lock: %s", strerror(errno));
    timer_settime(*timer, 0, &when, NULL);
    return ST_OK;
}

static Status wait_for(int fd, off_t byte, int64_t deadline, Err *err)
{
    static const Clock real = {.is_virtual = false};
    timer_t            timer;
    if (lock_byte(fd, F_OFD_SETLK, F_WRLCK, byte) == 0) return ST_OK;
    if (errno != EAGAIN && errno != EACCES) return err_set(err, ST_IO, "lock: %s", strerror(errno));
    Status status = start_nudging(deadline - clock_now(&real), &timer, err);
    if (status != ST_OK) return status;
    while (status == ST_OK && lock_byte(fd, F_OFD_SETLKW, F_WRLCK, byte) != 0) {
        if (errno != EINTR)
            status = err_set(err, ST_IO, "lock: %s", strerror(errno));
        else if (clock_now(&real) >= deadline)
            status = err_set(err, ST_TIMEOUT,
                             "another process has held it for too long; is a "
                             "perigee stopped (Ctrl-Z) in some terminal?");
    }
    timer_delete(timer);
    return status;
}
