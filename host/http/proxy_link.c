/* One connection up to where both sides stand: its head, its token, its host's name, its dial. */
#include "proxy_internal.h"

#include "../base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 16 * 1024, SHOWN_MAX = 100 };

static void on_client(void *arg, int fd, int events);
static void on_far(void *arg, int fd, int events);
static void on_timer(void *arg);
static void on_resolved(void *arg, const Resolved *resolved);
static void take_head(Link *link);
static void dial_next(Link *link);

static void expect(Link *link, int64_t timeout_ms)
{
    timer_set(link->timer, clock_deadline(loop_clock(link->proxy->loop), timeout_ms));
}

static void side_init(Side *side, int fd)
{
    *side = (Side){.fd = fd};
    /* a head that was rewritten, and one read beyond what may wait */
    buf_init(&side->out, PIPE_MAX + 4 * LIMIT_HTTP_HEAD);
}

static void side_close(Side *side)
{
    watch_free(side->watch);
    side->watch = NULL;
    if (side->fd >= 0) close(side->fd);
    side->fd = -1;
}

void link_new(Proxy *proxy, int fd)
{
    Err   err;
    int   one = 1;
    Link *link = mem_new(sizeof *link);
    link->proxy = proxy;
    link->state = LINK_HEAD;
    side_init(&link->client, fd);
    side_init(&link->far, -1);
    parser_init(&link->parser, SIZE_MAX / 2); /* a body passes through; it is never kept */
    buf_init(&link->answer, 2 * LIMIT_HTTP_HEAD);
    link->timer = timer_new(proxy->loop, on_timer, link);
    link->next = proxy->links;
    if (link->next) link->next->prev = link;
    proxy->links = link;
    proxy->count++;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (watch_new(proxy->loop, fd, on_client, link, &link->client.watch, &err) != ST_OK) {
        link_free(link);
        return;
    }
    expect(link, proxy->times.head_ms);
    watch_set(link->client.watch, WATCH_READ);
}

void link_free(Link *link)
{
    Proxy *proxy = link->proxy;
    resolve_cancel(link->resolve);
    timer_free(link->timer);
    side_close(&link->client);
    side_close(&link->far);
    buf_clear(&link->client.out);
    buf_clear(&link->far.out);
    buf_clear(&link->answer);
    parser_clear(&link->parser);
    if (link->prev)
        link->prev->next = link->next;
    else
        proxy->links = link->next;
    if (link->next) link->next->prev = link->prev;
    if (link->pass) link->pass->links--;
    proxy->count--;
    free(link);
    proxy_links_changed(proxy);
}

/* -- answers of ours --------------------------------------------------------------------------- */

static const char *phrase_of(int status)
{
    switch (status) {
    case 403: return "Host Not Allowed";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Too Many Connections";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Bad Request";
    }
}

void link_answer(Link *link, int status, const char *line)
{
    Err err;
    resolve_cancel(link->resolve);
    link->resolve = NULL;
    side_close(&link->far);
    link->state = LINK_ENDING;
    expect(link, LINK_LINGER_MS);
    if (buf_printf(&link->client.out, &err,
                   "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Length: %zu\r\nConnection: close\r\n\r\nperigee: %s\n",
                   status, phrase_of(status),
                   status == 407 ? "Proxy-Authenticate: Basic realm=\"perigee\"\r\n" : "",
                   strlen(line) + sizeof "perigee: " - 1 + 1, line) != ST_OK) {
        link_free(link);
        return;
    }
    if (link_flush(link, &link->client)) link_watch(link);
}

/* What was asked for, fit to be shown: a host as it was understood, else its printable part. */
static void name_asked(const Link *link, char *out, size_t size)
{
    const ProxyAsk *ask = &link->ask;
    if (ask->host.name[0]) {
        snprintf(out, size, "%s", ask->host.name);
        return;
    }
    size_t len = ask->authority.len < size - 1 ? ask->authority.len : size - 1;
    for (size_t i = 0; i < len; i++) {
        char c = ask->authority.ptr[i];
        out[i] = '?';
        if (c > 0x20 && c < 0x7f) out[i] = c;
    }
    out[len] = '\0';
}

