/* The multi handle on our loop: which descriptors libcurl wants watched, when it wants to be woken,
 * and the life of the calls. */
#include "curl_internal.h"

#include "../base/log.h"
#include "../base/mem.h"

#include <signal.h>
#include <stdlib.h>

/* No more than were in use at a time; who asks how many at a time bounds that. */
enum { IDLE_CONNECTIONS = 1024 };

struct Socket {
    CurlTransport *transport; /* borrowed */
    Watch         *watch;     /* owned */
    Socket        *prev, *next;
};

static int    on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned);
static int    on_alarm_wanted(CURLM *multi, long timeout_ms, void *arg);
static void   on_alarm(void *arg);
static void   on_soon(void *arg);
static void   on_silence(void *arg);
static void   call_add(CurlCall *call);
static void   call_release(CurlCall *call);
static void   socket_free(Socket *socket);
static Status curl_begin(Transport *base, const HttpRequest *request, const HttpEvents *events,
                         void *arg, HttpCall **out, Err *err);
static void   curl_pause(HttpCall *base, bool paused);
static void   curl_cancel(HttpCall *base);
static Status curl_finish(Transport *base, Err *err);
static void   curl_free_all(Transport *base);

static const TransportKind KIND = {curl_begin, curl_pause, curl_cancel, curl_finish, curl_free_all};

static char *first_env(const char *a, const char *b)
{
    const char *value = getenv(a);
    if ((!value || !*value) && b) value = getenv(b);
    return value && *value ? mem_text(value) : NULL;
}

/* TLS shutdown writes to sockets that may be closed; we tell libcurl to leave signals alone, so the
 * default for SIGPIPE must not end the process. A handler that someone installed stays. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

Status transport_new(Loop *loop, Transport **out, Err *err)
{
    static bool initialised;
    if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ST_UNAVAILABLE, "start the HTTP client: libcurl does not initialise");
    initialised = true;
    ignore_sigpipe();
    CURLM  *multi = curl_multi_init();
    CURLSH *share = curl_share_init();
    if (!multi || !share ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        curl_multi_cleanup(multi);
        curl_share_cleanup(share);
        return err_set(err, ST_UNAVAILABLE, "start the HTTP client: no multi handle");
    }
    CurlTransport *transport = mem_new(sizeof *transport);
    transport->base.kind = &KIND;
    transport->loop = loop;
    transport->multi = multi;
    transport->share = share;
    transport->alarm = timer_new(loop, on_alarm, transport);
    transport->soon = timer_new(loop, on_soon, transport);
    transport->ca_file = first_env("CURL_CA_BUNDLE", "SSL_CERT_FILE");
    transport->ca_path = first_env("SSL_CERT_DIR", NULL);
    char *proxy = first_env("https_proxy", "HTTPS_PROXY");
    if (!proxy) proxy = first_env("all_proxy", "ALL_PROXY");
    transport->proxied = proxy != NULL;
    free(proxy);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, transport);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_alarm_wanted);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, transport);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    *out = &transport->base;
    return ST_OK;
}

static Status curl_finish(Transport *base, Err *err)
{
    (void)base, (void)err;
    return ST_OK;
}

static void curl_free_all(Transport *base)
{
    CurlTransport *transport = (CurlTransport *)base;
    while (transport->calls) call_release(transport->calls);
    curl_multi_cleanup(transport->multi);
    curl_share_cleanup(transport->share);
    while (transport->sockets) socket_free(transport->sockets);
    timer_free(transport->alarm);
    timer_free(transport->soon);
    free(transport->ca_file);
    free(transport->ca_path);
    free(transport);
}

static Status curl_begin(Transport *base, const HttpRequest *request, const HttpEvents *events,
                         void *arg, HttpCall **out, Err *err)
{
    CurlTransport *transport = (CurlTransport *)base;
    CurlCall      *call = mem_new(sizeof *call);
    call->base.kind = &KIND;
    call->transport = transport;
    call->events = *events;
    call->arg = arg;
    buf_init(&call->head, LIMIT_HTTP_HEAD);
    call->next = transport->calls;
    if (call->next) call->next->prev = call;
    transport->calls = call;
    Status status = call_prepare(call, request, err);
    if (status != ST_OK) {
        call_release(call);
        return status;
    }
    call_listen(call);
    call->timer = timer_new(transport->loop, on_silence, call);
    call_expect(call, STALL_CONNECT);
    if (transport->inside)
        transport->todo = true;
    else
        call_add(call);
    *out = &call->base;
    return ST_OK;
}

/* Pausing is lazy: the piece that comes next is refused, libcurl keeps it and stops reading. Going
 * on hands that piece over, which must not happen from inside the caller's own call. */
static void curl_pause(HttpCall *base, bool paused)
{
    CurlCall      *call = (CurlCall *)base;
    CurlTransport *transport = call->transport;
    if (call->ended || call->cancelled || call->paused == paused) return;
    call->paused = paused;
    call_expect(call, call->stall);
    if (paused || !call->held) return;
    transport->todo = true;
    if (!transport->inside) timer_set(transport->soon, loop_now(transport->loop));
}

static void curl_cancel(HttpCall *base)
{
    CurlCall *call = (CurlCall *)base;
    if (call->ended) return; /* inside its own on_end: it goes by itself */
    call->cancelled = true;
    if (call->transport->inside)
        call->transport->todo = true;
    else
        call_release(call);
}

void call_expect(CurlCall *call, Stall stall)
{
    const Clock  *clock = loop_clock(call->transport->loop);
    const int64_t wait[] = {call->connect_ms, call->first_byte_ms, call->idle_ms};
    call->stall = stall;
    call->stall_deadline =
        call->paused && stall == STALL_IDLE ? DEADLINE_NEVER : clock_deadline(clock, wait[stall]);
    timer_set(call->timer,
              call->stall_deadline < call->deadline ? call->stall_deadline : call->deadline);
}

