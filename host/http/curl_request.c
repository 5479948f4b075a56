/* What goes out: a request is checked here, whole, before libcurl sees any of it. */
#include "curl_internal.h"
#include "field.h"
#include "secrets.h"

#include "../base/mem.h"
#include "../base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static Status check_request(const HttpRequest *request, Err *err);
static Status read_url(CurlCall *call, Str method, char **url, Buf *key, Err *err);
static Status add_headers(CurlCall *call, const HttpRequest *request, Err *err);
static Status add_secret(CurlCall *call, const HttpRequest *request, Str key, Err *err);
static void   set_options(CurlCall *call, const HttpRequest *request, const char *url);

/* The message's framing and its addressee follow from the request; a second word about them is how
 * requests are smuggled. */
static const char *const OURS[] = {"host",    "content-length", "transfer-encoding",
                                   "expect",  "connection",     "te",
                                   "upgrade", "trailer",        "accept-encoding"};

Status call_prepare(CurlCall *call, const HttpRequest *request, Err *err)
{
    Status status = check_request(request, err);
    if (status != ST_OK) return status;
    Buf key;
    buf_init(&key, 1 * KB);
    char *url = mem_copy(request->url.ptr, request->url.len);
    call->guarded = request->hosts != NULL;
    if (call->guarded) host_rules_copy(request->hosts, &call->hosts);
    status = read_url(call, request->method, &url, &key, err);
    if (status == ST_OK) status = add_headers(call, request, err);
    if (status == ST_OK && request->secret.len)
        status = add_secret(call, request, buf_str(&key), err);
    if (status == ST_OK) {
        call->easy = curl_easy_init();
        if (!call->easy) status = err_set(err, ST_UNAVAILABLE, "%s: no easy handle", call->where);
    }
    if (status == ST_OK) set_options(call, request, url);
    buf_clear(&key);
    free(url);
    return status;
}

