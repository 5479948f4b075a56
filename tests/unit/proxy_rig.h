/* proxy_rig.h -- a proxy on loopback, and a script on a thread that plays both its client and the
 * server behind it, one blocking step after the other. Names are known by a table of the test's. */
#ifndef TESTS_UNIT_PROXY_RIG_H
#define TESTS_UNIT_PROXY_RIG_H

#include "../../host/base/limits.h"
#include "../../host/base/mem.h"
#include "../../host/http/proxy.h"
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Rig {
    Loop      *loop;
    Proxy     *proxy;
    ProxyPass *pass;
    Waker     *waker;
    char       token[PROXY_TOKEN_SIZE];
    unsigned   proxy_port, origin_port;
    int        origin; /* listening; accepted by the script */
    char       refused[2000];
    atomic_int lookups;
    atomic_int hold; /* look-ups of "slow.test" wait while it is 1 */
    void (*script)(struct Rig *rig);
    bool cut; /* dismiss the pass when the script asks for it */
} Rig;

/* A name that begins with "inner" is this machine, one with "other" some private host, "mixed" is
 * both, "outer" is public but never dialled, "none" does not exist. */
static void rig_look_up(void *arg, const char *name, Resolved *out)
{
    Rig *rig = arg;
    atomic_fetch_add(&rig->lookups, 1);
    while (strncmp(name, "slow", 4) == 0 && atomic_load(&rig->hold)) sched_yield();
    if (strncmp(name, "mixed", 5) == 0 || strncmp(name, "other", 5) == 0)
        CHECK(address_parse(STR("10.11.12.13"), &out->addresses[out->count++]));
    if (strncmp(name, "second", 6) == 0)
        CHECK(address_parse(STR("127.0.0.2"), &out->addresses[out->count++]));
    if (strncmp(name, "mixed", 5) == 0 || strncmp(name, "inner", 5) == 0 ||
        strncmp(name, "second", 6) == 0)
        CHECK(address_parse(STR("127.0.0.1"), &out->addresses[out->count++]));
    if (strncmp(name, "meta", 4) == 0)
        CHECK(address_parse(STR("169.254.169.254"), &out->addresses[out->count++]));
    if (strncmp(name, "mapped", 6) == 0)
        CHECK(address_parse(STR("::ffff:127.0.0.1"), &out->addresses[out->count++]));
    if (out->count == 0) err_set(&out->outcome, ST_NOT_FOUND, "look up %s: no such name", name);
}

static void rig_refused(void *arg, const ProxyRefusal *refusal)
{
    Rig   *rig = arg;
    size_t at = strlen(rig->refused);
    snprintf(rig->refused + at, sizeof rig->refused - at, "%s:%u %s;", refusal->name, refusal->port,
             refusal->why);
}

static int rig_listen(unsigned *port, int backlog)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          len = sizeof at;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, backlog) == 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    *port = ntohs(at.sin_port);
    return fd;
}

/* -- what scripts do --------------------------------------------------------------------------- */