static void call_add(CurlCall *call)
{
    call->added = true;
    CURLMcode code = curl_multi_add_handle(call->transport->multi, call->easy);
    if (code != CURLM_OK) {
        call->added = false;
        call_fail(call, ST_BUG, "%s: %s", call->where, curl_multi_strerror(code));
        timer_set(call->transport->soon, loop_now(call->transport->loop));
    }
}

/* Takes the call out of libcurl; a connection that is still good goes back to the pool. */
static void call_detach(CurlCall *call)
{
    CurlTransport *transport = call->transport;
    if (call->added) {
        transport->inside = true;
        curl_multi_remove_handle(transport->multi, call->easy);
        transport->inside = false;
    }
    call->added = false;
    if (call->easy) curl_easy_cleanup(call->easy);
    call->easy = NULL;
    timer_free(call->timer);
    call->timer = NULL;
}

static void call_release(CurlCall *call)
{
    call->cancelled = true; /* libcurl may still call back while it lets go */
    call_detach(call);
    if (call->prev)
        call->prev->next = call->next;
    else
        call->transport->calls = call->next;
    if (call->next) call->next->prev = call->prev;
    call_wipe_headers(call);
    buf_clear(&call->head);
    host_rules_clear(&call->hosts);
    free(call->body);
    free(call->socket);
    free(call);
}

static void call_finish(CurlCall *call)
{
    call_detach(call);
    call->ended = true;
    call->events.on_end(call->arg, &call->outcome);
    call_release(call);
}

static void on_silence(void *arg)
{
    CurlCall *call = arg;
    call_judge_silence(call, loop_now(call->transport->loop));
    call_finish(call);
}

/* One thing that had to wait until libcurl returned. Answers whether there was one; events of the
 * caller may change the list, so each time it is read from its head. */
static bool settle_one(CurlTransport *transport)
{
    for (CurlCall *call = transport->calls, *next; call; call = next) {
        next = call->next;
        if (call->ended) continue;
        if (call->cancelled) {
            call_release(call);
            return true;
        }
        if (call->failed) {
            call_finish(call);
            return true;
        }
        if (!call->added) {
            call_add(call);
            return true;
        }
        if (call->held && !call->paused) {
            call->held = false;
            transport->inside = true;
            curl_easy_pause(call->easy, CURLPAUSE_CONT);
            transport->inside = false;
            return true;
        }
    }
    return false;
}

static bool settle_finished(CurlTransport *transport)
{
    int      left;
    CURLMsg *message = curl_multi_info_read(transport->multi, &left);
    if (!message) return false;
    if (message->msg != CURLMSG_DONE) return true;
    CurlCall *call = NULL;
    CURLcode  code = message->data.result; /* gone once the handle is removed */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
    call_judge(call, code);
    call_finish(call);
    return true;
}

static void settle(CurlTransport *transport)
{
    do {
        while (transport->todo) {
            transport->todo = false;
            while (settle_one(transport)) {
            }
        }
    } while (settle_finished(transport));
}

static void drive(CurlTransport *transport, curl_socket_t fd, int events)
{
    int running;
    transport->inside = true;
    CURLMcode code = curl_multi_socket_action(transport->multi, fd, events, &running);
    transport->inside = false;
    if (code != CURLM_OK) log_line(LOG_ERROR, "libcurl: %s", curl_multi_strerror(code));
    settle(transport);
}

static void on_alarm(void *arg) { drive(arg, CURL_SOCKET_TIMEOUT, 0); }
static void on_soon(void *arg) { settle(arg); }

static int on_alarm_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    CurlTransport *transport = arg;
    (void)multi;
    timer_set(transport->alarm, clock_deadline(loop_clock(transport->loop), timeout_ms));
    return 0;
}

static void on_ready(void *arg, int fd, int events)
{
    Socket *socket = arg; /* may be freed while libcurl runs */
    drive(socket->transport, fd,
          (events & WATCH_READ ? CURL_CSELECT_IN : 0) |
              (events & WATCH_WRITE ? CURL_CSELECT_OUT : 0));
}

static void socket_free(Socket *socket)
{
    if (socket->prev)
        socket->prev->next = socket->next;
    else
        socket->transport->sockets = socket->next;
    if (socket->next) socket->next->prev = socket->prev;
    watch_free(socket->watch);
    free(socket);
}

static Socket *socket_new(CurlTransport *transport, curl_socket_t fd)
{
    Err     err;
    Socket *socket = mem_new(sizeof *socket);
    socket->transport = transport;
    if (watch_new(transport->loop, fd, on_ready, socket, &socket->watch, &err) != ST_OK) {
        /* An error answer would kill the whole multi handle; this one call ends as a stall. */
        log_line(LOG_ERROR, "http: %s", err.text);
        free(socket);
        return NULL;
    }
    socket->next = transport->sockets;
    if (socket->next) socket->next->prev = socket;
    transport->sockets = socket;
    curl_multi_assign(transport->multi, fd, socket);
    return socket;
}

/* libcurl tells CURL_POLL_REMOVE before it closes a descriptor, as watch_free wants it. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    Socket *socket = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket) socket_free(socket);
        curl_multi_assign(((CurlTransport *)arg)->multi, fd, NULL);
        return 0;
    }
    if (!socket) socket = socket_new(arg, fd);
    if (socket)
        watch_set(socket->watch, (what & CURL_POLL_IN ? WATCH_READ : 0) |
                                     (what & CURL_POLL_OUT ? WATCH_WRITE : 0));
    return 0;
}