void call_wipe_headers(CurlCall *call)
{
    if (call->secret_line) explicit_bzero(call->secret_line, strlen(call->secret_line));
    call->secret_line = NULL;
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

static Status check_header_name(Str name, Err *err)
{
    if (!field_is_name(name))
        return err_set(err, ST_INVALID, "http request: \"%.*s\" is no header name", STR_ARG(name));
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        if (field_same(name, str_from(OURS[i])))
            return err_set(err, ST_INVALID, "http request: the header %s is set by the transport",
                           OURS[i]);
    return ST_OK;
}

static Status check_request(const HttpRequest *request, Err *err)
{
    if (!field_is_name(request->method))
        return err_set(err, ST_INVALID, "http request: \"%.*s\" is no method",
                       STR_ARG(request->method));
    if (request->url.len == 0 || memchr(request->url.ptr, '\0', request->url.len))
        return err_set(err, ST_INVALID, "http request: the URL is empty or holds a NUL");
    if (request->body.len > LIMIT_REQUEST)
        return err_set(err, ST_LIMIT, "http request: the body has %zu bytes, %zu are allowed",
                       request->body.len, LIMIT_REQUEST);
    if (request->connect_ms <= 0 || request->first_byte_ms <= 0 || request->idle_ms <= 0)
        return err_set(err, ST_INVALID, "http request: each stall deadline must be above 0");
    for (size_t i = 0; i < request->header_count; i++) {
        Str name = request->headers[i].name;
        if (check_header_name(name, err) != ST_OK) return err->status;
        if (!field_is_value(request->headers[i].value))
            return err_set(err, ST_INVALID,
                           "http request: the value of %.*s holds a line end or control character",
                           STR_ARG(name));
        if (request->secret.len && field_same(name, request->secret_header))
            return err_set(err, ST_INVALID, "http request: %.*s is given twice, once by a secret",
                           STR_ARG(name));
    }
    return request->secret.len ? check_header_name(request->secret_header, err) : ST_OK;
}

/* Appends the name under which secrets are granted to the URL's host, see http_host_key. */
static Status append_host_key(CURLU *parts, Buf *key, Err *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(parts, CURLUPART_HOST, &host, 0);
    bool tls = scheme && strcmp(scheme, "https") == 0;
    curl_url_get(parts, CURLUPART_PORT, &port, tls ? CURLU_NO_DEFAULT_PORT : CURLU_DEFAULT_PORT);
    Status status = buf_append(key, str_from(host), err);
    if (status == ST_OK && port) status = buf_printf(key, err, ":%s", port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return status;
}

static Status parse_url(const char *url, CURLU **out, Err *err)
{
    CURLU    *parts = curl_url();
    char     *scheme = NULL, *user = NULL;
    Status    status = ST_OK;
    CURLUcode code = parts ? curl_url_set(parts, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OK) code = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    if (code != CURLUE_OK)
        status = err_set(err, ST_INVALID, "http request: the URL is not one: %s",
                         curl_url_strerror(code));
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        status =
            err_set(err, ST_INVALID, "http request: the scheme %s is not http or https", scheme);
    else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK ||
             curl_url_get(parts, CURLUPART_PASSWORD, &user, 0) == CURLUE_OK)
        status = err_set(err, ST_INVALID,
                         "http request: the URL holds a user name; name a secret instead");
    curl_free(scheme);
    curl_free(user);
    if (status == ST_OK)
        *out = parts;
    else
        curl_url_cleanup(parts);
    return status;
}

Status http_host_key(Str url, Buf *out, Err *err)
{
    CURLU *parts = NULL;
    char  *text = mem_copy(url.len ? url.ptr : "", url.len), *socket = NULL;
    Status status = strlen(text) == url.len ? call_take_socket(&text, &socket, err)
                                            : err_set(err, ST_INVALID, "URL: holds a NUL");
    if (status == ST_OK) status = parse_url(text, &parts, err);
    if (status == ST_OK)
        status =
            socket ? buf_printf(out, err, "unix:%s", socket) : append_host_key(parts, out, err);
    free(text);
    free(socket);
    curl_url_cleanup(parts);
    return status;
}

Status http_join_url(Str base, Str location, Buf *out, Err *err)
{
    CURLU *parts = NULL, *moved = NULL;
    char  *from = mem_copy(base.len ? base.ptr : "", base.len), *whole = NULL;
    char  *to = mem_copy(location.len ? location.ptr : "", location.len);
    Status status = parse_url(from, &parts, err);
    if (status == ST_OK &&
        (strlen(to) != location.len || curl_url_set(parts, CURLUPART_URL, to, 0) != CURLUE_OK ||
         curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
         curl_url_get(parts, CURLUPART_URL, &whole, 0) != CURLUE_OK))
        status = err_set(err, ST_PROTOCOL, "the Location of a redirect is no URL");
    if (status == ST_OK) status = parse_url(whole, &moved, err);
    if (status == ST_OK) status = buf_append(out, str_from(whole), err);
    curl_free(whole);
    curl_url_cleanup(moved);
    curl_url_cleanup(parts);
    free(from);
    free(to);
    return status;
}

/* "POST https://host/path"; a query may hold what is nobody's business. */
static void name_place(CurlCall *call, Str method, CURLU *parts)
{
    char *whole = NULL;
    curl_url_set(parts, CURLUPART_QUERY, NULL, 0);
    curl_url_get(parts, call->socket ? CURLUPART_PATH : CURLUPART_URL, &whole, 0);
    if (whole) secrets_redact(whole, strlen(whole) + 1);
    snprintf(call->where, sizeof call->where, "%.*s %s%s%s%s",
             method.len > 16 ? 16 : (int)method.len, method.ptr, call->socket ? "unix:" : "",
             call->socket ? call->socket : "", call->socket ? ":" : "", whole ? whole : "");
    curl_free(whole);
}

static Status read_url(CurlCall *call, Str method, char **url, Buf *key, Err *err)
{
    CURLU *parts = NULL;
    Status status = call_take_socket(url, &call->socket, err);
    if (status == ST_OK) status = parse_url(*url, &parts, err);
    if (status != ST_OK) return status;
    curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
    status = call->socket ? buf_printf(key, err, "unix:%s", call->socket)
                          : append_host_key(parts, key, err);
    name_place(call, method, parts);
    if (status == ST_OK) status = call_check_host(call, parts, err);
    curl_url_cleanup(parts);
    return status;
}

static void add_line(CurlCall *call, const char *line)
{
    struct curl_slist *longer = curl_slist_append(call->headers, line);
    if (longer) call->headers = longer;
}

static Status add_headers(CurlCall *call, const HttpRequest *request, Err *err)
{
    Buf  line;
    bool typed = false;
    buf_init(&line, LIMIT_HTTP_HEAD);
    Status status = ST_OK;
    for (size_t i = 0; i < request->header_count && status == ST_OK; i++) {
        const HttpHeader *header = &request->headers[i];
        typed = typed || field_same(header->name, STR("content-type"));
        buf_reset(&line);
        status = buf_append(&line, header->name, err);
        /* libcurl's notation: "name;" sends an empty value, "name:" would remove the header */
        bool empty = str_trim(header->value).len == 0;
        if (status == ST_OK) status = buf_append(&line, empty ? STR(";") : STR(": "), err);
        if (status == ST_OK && !empty) status = buf_append(&line, header->value, err);
        if (status == ST_OK) add_line(call, line.ptr);
    }
    buf_clear(&line);
    if (status != ST_OK) return err_wrap(err, "%s: a header", call->where);
    add_line(call, "Expect:"); /* a round trip before the body helps nobody here */
    if (!typed) add_line(call, "Content-Type:"); /* libcurl would call a body a form */
    return ST_OK;
}

static Status add_secret(CurlCall *call, const HttpRequest *request, Str key, Err *err)
{
    Buf line;
    buf_init(&line, LIMIT_HTTP_HEAD);
    Status status = buf_append(&line, request->secret_header, err);
    if (status == ST_OK) status = buf_append(&line, STR(": "), err);
    if (status == ST_OK)
        status = call->guarded
                     ? secrets_reveal_listed(request->secret, request->secret_prefix, &line, err)
                     : secrets_reveal(request->secret, key, request->secret_prefix, &line, err);
    if (status == ST_OK && !field_is_value(buf_str(&line)))
        status = err_set(err, ST_INVALID, "the secret %.*s holds a line end or control character",
                         STR_ARG(request->secret));
    if (status == ST_OK) {
        add_line(call, line.ptr);
        struct curl_slist *last = call->headers;
        while (last->next) last = last->next;
        call->secret_line = last->data;
    }
    explicit_bzero(line.ptr, line.len);
    buf_clear(&line);
    return status == ST_OK ? ST_OK : err_wrap(err, "%s", call->where);
}

static void set_method(CurlCall *call, const HttpRequest *request)
{
    CURL *easy = call->easy;
    bool  has_body = request->body.len > 0 || str_is(request->method, "POST") ||
                    str_is(request->method, "PUT") || str_is(request->method, "PATCH");
    if (has_body) {
        call->body = mem_copy(request->body.len ? request->body.ptr : "", request->body.len);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    } else if (str_is(request->method, "HEAD")) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    char *method = mem_copy(request->method.ptr, request->method.len);
    if (strcmp(method, has_body ? "POST" : "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method); /* copied by libcurl */
    free(method);
}

static void set_options(CurlCall *call, const HttpRequest *request, const char *url)
{
    CURL                *easy = call->easy;
    const CurlTransport *transport = call->transport;
    call->connect_ms = request->connect_ms;
    call->first_byte_ms = request->first_byte_ms;
    call->idle_ms = request->idle_ms;
    call->deadline = request->deadline;
    call->body_left = request->body_limit;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    /* For a handshake that may end in HTTP/2. Without TLS nothing tells before the first answer. */
    if (strncasecmp(url, "https:", 6) == 0) curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (!call->guarded) curl_easy_setopt(easy, CURLOPT_SHARE, transport->share);
    if (call->socket) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->socket);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "perigee/" VERSION);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (transport->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, transport->ca_file);
    if (transport->ca_path) curl_easy_setopt(easy, CURLOPT_CAPATH, transport->ca_path);
    /* Ours ends the call; libcurl uses its own to share the time among a name's addresses. */
    long connect_ms = request->connect_ms > 1000000000 ? 1000000000 : (long)request->connect_ms;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    call_guard(call);
    set_method(call, request);
}
