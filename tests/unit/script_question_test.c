/* cli.question on a real terminal: a pseudo-terminal whose far side plays the person. */
#include "script_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

enum { WAIT_MS = 30000 };

typedef enum Start {
    START_FRONT,
    START_RAW,       /* the program before left the terminal raw */
    START_BACKGROUND /* the session's leader brings it to the foreground when told */
} Start;

typedef struct Person {
    int    master;
    int    go[2];     /* the parent's sign to begin, or to bring to the foreground */
    int    result[2]; /* what the chunk answered */
    pid_t  pid;
    char   seen[20000];
    size_t len;
} Person;

static void await_go(const Person *person)
{
    char byte;
    if (read(person->go[0], &byte, 1) != 1) _exit(90);
}

static void give_go(const Person *person)
{
    if (write(person->go[1], "g", 1) != 1) tap_failed = true;
}

static bool is_raw(int fd)
{
    struct termios modes;
    return tcgetattr(fd, &modes) == 0 && !(modes.c_lflag & (ICANON | ECHO | ISIG));
}

/* The program: evaluates the chunk in an engine, writes down what came of it. */
static void play(const Person *person, Start start, const char *chunk)
{
    Rig rig;
    if (start != START_BACKGROUND) await_go(person);
    rig_open(&rig, REAL_CLOCK);
    const char *shown = rig_eval(&rig, chunk);
    dprintf(person->result[1], "%s%s\n", shown,
            start == START_RAW && !is_raw(STDIN_FILENO) ? " | modes changed" : "");
    rig_close(&rig);
    _exit(tap_failed ? 1 : 0);
}

