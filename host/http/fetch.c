#include "fetch.h"

#include "field.h"
#include "secrets.h"

#include "../base/limits.h"
#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FETCHES_MAX = 64 };

static size_t fetches; /* under way in this process: each holds up to a whole answer */

struct Fetch {
    Transport  *transport; /* borrowed */
    HttpCall   *call;      /* owned by the transport; NULL between two hops */
    HttpRequest request;   /* of the next hop; what it points to is owned here */
    HttpHeader *headers;   /* owned; request.headers */
    HostRules   hosts;     /* owned; request.hosts */
    Buf         url;       /* request.url */
    Buf         origin;    /* of the first URL, see origin_of */
    Str         secret;    /* owned: its name, to mask it also where it was not sent */
    size_t      hops_left;
    bool        follows;
    FetchAnswer answer;
    FetchDone  *done;
    void       *arg;
};

static Status begin_hop(Fetch *fetch, Err *err);
static Status origin_of(Str url, Buf *out, Err *err);
static Status check_secret_way(Fetch *fetch, Err *err);
static void   copy_request(Fetch *fetch, const HttpRequest *from);
static void   fetch_free(Fetch *fetch);

Status fetch_begin(Transport *transport, const FetchSpec *spec, FetchDone *done, void *arg,
                   Fetch **out, Err *err)
{
    if (fetches == FETCHES_MAX)
        return err_set(err, ST_LIMIT, "http request: %d others are under way", FETCHES_MAX);
    fetches++;
    Fetch *fetch = mem_new(sizeof *fetch);
    fetch->transport = transport;
    fetch->done = done;
    fetch->arg = arg;
    fetch->follows = spec->redirects > 0;
    fetch->hops_left = spec->redirects;
    buf_init(&fetch->url, LIMIT_URL);
    buf_init(&fetch->origin, LIMIT_URL);
    buf_init(&fetch->answer.body, spec->request.body_limit);
    buf_init(&fetch->answer.location, LIMIT_URL);
    copy_request(fetch, &spec->request);
    Status status = buf_append(&fetch->url, spec->request.url, err);
    fetch->request.url = buf_str(&fetch->url);
    if (status == ST_OK) status = origin_of(fetch->request.url, &fetch->origin, err);
    if (status == ST_OK && fetch->secret.len) status = check_secret_way(fetch, err);
    if (status == ST_OK) status = begin_hop(fetch, err);
    if (status != ST_OK) {
        secrets_redact(err->text, sizeof err->text);
        fetch_free(fetch);
        return status;
    }
    *out = fetch;
    return ST_OK;
}

void fetch_cancel(Fetch *fetch)
{
    if (!fetch) return;
    if (fetch->call) http_cancel(fetch->call);
    fetch_free(fetch);
}

static Str copy(Str text) { return (Str){mem_copy(text.len ? text.ptr : "", text.len), text.len}; }

static void drop(Str text) { free((void *)text.ptr); }