static void refuse(Link *link, const char *why)
{
    char name[HOST_NAME_MAX_LEN + 1], line[ERR_TEXT_MAX + sizeof name];
    name_asked(link, name, sizeof name);
    ProxyRefusal refusal = {name, why, link->ask.port};
    if (link->pass->refused) link->pass->refused(link->pass->arg, &refusal);
    if (link->ask.port)
        snprintf(line, sizeof line, "%s port %u %s", name, link->ask.port, why);
    else
        snprintf(line, sizeof line, "%s %s", name, why);
    link_answer(link, 403, line);
}

/* -- the head ---------------------------------------------------------------------------------- */

static void look_up(Link *link);

/* The rules have the first word, then the name is asked for, once. */
static void begin(Link *link)
{
    Err err;
    err_clear(&err);
    int status = proxy_head_read(&link->parser, &link->ask, &err);
    if (status == 403) {
        char why[ERR_TEXT_MAX + 20];
        link->ask.port = 0; /* nothing of it can be believed */
        memset(&link->ask.host, 0, sizeof link->ask.host);
        snprintf(why, sizeof why, "is no host: %s", err.text);
        refuse(link, why);
    } else if (status) {
        link_answer(link, status, err.text);
    } else if (!host_rules_allow(&link->pass->rules, &link->ask.host, link->ask.port)) {
        refuse(link, "is not among the hosts that may be reached");
    } else if (link->ask.host.is_literal) {
        Resolved one = {.count = 1, .addresses = {link->ask.host.address}};
        on_resolved(link, &one);
    } else {
        look_up(link);
    }
}

static void take_head(Link *link)
{
    char credentials[PROXY_CREDENTIALS_MAX] = {0};
    int  status = parser_step(&link->parser);
    if (link->parser.state == PARSER_HEAD && status == 0) return;
    /* what comes behind the head is looked at when its time has come; a head that is wrong is */
    if (link->parser.state == PARSER_HEAD || (status != 0 && status != 200)) {
        link_answer(link, status, "this is no request that a proxy can pass on");
        return;
    }
    if (proxy_head_credentials(&link->parser, credentials))
        link->pass = proxy_pass_of(link->proxy, credentials);
    explicit_bzero(credentials, sizeof credentials);
    if (!link->pass) {
        link_answer(link, 407, "the token of HTTP_PROXY is missing or no longer valid");
        return;
    }
    if (link->pass->links++ >= PASS_LINKS_MAX) {
        link_answer(link, 503, "too many connections at once");
        return;
    }
    begin(link);
}

static void receive_head(Link *link)
{
    Err     err;
    char    bytes[READ_SIZE];
    ssize_t got = recv(link->client.fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || buf_append(&link->parser.in, (Str){bytes, (size_t)got}, &err) != ST_OK)
        link_free(link);
    else
        take_head(link);
}

/* -- the name ---------------------------------------------------------------------------------- */

static void look_up(Link *link)
{
    Err    err;
    Proxy *proxy = link->proxy;
    link->state = LINK_LOOKUP;
    timer_stop(link->timer);
    watch_set(link->client.watch, 0);
    if (resolve_begin(proxy->loop, proxy->names, link->ask.host.name,
                      clock_deadline(loop_clock(proxy->loop), proxy->times.lookup_ms), on_resolved,
                      link, &link->resolve, &err) != ST_OK)
        link_answer(link, 503, err.text);
}

static void on_resolved(void *arg, const Resolved *resolved)
{
    Link *link = arg;
    char  inside[ADDRESS_TEXT_SIZE] = "", why[200];
    link->resolve = NULL;
    if (resolved->outcome.status != ST_OK) {
        link_answer(link, resolved->outcome.status == ST_TIMEOUT ? 504 : 502,
                    resolved->outcome.text);
        return;
    }
    for (size_t i = 0; i < resolved->count; i++) {
        const Address *address = &resolved->addresses[i];
        if (host_rules_allow_address(&link->pass->rules, address, link->ask.port))
            link->found.addresses[link->found.count++] = *address;
        else if (!inside[0])
            address_text(address, inside);
    }
    if (link->found.count == 0) {
        snprintf(why, sizeof why,
                 "leads to %s, which is no public address and not listed itself for this port",
                 inside);
        refuse(link, why);
        return;
    }
    link->state = LINK_DIAL;
    watch_set(link->client.watch, 0);
    link->dial_deadline =
        clock_deadline(loop_clock(link->proxy->loop), link->proxy->times.connect_ms);
    dial_next(link);
}

