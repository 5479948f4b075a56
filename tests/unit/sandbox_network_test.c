/* The three networks of a run: nothing, a socket for a proxy, the host's own. Each door is first
 * shown to be open from here, so that a closed one says something. */
#include "sandbox_try.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Doors of the host: TCP and UDP on both loopbacks, and an abstract UNIX socket. */
typedef struct Doors {
    int  tcp, udp, tcp6, abstract;
    int  tcp_port, udp_port, tcp6_port;
    char name[64];
} Doors;

static int open_inet(int type, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          size = sizeof address;
    int                fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&address, size) != 0) abort();
    if (type == SOCK_STREAM && listen(fd, 8) != 0) abort();
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) abort();
    *port = ntohs(address.sin_port);
    return fd;
}

/* -1 on a machine without IPv6 */
static int open_inet6(int *port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t           size = sizeof address;
    int                 fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin6_port);
    return fd;
}

static void open_doors(Doors *doors)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(doors, 0, sizeof *doors);
    doors->tcp = open_inet(SOCK_STREAM, &doors->tcp_port);
    doors->udp = open_inet(SOCK_DGRAM, &doors->udp_port);
    doors->tcp6 = open_inet6(&doors->tcp6_port);
    doors->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(doors->name, sizeof doors->name, "perigee-test-%d", getpid());
    memcpy(address.sun_path + 1, doors->name, strlen(doors->name));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(doors->name));
    if (bind(doors->abstract, (struct sockaddr *)&address, size) != 0) abort();
    if (listen(doors->abstract, 8) != 0) abort();
}

static void close_doors(Doors *doors)
{
    close(doors->tcp);
    close(doors->udp);
    if (doors->tcp6 >= 0) close(doors->tcp6);
    close(doors->abstract);
}

/* Says for each door whether it opened; UDP has no answer, so the other side looks. */
static const char KNOCK[] =
    "import socket, sys\n"
    "tcp, udp, tcp6 = map(int, sys.argv[1:4])\n"
    "def knock(what, family, address):\n"
    "  try:\n"
    "    s = socket.socket(family); s.settimeout(5); s.connect(address); print(what, 'open')\n"
    "  except OSError as e: print(what, 'shut')\n"
    "knock('tcp', socket.AF_INET, ('127.0.0.1', tcp))\n"
    "knock('abstract', socket.AF_UNIX, b'\\0' + sys.argv[4].encode())\n"
    "if tcp6: knock('tcp6', socket.AF_INET6, ('::1', tcp6))\n"
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))\n"
    "print('RAN')\n";

static void knock(Try *t, const Doors *doors)
{
    char line[300];
    try_file(t, "knock.py", KNOCK);
    snprintf(line, sizeof line, "python3 knock.py %d %d %d %s", doors->tcp_port, doors->udp_port,
             doors->tcp6 >= 0 ? doors->tcp6_port : 0, doors->name);
    try_sh(t, line);
    CHECK(t->out && strstr(t->out, "RAN\n") != NULL);
}

static bool heard(int udp)
{
    char byte;
    return recv(udp, &byte, 1, MSG_DONTWAIT) == 1;
}

TEST(without_a_network_no_door_of_the_host_opens)
{
    TRY_OPEN(t);
    Doors doors;
    open_doors(&doors);
    knock(&t, &doors);
    CHECK(t.out && strstr(t.out, "tcp shut") && strstr(t.out, "abstract shut"));
    CHECK(t.out && strstr(t.out, "open") == NULL);
    CHECK(!heard(doors.udp));
    close_doors(&doors);
    try_close(&t);
}

/* -- the host's network ------------------------------------------------------------------------ */