/* Nothing in a test is waited for longer than this; then the read answers that nothing came. */
static void rig_patience(int fd)
{
    struct timeval most = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

static int rig_connect(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rig_patience(fd);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static int rig_accept(Rig *rig)
{
    struct pollfd ready = {rig->origin, POLLIN, 0};
    if (poll(&ready, 1, 20000) != 1) return -1;
    int fd = accept4(rig->origin, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) rig_patience(fd);
    return fd;
}

static void rig_put(int fd, const char *bytes)
{
    size_t len = strlen(bytes);
    CHECK(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

/* Text with "$A" for the right Proxy-Authorization line and "$P" for the origin's port. */
static void rig_say(const Rig *rig, int fd, const char *text)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char              pair[80], out[8000], code[160] = "";
    size_t len = (size_t)snprintf(pair, sizeof pair, "run:%s", rig->token), at = 0, n = 0;
    for (size_t i = 0; i < len; i += 3) {
        unsigned bits = (unsigned)(unsigned char)pair[i] << 16;
        if (i + 1 < len) bits |= (unsigned)(unsigned char)pair[i + 1] << 8;
        if (i + 2 < len) bits |= (unsigned char)pair[i + 2];
        for (int k = 0; k < 4; k++)
            code[at++] = i + (size_t)k > len ? '=' : DIGITS[bits >> (18 - 6 * k) & 63];
    }
    for (const char *c = text; *c; c++) {
        if (strncmp(c, "$A", 2) == 0)
            n += (size_t)snprintf(out + n, sizeof out - n, "Proxy-Authorization: Basic %s\r\n",
                                  code);
        else if (strncmp(c, "$P", 2) == 0)
            n += (size_t)snprintf(out + n, sizeof out - n, "%u", rig->origin_port);
        else
            out[n++] = *c;
        if (*c == '$') c++;
    }
    out[n] = '\0';
    rig_put(fd, out);
}

/* What comes until `until` has been seen, or the end. In a buffer of the thread's. */
static const char *rig_take(int fd, const char *until)
{
    static char text[70000];
    size_t      len = 0;
    text[0] = '\0';
    while (len < sizeof text - 1 && !(until && strstr(text, until))) {
        ssize_t got = recv(fd, text + len, until ? 1 : sizeof text - 1 - len, 0);
        if (got <= 0) break;
        len += (size_t)got;
        text[len] = '\0';
    }
    return text;
}

static const char *rig_rest(int fd) { return rig_take(fd, NULL); }

/* One whole exchange that the proxy answers by itself. */
static const char *rig_ask(const Rig *rig, const char *request)
{
    int fd = rig_connect(rig->proxy_port);
    rig_say(rig, fd, request);
    const char *answer = rig_rest(fd);
    close(fd);
    return answer;
}

/* -- the frame --------------------------------------------------------------------------------- */

static void *rig_thread(void *arg)
{
    Rig *rig = arg;
    rig->script(rig);
    waker_wake(rig->waker);
    return NULL;
}

static void rig_over(void *arg)
{
    Rig *rig = arg;
    if (rig->cut && rig->pass) { /* the script wants its pass gone, and goes on */
        proxy_dismiss(rig->pass);
        rig->pass = NULL;
        rig->cut = false;
        return;
    }
    loop_stop(rig->loop);
}

/* Plays `script` before a proxy that lets in `entries` ("a, b"; "$P" is the origin's port). */
static void rig_play(const char *entries, ProxyTimes times, void (*script)(Rig *rig))
{
    static Rig rig; /* a look-up that was given up may still use it */
    Err        err;
    HostRules  rules = {NULL, 0};
    pthread_t  thread;
    char       entry[100];
    int        before = tap_descriptors();
    memset(&rig, 0, sizeof rig);
    rig.script = script;
    rig.origin = rig_listen(&rig.origin_port, 16);
    ResolveNames names = {rig_look_up, &rig};
    ProxySpec    spec = {rig_listen(&rig.proxy_port, 64), times, &names};
    CHECK(loop_new(&rig.loop, false, &err) == ST_OK);
    CHECK(proxy_new(rig.loop, &spec, &rig.proxy, &err) == ST_OK);
    CHECK(proxy_token(rig.token, &err) == ST_OK);
    for (Str rest = str_from(entries), part; str_next(&rest, ',', &part);) {
        Str       text = str_trim(part);
        ptrdiff_t port = str_find(text, STR("$P"));
        snprintf(entry, sizeof entry, "%.*s", (int)(port < 0 ? text.len : (size_t)port), text.ptr);
        if (port >= 0) snprintf(entry + port, sizeof entry - (size_t)port, "%u", rig.origin_port);
        if (text.len) CHECK(host_rules_add(&rules, str_from(entry), &err) == ST_OK);
    }
    CHECK(proxy_admit(rig.proxy, rig.token, &rules, rig_refused, &rig, &rig.pass, &err) == ST_OK);
    host_rules_clear(&rules);
    CHECK(waker_new(rig.loop, rig_over, &rig, &rig.waker, &err) == ST_OK);
    loop_hold(rig.loop);
    CHECK(pthread_create(&thread, NULL, rig_thread, &rig) == 0);
    loop_run(rig.loop);
    pthread_join(thread, NULL);
    loop_release(rig.loop);
    waker_free(rig.waker);
    proxy_free(rig.proxy);
    CHECK_INT(loop_objects(rig.loop), 0);
    loop_free(rig.loop);
    close(rig.origin);
    /* the thread of a look-up that nobody waited for lets go of its descriptor as it ends */
    for (int i = 0; i < 1000000 && tap_descriptors() > before; i++) sched_yield();
}

#endif
