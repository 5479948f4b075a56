/* A question to the person at the terminal: written to stderr, answered by a line on stdin.
 *
 *     queued --its turn--> shown <--> stepped back (another job has the terminal)
 *                            |
 *                            +--> ended: a line, no answer (Ctrl-D), its time, cancelled, hung up
 *
 * The terminal echoes and edits the line itself, so that its own keys work. It is read through a
 * description of our own, since making stdin's non-blocking would make it so for the shell too.
 * What was typed before the question was shown is thrown away: it answers nothing.
 */
#include "bind_cli.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum {
    TEXT_MOST = 32 * 1024,
    LINE_MOST = 4096, /* the terminal's own bound of a line */
    LOOK_MS = 500     /* how often to look whether another job has the terminal */
};

typedef struct Question {
    Op               op;     /* first */
    Engine          *engine; /* borrowed */
    struct Question *next;   /* asked after it; borrowed */
    char            *text;   /* owned */
    size_t           text_len;
    int64_t          timeout_ms; /* from when its turn comes */
    int64_t          deadline;   /* 0 until then */
    int              fd;         /* owned; the terminal; -1 until then */
    Watch           *watch;      /* owned */
    Timer           *timer;      /* owned */
    Signals         *resumed;    /* owned; SIGCONT */
    bool             shown, changed;
    struct termios   found; /* the terminal's modes, when `changed` */
    Buf              line;
} Question;

/* A job in the background that changes, reads or (with tostop) writes its terminal is stopped by a
 * signal; with the signal blocked it gets an error, or its way. */
static void block_stops(sigset_t *before)
{
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTTIN);
    sigaddset(&stops, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &stops, before);
}

static void unblock_stops(const sigset_t *before) { pthread_sigmask(SIG_SETMASK, before, NULL); }

static bool in_front(const Question *question)
{
    pid_t group = tcgetpgrp(question->fd);
    return group < 0 || group == getpgrp(); /* -1: not our session's, so no job control */
}

static void say(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(STDERR_FILENO, text, len);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return; /* it is read back as no answer */
        text += put;
        len -= (size_t)put;
    }
}

/* A terminal that a program left raw would give no lines and no Ctrl-C. */
static void set_modes(Question *question)
{
    struct termios modes;
    question->changed = false;
    if (tcgetattr(question->fd, &modes) != 0) return;
    question->found = modes;
    modes.c_iflag |= ICRNL;
    modes.c_iflag &= ~(tcflag_t)(IGNCR | INLCR);
    modes.c_lflag |= ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN;
    question->changed =
        modes.c_iflag != question->found.c_iflag || modes.c_lflag != question->found.c_lflag;
    if (question->changed) tcsetattr(question->fd, TCSANOW, &modes);
}

static void show(Question *question)
{
    sigset_t before;
    block_stops(&before);
    if (!question->changed) set_modes(question);
    /* the last sign comes behind the flush: who has seen the whole question is heard */
    size_t most = question->text_len > 0 ? question->text_len - 1 : 0;
    say(question->text, most);
    tcflush(question->fd, TCIFLUSH);
    say(question->text + most, question->text_len - most);
    unblock_stops(&before);
    buf_reset(&question->line);
    question->shown = true;
    watch_set(question->watch, WATCH_READ);
}

/* The terminal belongs to another job: its modes and its input are not ours now. */
static void step_back(Question *question)
{
    static const char HINT[] = "\nperigee waits for an answer; bring it to the foreground (fg)\n";
    sigset_t          before;
    block_stops(&before);
    say(HINT, sizeof HINT - 1);
    unblock_stops(&before);
    question->shown = question->changed = false;
    watch_set(question->watch, 0);
}

static void close_terminal(Question *question, bool answered)
{
    sigset_t before;
    block_stops(&before);
    if (question->shown && !answered) say("\n", 1);
    if (question->shown && in_front(question)) {
        if (!answered) tcflush(question->fd, TCIFLUSH); /* half a line is not for the shell */
        if (question->changed) tcsetattr(question->fd, TCSANOW, &question->found);
    }
    unblock_stops(&before);
    watch_free(question->watch);
    signals_free(question->resumed);
    if (question->fd >= 0) close(question->fd);
    question->watch = NULL;
    question->resumed = NULL;
    question->shown = false;
    question->fd = -1;
}

/* The question may be gone afterwards. The next one is shown at the loop's next turn, so that
 * nothing is shown where all of them are cancelled together. */
static void question_end(Question *question, const Err *outcome)
{
    Engine    *engine = question->engine;
    Question **at = &engine->questions;
    while (*at && *at != question) at = &(*at)->next;
    if (!*at) return; /* it has ended before */
    *at = question->next;
    close_terminal(question, outcome->status == ST_OK);
    timer_free(question->timer);
    question->timer = NULL;
    if (engine->questions && engine->questions->fd < 0)
        timer_set(engine->questions->timer, loop_now(engine->loop));
    op_finish(&question->op, outcome);
}

