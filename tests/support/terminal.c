/* terminal.c -- runs a program on a terminal of its own, and types when it sees what to wait for.
 *
 * Use   terminal SEEN KEYS SEEN KEYS ... -- PROGRAM ARGUMENTS
 *       Each KEYS is typed once SEEN was shown, counted from what the one before it was found in.
 *       What the terminal shows goes to stdout; the exit code is the program's, 128 + its signal,
 *       or 97 when it showed something else within the bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BOUND_S = 50, SHOWN_MAX = 1 << 20 };

static char   shown[SHOWN_MAX];
static size_t len, from;

static void start(int master, char **program)
{
    setsid();
    int slave = open(ptsname(master), O_RDWR);
    ioctl(slave, TIOCSCTTY, 0);
    struct winsize size = {.ws_row = 40, .ws_col = 100};
    ioctl(slave, TIOCSWINSZ, &size);
    for (int fd = 0; fd < 3; fd++) dup2(slave, fd);
    if (slave > 2) close(slave);
    close(master);
    signal(SIGINT, SIG_DFL);
    execv(program[0], program);
    _exit(98);
}

/* Types what is due; answers the next pair. */
static char **type(int master, char **pair)
{
    while (strcmp(pair[0], "--") != 0) {
        char *at = strstr(shown + from, pair[0]);
        if (!at) break;
        from = (size_t)(at - shown) + strlen(pair[0]);
        if (write(master, pair[1], strlen(pair[1])) < 0) break;
        pair += 2;
    }
    return pair;
}

int main(int argc, char **argv)
{
    int split = 1, status = 0;
    while (split < argc && strcmp(argv[split], "--") != 0) split += 2;
    if (split + 1 >= argc) return 96;
    alarm(BOUND_S + 5);
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return 95;
    pid_t pid = fork();
    if (pid == 0) start(master, argv + split + 1);
    char **pair = argv + 1;
    bool   hung = false;
    while (len < SHOWN_MAX - 1) {
        struct pollfd on = {.fd = master, .events = POLLIN};
        if (poll(&on, 1, BOUND_S * 1000) != 1) {
            hung = true;
            kill(pid, SIGKILL);
            break;
        }
        ssize_t got = read(master, shown + len, SHOWN_MAX - 1 - len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        fwrite(shown + len, 1, (size_t)got, stdout);
        len += (size_t)got;
        pair = type(master, pair);
    }
    fflush(stdout);
    waitpid(pid, &status, 0);
    if (hung || strcmp(pair[0], "--") != 0) return 97;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