TEST(the_hosts_network_is_the_hosts_and_everything_else_is_not)
{
    TRY_OPEN(t);
    Doors doors;
    open_doors(&doors);
    space_free(t.space);
    t.space_spec.network = NETWORK_HOST;
    CHECK(try_space(&t));
    knock(&t, &doors);
    CHECK(t.out && strstr(t.out, "tcp open") != NULL);
    CHECK(doors.tcp6 < 0 || (t.out && strstr(t.out, "tcp6 open")));
    CHECK(heard(doors.udp));
    char script[600];
    snprintf(script, sizeof script,
             "hostname; id -u; ls /root /sys 2>/dev/null; ls -d /proc/[0-9]* | wc -l | "
             "awk '{ print ($1 <= 6) }'; grep ^CapEff /proc/self/status | tr -s '\\t' ' '; "
             "[ -e /proc/%d/environ ] && echo sees the host; "
             "grep ^hosts /etc/nsswitch.conf; echo RAN",
             getpid());
    try_sh(&t, script);
    CHECK_TEXT(t.out, "sandbox\n1000\n1\nCapEff: 0000000000000000\nhosts: files dns\nRAN\n");
    try_sh(&t, "cat /etc/resolv.conf; echo x >> /etc/resolv.conf || echo RAN");
    CHECK(t.out && strstr(t.out, "RAN\n") != NULL);
    CHECK(t.out && strstr(t.out, "no name is resolved") == NULL);
    close_doors(&doors);
    try_close(&t);
}