/* As a shell with job control does it. Answers what became of the job: 's' for stopped. */
static void lead(const Person *person, const char *chunk)
{
    int   status;
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_DFL);
        play(person, START_BACKGROUND, chunk);
    }
    setpgid(job, job);
    await_go(person);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, job);
    if (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        dprintf(person->result[1], "stopped by signal %d\n", WSTOPSIG(status));
        kill(job, SIGKILL);
        waitpid(job, &status, 0);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

static void begin(Person *person, Start start, const char *chunk)
{
    memset(person, 0, sizeof *person);
    person->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(person->master >= 0 && grantpt(person->master) == 0 && unlockpt(person->master) == 0);
    CHECK(pipe(person->go) == 0 && pipe(person->result) == 0);
    fflush(stdout);
    person->pid = fork();
    if (person->pid == 0) {
        setsid();
        signal(SIGHUP, SIG_IGN);
        int slave = open(ptsname(person->master), O_RDWR);
        ioctl(slave, TIOCSCTTY, 0);
        if (start == START_RAW) {
            struct termios modes;
            tcgetattr(slave, &modes);
            cfmakeraw(&modes);
            tcsetattr(slave, TCSANOW, &modes);
        }
        dup2(slave, STDIN_FILENO);
        dup2(slave, STDERR_FILENO);
        close(slave);
        close(person->master);
        close(person->go[1]);
        close(person->result[0]);
        if (start == START_BACKGROUND) lead(person, chunk);
        play(person, start, chunk);
    }
    close(person->go[0]);
    close(person->result[1]);
}

/* Reads what the terminal shows until it holds `part`. */
static bool sees(Person *person, const char *part)
{
    while (!strstr(person->seen, part)) {
        struct pollfd on = {.fd = person->master, .events = POLLIN};
        if (poll(&on, 1, WAIT_MS) != 1) break;
        ssize_t got =
            read(person->master, person->seen + person->len, sizeof person->seen - person->len - 1);
        if (got <= 0) break;
        person->len += (size_t)got;
        person->seen[person->len] = '\0';
    }
    bool found = strstr(person->seen, part) != NULL;
    if (!found) printf("# the terminal shows: %s\n", person->seen);
    return found;
}

static void types(const Person *person, const char *keys)
{
    if (write(person->master, keys, strlen(keys)) != (ssize_t)strlen(keys)) tap_failed = true;
}

/* What the chunk answered; the program has ended, without litter. */
static const char *answer(Person *person)
{
    static char line[1000];
    int         status = 0;
    size_t      len = 0;
    while (len < sizeof line - 1) {
        struct pollfd on = {.fd = person->result[0], .events = POLLIN};
        if (poll(&on, 1, WAIT_MS) != 1) break;
        ssize_t got = read(person->result[0], line + len, sizeof line - 1 - len);
        if (got <= 0) break;
        len += (size_t)got;
    }
    line[len] = '\0';
    if (len > 0 && line[len - 1] == '\n') line[len - 1] = '\0';
    if (len == 0) kill(person->pid, SIGKILL);
    waitpid(person->pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (person->master >= 0) close(person->master);
    close(person->go[1]);
    close(person->result[0]);
    return line;
}

TEST(a_line_that_is_typed_is_the_answer)
{
    Person person;
    begin(&person, START_FRONT, "return cli.person, cli.question('Really? ', 60000)");
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    types(&person, "of curse\x7f\x7f\x7f\x7fourse\n"); /* the terminal's own editing */
    CHECK_TEXT(answer(&person), "true | of course");
}

TEST(what_was_typed_before_the_question_answers_nothing)
{
    Person person;
    begin(&person, START_FRONT, "return cli.question('Really? ', 60000)");
    types(&person, "yes\nhalf");
    CHECK(sees(&person, "half")); /* its echo: the terminal holds it now */
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    types(&person, "no\n");
    CHECK_TEXT(answer(&person), "no");
}

TEST(control_d_is_no_answer)
{
    Person person;
    begin(&person, START_FRONT, "return cli.question('Really? ', 60000)");
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    types(&person, "\x04");
    CHECK_TEXT(answer(&person), "nil | waiting: no answer was given");
}

TEST(a_half_line_and_control_d_is_no_answer_either)
{
    Person person;
    begin(&person, START_FRONT, "return cli.question('Really? ', 60000)");
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    types(&person, "y\x04\x04");
    CHECK_TEXT(answer(&person), "nil | waiting: no answer was given");
}

TEST(a_question_ends_at_its_deadline)
{
    Person person;
    begin(&person, START_FRONT, "return cli.question('Really? ', 20)");
    give_go(&person);
    CHECK_TEXT(answer(&person), "nil | timeout: nobody answered within 1 s");
}

TEST(questions_asked_side_by_side_are_shown_one_after_the_other)
{
    Person person;
    begin(&person, START_FRONT,
          "local said = run:all { function() return cli.question('First? ', 60000) end,"
          " function() return cli.question('Second? ', 60000) end }\n"
          "return said[1], said[2]");
    give_go(&person);
    CHECK(sees(&person, "First? "));
    CHECK(!strstr(person.seen, "Second? "));
    types(&person, "one\n");
    CHECK(sees(&person, "Second? "));
    types(&person, "two\n");
    CHECK_TEXT(answer(&person), "one | two");
}

TEST(a_cancelled_question_lets_the_next_one_be_shown_and_one_that_waits_is_never_shown)
{
    Person person;
    begin(&person, START_FRONT,
          "local _, key = run:race { function() return cli.question('First? ', 60000) end,"
          " function() return cli.question('Second? ', 60000) end,"
          " soon = function() run:sleep(1) return true end }\n"
          "return key, cli.question('Third? ', 60000)");
    give_go(&person);
    CHECK(sees(&person, "Third? "));
    CHECK(!strstr(person.seen, "Second? "));
    types(&person, "three\n");
    CHECK_TEXT(answer(&person), "soon | three");
}

TEST(a_raw_terminal_edits_lines_for_a_question_and_is_raw_again_after_it)
{
    Person person;
    begin(&person, START_RAW,
          "return cli.question('Really? ', 60000), cli.question('Again? ', 20)");
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    types(&person, "no\x7f\x7fyes\r");
    CHECK_TEXT(answer(&person), "yes | nil | timeout: nobody answered within 1 s");
}

TEST(a_job_in_the_background_is_not_stopped_and_asks_once_it_is_in_front)
{
    Person person;
    begin(&person, START_BACKGROUND, "return cli.question('Really? ', 60000)");
    CHECK(sees(&person, "bring it to the foreground"));
    CHECK(!strstr(person.seen, "Really? "));
    types(&person, "yes\n"); /* meant for whoever was in front */
    CHECK(sees(&person, "yes"));
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    types(&person, "no\n");
    CHECK_TEXT(answer(&person), "no");
}

TEST(a_terminal_that_hangs_up_is_no_answer)
{
    Person person;
    begin(&person, START_FRONT, "return (select(2, cli.question('Really? ', 60000))).code");
    give_go(&person);
    CHECK(sees(&person, "Really? "));
    close(person.master);
    person.master = -1;
    const char *code = answer(&person);
    CHECK(strcmp(code, "waiting") == 0 || strcmp(code, "unavailable") == 0);
}

TEST(without_a_terminal_nobody_can_be_asked)
{
    Rig rig;
    int saved = dup(STDIN_FILENO), none = open("/dev/null", O_RDONLY);
    dup2(none, STDIN_FILENO);
    close(none);
    rig_open(&rig, REAL_CLOCK);
    CHECK_TEXT(rig_eval(&rig, "return cli.person, cli.question('Really? ', 1000)"),
               "false | nil | unavailable: nobody can be asked: stdin and stderr are no terminal");
    rig_close(&rig);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

int main(void) { return rig_run(); }