static HttpHeader *copy_headers(const HttpHeader *headers, size_t count)
{
    HttpHeader *out = mem_new((count + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = (HttpHeader){copy(headers[i].name), copy(headers[i].value)};
    return out;
}

static void drop_headers(HttpHeader *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        drop(headers[i].name);
        drop(headers[i].value);
    }
    free(headers);
}

static void fetch_free(Fetch *fetch)
{
    HttpRequest *request = &fetch->request;
    fetches--;
    drop_headers(fetch->headers, request->header_count);
    drop(fetch->secret);
    drop(request->method);
    drop(request->body);
    drop(request->secret);
    drop(request->secret_header);
    drop(request->secret_prefix);
    drop_headers(fetch->answer.headers, fetch->answer.header_count);
    buf_clear(&fetch->answer.location);
    buf_clear(&fetch->answer.body);
    host_rules_clear(&fetch->hosts);
    buf_clear(&fetch->url);
    buf_clear(&fetch->origin);
    free(fetch);
}

static void copy_request(Fetch *fetch, const HttpRequest *from)
{
    HttpRequest *request = &fetch->request;
    *request = *from;
    request->method = copy(from->method);
    request->headers = fetch->headers = copy_headers(from->headers, from->header_count);
    request->body = copy(from->body);
    request->secret = copy(from->secret);
    request->secret_header = copy(from->secret_header);
    request->secret_prefix = copy(from->secret_prefix);
    fetch->secret = copy(from->secret);
    host_rules_copy(from->hosts, &fetch->hosts);
    request->hosts = &fetch->hosts;
}

/* -- where a secret may go --------------------------------------------------------------------- */

static bool is_https(Str url) { return url.len >= 8 && strncasecmp(url.ptr, "https://", 8) == 0; }

/* Scheme, and the host with its port: what must stay the same for the secret to go along. */
static Status origin_of(Str url, Buf *out, Err *err)
{
    buf_reset(out);
    Status status = buf_append(out, is_https(url) ? STR("https ") : STR("http "), err);
    return status == ST_OK ? http_host_key(url, out, err) : status;
}

/* Whoever stands between could read it; between this machine and itself nobody stands. */
static Status check_secret_way(Fetch *fetch, Err *err)
{
    Str      key = buf_str(&fetch->origin), name = fetch->request.secret;
    Host     host;
    uint16_t port;
    Err      unread;
    if (!secrets_has(name)) return ST_OK; /* the transport says what is missing */
    if (!secrets_can_mask(name))
        return err_set(err, ST_INVALID, "secret %.*s: it is too short to be kept out of the answer",
                       STR_ARG(name));
    if (str_starts(key, STR("https "))) return ST_OK;
    key = str_cut(key, sizeof "http " - 1, key.len);
    if (host_read_port(key, 80, &host, &port, &unread) == ST_OK && host.is_literal &&
        address_is_loopback(&host.address))
        return ST_OK;
    return err_set(err, ST_DENIED, "secret %.*s: it does not travel over http; use https",
                   STR_ARG(name));
}

/* -- redirects --------------------------------------------------------------------------------- */

static Str location_of(const HttpHead *head)
{
    int s = head->status;
    if (s != 301 && s != 302 && s != 303 && s != 307 && s != 308) return (Str){NULL, 0};
    for (size_t i = 0; i < head->header_count; i++)
        if (str_is(head->headers[i].name, "location")) return head->headers[i].value;
    return (Str){NULL, 0};
}

/* Takes out the headers that `goes` names; a name that ends in '-' stands for all that begin so. */
static void leave_behind(Fetch *fetch, const char *const *goes)
{
    HttpHeader *headers = fetch->headers;
    size_t      kept = 0;
    for (size_t i = 0; i < fetch->request.header_count; i++) {
        bool out = false;
        for (const char *const *at = goes; *at && !out; at++) {
            Str name = headers[i].name, wanted = str_from(*at);
            if (str_ends(wanted, STR("-"))) name = str_cut(name, 0, wanted.len);
            out = field_same(name, wanted);
        }
        if (out) {
            drop(headers[i].name);
            drop(headers[i].value);
        } else {
            headers[kept++] = headers[i];
        }
    }
    fetch->request.header_count = kept;
}

static void ask_with_get(Fetch *fetch)
{
    static const char *const ABOUT_BODY[] = {"content-", NULL};
    HttpRequest             *request = &fetch->request;
    drop(request->method);
    drop(request->body);
    request->method = copy(STR("GET"));
    request->body = copy(STR(""));
    leave_behind(fetch, ABOUT_BODY);
}

static void forget_who_asks(Fetch *fetch)
{
    static const char *const OURS[] = {"authorization", "cookie", NULL};
    fetch->request.secret.len = 0;
    leave_behind(fetch, OURS);
}

/* Turns the request into the one that `head` sends us to. */
static Status redirect(Fetch *fetch, int status, Str location, Err *err)
{
    HttpRequest *request = &fetch->request;
    Buf          url, origin;
    buf_init(&url, fetch->url.limit);
    buf_init(&origin, fetch->origin.limit);
    Status rc = ST_OK;
    if (fetch->hops_left-- == 0)
        rc = err_set(err, ST_LIMIT, "http request: more redirects than are followed");
    if (rc == ST_OK) rc = http_join_url(request->url, location, &url, err);
    if (rc == ST_OK) rc = origin_of(buf_str(&url), &origin, err);
    if (rc == ST_OK && is_https(request->url) && !is_https(buf_str(&url)))
        rc = err_set(err, ST_DENIED, "http request: a redirect from https to http");
    if (rc == ST_OK) {
        if ((status == 303 && !str_is(request->method, "HEAD")) ||
            (status < 303 && str_is(request->method, "POST")))
            ask_with_get(fetch);
        if (!str_equal(buf_str(&origin), buf_str(&fetch->origin))) forget_who_asks(fetch);
        buf_clear(&fetch->url);
        fetch->url = url;
        buf_init(&url, 0);
        request->url = buf_str(&fetch->url);
    }
    buf_clear(&url);
    buf_clear(&origin);
    return rc;
}

/* -- the transfer's callbacks ------------------------------------------------------------------ */

/* The value is in no string that leaves here. */
static void mask(Fetch *fetch)
{
    FetchAnswer *answer = &fetch->answer;
    for (size_t i = 0; i < answer->header_count; i++) {
        Str value = answer->headers[i].value;
        secrets_mask(fetch->secret, (char *)value.ptr, value.len);
    }
    secrets_mask(fetch->secret, answer->body.ptr, answer->body.len);
    secrets_mask_end(fetch->secret, answer->body.ptr, answer->body.len);
    secrets_mask(fetch->secret, fetch->url.ptr, fetch->url.len);
    secrets_mask(fetch->secret, answer->location.ptr, answer->location.len);
    answer->url = buf_str(&fetch->url);
}

static void finish(Fetch *fetch, const Err *outcome)
{
    mask(fetch);
    fetch->done(fetch->arg, outcome, &fetch->answer);
    fetch_free(fetch);
}

static void follow(Fetch *fetch, int status, Str location)
{
    Err       err;
    HttpCall *call = fetch->call;
    err_clear(&err);
    fetch->call = NULL;
    /* before the call ends: `location` is its own */
    Status rc = redirect(fetch, status, location, &err);
    http_cancel(call);
    if (rc == ST_OK) rc = begin_hop(fetch, &err);
    if (rc == ST_OK) return;
    if (rc == ST_DENIED) err_wrap(&err, "redirected");
    secrets_redact(err.text, sizeof err.text);
    finish(fetch, &err);
}

static void on_head(void *arg, const HttpHead *head)
{
    Fetch *fetch = arg;
    Str    location = location_of(head);
    if (location.ptr && fetch->follows) {
        follow(fetch, head->status, location);
        return;
    }
    Err unread; /* a Location that is no URL leads nowhere */
    if (location.ptr &&
        http_join_url(fetch->request.url, location, &fetch->answer.location, &unread) != ST_OK)
        buf_reset(&fetch->answer.location);
    fetch->answer.status = head->status;
    fetch->answer.headers = copy_headers(head->headers, head->header_count);
    fetch->answer.header_count = head->header_count;
}

static void on_data(void *arg, Str bytes)
{
    Fetch *fetch = arg;
    Err    err;
    if (buf_append(&fetch->answer.body, bytes, &err) == ST_OK) return;
    http_cancel(fetch->call); /* not before the transport's own limit, which is the same */
    fetch->call = NULL;
    finish(fetch, &err);
}

static void on_end(void *arg, const Err *outcome)
{
    Fetch *fetch = arg;
    fetch->call = NULL;
    finish(fetch, outcome);
}

static Status begin_hop(Fetch *fetch, Err *err)
{
    static const HttpEvents EVENTS = {on_head, on_data, on_end};
    return http_begin(fetch->transport, &fetch->request, &EVENTS, fetch, &fetch->call, err);
}