/* -- the connection ---------------------------------------------------------------------------- */

/* Half of the time that is left, so that an address which never answers leaves some to the next;
 * the last has all of it. */
static int64_t dial_until(const Link *link)
{
    int64_t now = loop_now(link->proxy->loop), left = link->dial_deadline - now;
    return link->tried < link->found.count ? now + left / 2 : link->dial_deadline;
}

static bool dial(Link *link, const Address *address)
{
    Err                     err;
    int                     one = 1;
    struct sockaddr_storage to;
    socklen_t               len = address_to_socket(address, link->ask.port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    if (connect(fd, (struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS) {
        int saved = errno;
        close(fd);
        errno = saved;
        return false;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    link->far.fd = fd;
    if (watch_new(link->proxy->loop, fd, on_far, link, &link->far.watch, &err) != ST_OK) {
        side_close(&link->far);
        errno = err.sys ? err.sys : EIO;
        return false;
    }
    watch_set(link->far.watch, WATCH_WRITE);
    timer_set(link->timer, dial_until(link));
    return true;
}

static void dial_failed(Link *link, int why)
{
    char line[HOST_NAME_MAX_LEN + 200];
    if (link->tried < link->found.count) {
        dial_next(link);
        return;
    }
    snprintf(line, sizeof line, "connect to %s port %u: %s", link->ask.host.name, link->ask.port,
             why == ETIMEDOUT ? "no answer in time" : strerror(why));
    link_answer(link, why == ETIMEDOUT ? 504 : 502, line);
}

static void dial_next(Link *link)
{
    side_close(&link->far);
    const Address *address = &link->found.addresses[link->tried++];
    if (!dial(link, address)) dial_failed(link, errno);
}

static void on_dialled(Link *link)
{
    int       why = 0;
    socklen_t len = sizeof why;
    if (getsockopt(link->far.fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0) why = errno;
    if (why != 0) {
        dial_failed(link, why);
        return;
    }
    link->state = LINK_PUMP;
    if (link_pump_begin(link)) link_watch(link);
}

/* -- what the loop says ------------------------------------------------------------------------ */

/* Reads and forgets what the client still sends, or the kernel would reset the connection and take
 * the end of our answer with it. Answers whether the link still is. */
static bool receive_nothing(Link *link)
{
    char    bytes[READ_SIZE];
    ssize_t got = recv(link->client.fd, bytes, sizeof bytes, 0);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return true;
    link->client.ended = true;
    if (link->state == LINK_ENDING && got == 0) return true; /* it may still read */
    link_free(link);
    return false;
}

static void on_client(void *arg, int fd, int events)
{
    Link *link = arg;
    (void)fd;
    switch (link->state) {
    case LINK_HEAD: receive_head(link); return;
    case LINK_LOOKUP:
    case LINK_DIAL: return; /* not watched */
    case LINK_PUMP:
        if (link_on_client(link, events)) link_watch(link);
        return;
    case LINK_ENDING:
    case LINK_LINGER:
        if ((events & WATCH_READ) && !receive_nothing(link)) return;
        if (link_flush(link, &link->client)) link_watch(link);
        return;
    }
}

static void on_far(void *arg, int fd, int events)
{
    Link *link = arg;
    (void)fd;
    if (link->state == LINK_DIAL)
        on_dialled(link);
    else if (link_on_far(link, events))
        link_watch(link);
}

static void on_timer(void *arg)
{
    Link *link = arg;
    switch (link->state) {
    case LINK_HEAD:
        if (link->parser.in.len == 0)
            link_free(link); /* connected ahead of need, and never used */
        else
            link_answer(link, 408, "the request's head did not come in time");
        return;
    case LINK_DIAL: dial_failed(link, ETIMEDOUT); return;
    case LINK_LOOKUP: /* has a deadline of its own */
    case LINK_PUMP:
    case LINK_ENDING:
    case LINK_LINGER: link_free(link); return;
    }
}