static void read_line(void *arg, int fd, int events)
{
    Question *question = arg;
    char      chunk[512];
    sigset_t  before;
    Err       err;
    (void)events;
    err_clear(&err);
    block_stops(&before);
    ssize_t got = read(fd, chunk, sizeof chunk);
    int     why = errno;
    unblock_stops(&before);
    if (got < 0 && (why == EAGAIN || why == EINTR)) return;
    if (got < 0 && !in_front(question)) {
        step_back(question);
        return;
    }
    if (got < 0)
        err_set(&err, ST_UNAVAILABLE, "read the answer: %s", strerror(why));
    else if (got == 0)
        err_set(&err, ST_WAITING, "no answer was given");
    else if (buf_append(&question->line, (Str){chunk, (size_t)got}, &err) == ST_OK &&
             !memchr(chunk, '\n', (size_t)got))
        return;
    question_end(question, &err);
}

static void resumed(void *arg, int signo)
{
    Question *question = arg;
    (void)signo;
    if (!in_front(question)) return;
    question->changed = false; /* the shell has set its own modes in between */
    show(question);
}

static bool open_terminal(Question *question, Err *err)
{
    Loop *loop = question->engine->loop;
    int   flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        err_set(err, ST_UNAVAILABLE, "nobody can be asked: stdin and stderr are no terminal");
        return false;
    }
    question->fd = open("/proc/self/fd/0", flags);
    if (question->fd < 0 && tcgetsid(STDIN_FILENO) == getsid(0))
        question->fd = open("/dev/tty", flags); /* after su the device is somebody else's */
    if (question->fd < 0) {
        err_set(err, ST_UNAVAILABLE, "open the terminal: %s", strerror(errno));
        return false;
    }
    return watch_new(loop, question->fd, read_line, question, &question->watch, err) == ST_OK &&
           signals_new(loop, SIGCONT, resumed, question, &question->resumed, err) == ST_OK;
}

/* Its turn comes, its time is over, or it looks whether the terminal is another job's. */
static void on_timer(void *arg)
{
    Question *question = arg;
    int64_t   now = loop_now(question->engine->loop), look = now + LOOK_MS;
    Err       err;
    err_clear(&err);
    bool first = question->deadline == 0;
    if (first) question->deadline = now + question->timeout_ms;
    if (first && !open_terminal(question, &err)) {
        question_end(question, &err);
        return;
    }
    if (now >= question->deadline) {
        err_set(&err, ST_TIMEOUT, "nobody answered within %lld s",
                (long long)(question->timeout_ms + 999) / 1000);
        question_end(question, &err);
        return;
    }
    bool front = in_front(question);
    if (front && !question->shown) show(question);
    if (!front && (question->shown || first)) step_back(question);
    timer_set(question->timer, look < question->deadline ? look : question->deadline);
}

static void question_cancel(Op *op)
{
    Err why;
    err_set(&why, ST_CANCELLED, "the question was cancelled");
    question_end((Question *)op, &why);
}

static int question_push(Op *op, lua_State *L)
{
    Question *question = (Question *)op;
    Str       line = buf_str(&question->line);
    char     *end = memchr(line.ptr, '\n', line.len);
    lua_pushlstring(L, line.ptr, end ? (size_t)(end - line.ptr) : line.len);
    return 1;
}

static void question_free(Op *op)
{
    Question *question = (Question *)op;
    buf_clear(&question->line);
    free(question->text);
    free(question);
}

static const OpKind QUESTION = {"question", question_cancel, question_push, question_free};

int cli_question(lua_State *L)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_Integer timeout_ms = luaL_checkinteger(L, 2);
    luaL_argcheck(L, len <= TEXT_MOST, 1, "a question has at most 32 KB");
    luaL_argcheck(L, timeout_ms > 0, 2, "a question needs a time");
    op_may_wait(L);
    Engine   *engine = vm_of(L)->engine;
    Question *question = mem_new(sizeof *question);
    question->op.kind = &QUESTION;
    question->engine = engine;
    question->text = mem_copy(text, len);
    question->text_len = len;
    question->timeout_ms = timeout_ms;
    question->fd = -1;
    question->timer = timer_new(engine->loop, on_timer, question);
    buf_init(&question->line, LINE_MOST);
    Question **at = &engine->questions;
    while (*at) at = &(*at)->next;
    *at = question;
    if (engine->questions == question) timer_set(question->timer, loop_now(engine->loop));
    return op_await(L, &question->op);
}
