/* Who may come in: the listening socket, the tokens, and how many. */
#include "proxy_internal.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_AGAIN_MS = 100 /* when the process is out of descriptors */ };
enum { TOKEN_MIN = 20, TOKEN_MAX = 100 };

static void on_accept(void *arg, int fd, int events);
static void on_again(void *arg);

const ProxyTimes PROXY_TIMES = {
    .head_ms = 15000, .lookup_ms = 15000, .connect_ms = 20000, .idle_ms = 300000};

Status proxy_new(Loop *loop, const ProxySpec *spec, Proxy **out, Err *err)
{
    int flags = fcntl(spec->listen_fd, F_GETFL);
    if (flags < 0 || fcntl(spec->listen_fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        err_set(err, ST_IO, "start the proxy: %s", strerror(errno));
        close(spec->listen_fd);
        return err->status;
    }
    Proxy *proxy = mem_new(sizeof *proxy);
    *proxy =
        (Proxy){.loop = loop, .fd = spec->listen_fd, .times = spec->times, .names = spec->names};
    proxy->again = timer_new(loop, on_again, proxy);
    if (watch_new(loop, proxy->fd, on_accept, proxy, &proxy->watch, err) != ST_OK) {
        proxy_free(proxy);
        return err_wrap(err, "start the proxy");
    }
    watch_set(proxy->watch, WATCH_READ);
    *out = proxy;
    return ST_OK;
}

void proxy_free(Proxy *proxy)
{
    if (!proxy) return;
    while (proxy->passes) proxy_dismiss(proxy->passes);
    while (proxy->links) link_free(proxy->links);
    watch_free(proxy->watch);
    timer_free(proxy->again);
    close(proxy->fd);
    free(proxy);
}

size_t proxy_connections(const Proxy *proxy) { return proxy->count; }

Status proxy_token(char out[PROXY_TOKEN_SIZE], Err *err)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char     bytes[PROXY_TOKEN_SIZE - 1];
    ssize_t           got = getrandom(bytes, sizeof bytes, 0);
    if (got != (ssize_t)sizeof bytes)
        return err_set(err, ST_UNAVAILABLE, "make a token: the kernel gave no random numbers");
    for (size_t i = 0; i < sizeof bytes; i++) out[i] = DIGITS[bytes[i] & 63];
    out[sizeof bytes] = '\0';
    return ST_OK;
}

static bool is_token(const char *token)
{
    size_t len = strlen(token);
    for (const char *c = token; *c; c++) {
        bool letter = (*c | 32) >= 'a' && (*c | 32) <= 'z';
        if (!letter && !(*c >= '0' && *c <= '9') && *c != '-' && *c != '_') return false;
    }
    return len >= TOKEN_MIN && len <= TOKEN_MAX;
}

Status proxy_admit(Proxy *proxy, const char *token, const HostRules *rules, ProxyRefused *refused,
                   void *arg, ProxyPass **out, Err *err)
{
    char credentials[PROXY_CREDENTIALS_MAX] = {0};
    if (!is_token(token))
        return err_set(err, ST_INVALID,
                       "admit to the proxy: a token is %d to %d letters, digits, "
                       "'-' and '_'",
                       TOKEN_MIN, TOKEN_MAX);
    snprintf(credentials, sizeof credentials, "run:%s", token);
    if (proxy_pass_of(proxy, credentials))
        return err_set(err, ST_INVALID, "admit to the proxy: the token is in use");
    ProxyPass *pass = mem_new(sizeof *pass);
    *pass = (ProxyPass){.proxy = proxy, .refused = refused, .arg = arg, .next = proxy->passes};
    memcpy(pass->credentials, credentials, sizeof credentials);
    host_rules_copy(rules, &pass->rules);
    if (pass->next) pass->next->prev = pass;
    proxy->passes = pass;
    *out = pass;
    return ST_OK;
}

void proxy_dismiss(ProxyPass *pass)
{
    if (!pass) return;
    Proxy *proxy = pass->proxy;
    for (Link *link = proxy->links, *next; link; link = next) {
        next = link->next;
        if (link->pass == pass) link_free(link);
    }
    if (pass->prev)
        pass->prev->next = pass->next;
    else
        proxy->passes = pass->next;
    if (pass->next) pass->next->prev = pass->prev;
    host_rules_clear(&pass->rules);
    explicit_bzero(pass->credentials, sizeof pass->credentials);
    free(pass);
}

/* Every byte of every pass is looked at, so that the time says nothing about how much was right. */
ProxyPass *proxy_pass_of(Proxy *proxy, const char credentials[PROXY_CREDENTIALS_MAX])
{
    ProxyPass *found = NULL;
    for (ProxyPass *pass = proxy->passes; pass; pass = pass->next) {
        unsigned char differs = 0;
        for (size_t i = 0; i < PROXY_CREDENTIALS_MAX; i++)
            differs = (unsigned char)(differs | (pass->credentials[i] ^ credentials[i]));
        if (!differs) found = pass;
    }
    return found;
}

/* Connections that never show a token must not keep out those that would. */
static bool make_room(Proxy *proxy)
{
    Link *oldest = NULL;
    for (Link *link = proxy->links; link; link = link->next)
        if (!link->pass) oldest = link; /* the list begins with the newest */
    if (oldest) link_free(oldest);
    return oldest != NULL;
}

static void on_accept(void *arg, int fd, int events)
{
    Proxy *proxy = arg;
    (void)events;
    /* a few a turn: somebody who connects without end holds up nobody else */
    for (int i = 0; i < 16; i++) {
        if (proxy->count >= LINKS_MAX && !make_room(proxy)) {
            watch_set(proxy->watch, 0); /* those who wait stay in the backlog */
            return;
        }
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            link_new(proxy, client);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        timer_set(proxy->again, clock_deadline(loop_clock(proxy->loop), ACCEPT_AGAIN_MS));
        watch_set(proxy->watch, 0);
        return;
    }
}

static void on_again(void *arg) { proxy_links_changed(arg); }

void proxy_links_changed(Proxy *proxy)
{
    if (proxy->count < LINKS_MAX) watch_set(proxy->watch, WATCH_READ);
}