TEST(nothing_of_the_hosts_network_can_be_changed)
{
    TRY_OPEN(t);
    space_free(t.space);
    t.space_spec.network = NETWORK_HOST;
    CHECK(try_space(&t));
    try_sh(&t, "python3 -c 'import fcntl, socket, struct\n"
               "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               "try: fcntl.ioctl(s, 0x8914, struct.pack(\"16sH14s\", b\"lo\", 1, b\"\")); "
               "print(\"changed\")\n"
               "except OSError as e: print(e.strerror)\n"
               "try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print(\"raw\")\n"
               "except OSError as e: print(e.strerror)'\n"
               "echo 1 > /proc/sys/net/ipv4/ip_forward || echo kept");
    CHECK_TEXT(t.out, "Operation not permitted\nOperation not permitted\nkept\n");
    try_close(&t);
}

/* -- a socket for the proxy -------------------------------------------------------------------- */

typedef struct Handed {
    int times, fd;
} Handed;

static void listens(void *arg, int fd)
{
    Handed *handed = arg;
    if (handed->times++) close(handed->fd);
    handed->fd = fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t          size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return 0;
    return ntohs(address.sin_port);
}

static bool proxied(Try *t, Handed *handed)
{
    *handed = (Handed){.fd = -1};
    space_free(t->space);
    t->space_spec.network = NETWORK_PROXY;
    t->space_spec.listens = listens;
    t->space_spec.listens_arg = handed;
    return try_space(t);
}

TEST(the_host_is_given_the_runs_socket_once_and_each_command_its_own_token)
{
    TRY_OPEN(t);
    Handed handed;
    CHECK(proxied(&t, &handed));
    t.spec.token = "first-command-s-token";
    try_sh(&t, "echo $http_proxy $HTTPS_PROXY $no_proxy");
    CHECK_INT(handed.times, 1);
    char want[300];
    snprintf(want, sizeof want,
             "http://run:first-command-s-token@127.0.0.1:%u "
             "http://run:first-command-s-token@127.0.0.1:%u localhost,127.0.0.1,::1\n",
             port_of(handed.fd), port_of(handed.fd));
    CHECK_TEXT(t.out, want);
    t.spec.token = NULL;
    try_sh(&t, "env | grep -ic proxy; echo > /dev/tcp/127.0.0.1/1 || echo RAN");
    CHECK_TEXT(t.out, "0\nRAN\n");
    CHECK_INT(handed.times, 1);
    close(handed.fd);
    try_close(&t);
}

static int connect_here(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int                rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return rc;
}

TEST(the_runs_socket_is_reached_from_its_own_commands_and_from_nowhere_else)
{
    TRY_OPEN(t);
    Handed handed, other;
    CHECK(proxied(&t, &handed));
    try_sh(&t, "true");
    CHECK(connect_here(port_of(handed.fd)) != 0);
    char script[200];
    snprintf(script, sizeof script, "bash -c 'echo > /dev/tcp/127.0.0.1/%u' && echo reached",
             port_of(handed.fd));
    try_sh(&t, script);
    CHECK_TEXT(t.out, "reached\n");
    int got = accept(handed.fd, NULL, NULL);
    CHECK(got >= 0);
    close(got);
    Space *first = t.space;
    t.space = NULL;
    CHECK(proxied(&t, &other));
    try_sh(&t, script);
    CHECK(port_of(other.fd) == port_of(handed.fd) || (t.out && !*t.out));
    CHECK(accept(handed.fd, NULL, NULL) < 0 && errno == EAGAIN);
    space_free(first);
    close(handed.fd);
    close(other.fd);
    try_close(&t);
}

TEST(a_server_of_one_run_does_not_answer_another_run)
{
    TRY_OPEN(t);
    const char *const server[] = {"python3", "-c",
                                  "import socket\n"
                                  "s = socket.socket(); s.bind(('127.0.0.1', 4712)); s.listen()\n"
                                  "open('up', 'w').close()\n"
                                  "s.accept()[0].sendall(b'hi')",
                                  NULL};
    static const char client[] =
        "until [ -e up ]; do :; done; bash -c 'cat < /dev/tcp/127.0.0.1/4712' || echo nobody";
    CHECK(try_begin(&t, server) != NULL);
    Space *first = t.space;
    CHECK(try_space(&t));
    try_sh(&t, client); /* the same workspace, another run */
    CHECK_TEXT(t.out, "nobody\n");
    CHECK_INT(t.ends, 1);
    Space *second = t.space;
    t.space = first;
    try_sh(&t, client);
    if (t.ends < 3) loop_run(t.loop);
    CHECK_INT(t.ends, 3);
    space_free(second);
    try_close(&t);
}

/* -- words ------------------------------------------------------------------------------------- */

static bool explains(Try *t, const char *network, const char *step)
{
    static const char *const argv[] = {"true", NULL};
    Buf                      words;
    Err                      err;
    t->spec.argv = argv;
    buf_init(&words, 1 << 20);
    bool said = exec_explain(t->space, &t->spec, &words, &err) == ST_OK && words.ptr &&
                strstr(words.ptr, network) && strstr(words.ptr, step);
    buf_clear(&words);
    return said;
}

TEST(a_plan_says_in_words_which_network_there_is)
{
    TRY_OPEN(t);
    Handed handed;
    CHECK(explains(&t, "Network: none", "make a network namespace"));
    CHECK(proxied(&t, &handed));
    CHECK(explains(&t, "Network: through a proxy", "open a socket for the run's proxy"));
    CHECK_INT(handed.times, 0);
    space_free(t.space);
    t.space_spec.network = NETWORK_HOST;
    CHECK(try_space(&t));
    CHECK(explains(&t, "Network: this machine's own",
                   "join the run's namespaces; the network stays the host's"));
    CHECK(!explains(&t, "Network", "make a network namespace"));
    try_close(&t);
}

/* -- limits of a run --------------------------------------------------------------------------- */

TEST(a_command_gets_no_more_than_its_run_allows)
{
    TRY_OPEN(t);
    space_free(t.space);
    t.space_spec.limits = (ExecLimits){.file_size = 4096, .wall_ms = 60000};
    t.space_spec.wall_most_ms = 90000;
    CHECK(try_space(&t));
    t.spec.limits = (ExecLimits){.file_size = 1 << 20, .wall_ms = 3600000};
    try_sh(&t, "head -c 100000 /dev/zero > big; stat -c %s big; ulimit -f");
    CHECK(t.out && strncmp(t.out, "4096\n", 5) == 0);
    CHECK_INT(t.allowed_ms, 90000);
    t.spec.limits = (ExecLimits){0};
    try_sh(&t, "true");
    CHECK_INT(t.allowed_ms, 60000);
    try_close(&t);
}

int main(void) { return try_main(); }
