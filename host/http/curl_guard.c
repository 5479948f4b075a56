/* Where a call may go: its host by the list, each address as its socket is opened. */
#include "curl_internal.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to);

Status call_check_host(CurlCall *call, CURLU *parts, Err *err)
{
    char   *name = NULL, *port = NULL;
    Host    host;
    Err     why;
    int64_t number = 0;
    Status  status = ST_OK;
    curl_url_get(parts, CURLUPART_HOST, &name, 0);
    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    bool is_host = name && host_read(str_from(name), &host, &why) == ST_OK;
    bool has_port = port && str_to_int64(str_from(port), &number) && number > 0 && number < 65536;
    call->direct = call->guarded || call->socket || (name && strcasecmp(name, "localhost") == 0) ||
                   (is_host && host.is_literal && address_is_loopback(&host.address));
    if (call->guarded && call->socket)
        status = err_set(err, ST_DENIED,
                         "%s: a socket of this machine is no host that may be "
                         "reached",
                         call->where);
    else if (call->guarded && !is_host)
        status = err_set(err, ST_DENIED, "%s: no host that may be reached: %s", call->where,
                         name ? why.text : "there is none");
    else if (call->guarded &&
             !(has_port && host_rules_allow(&call->hosts, &host, (uint16_t)number)))
        status =
            err_set(err, ST_DENIED, "%s: %s port %lld is not among the hosts that may be reached",
                    call->where, host.name, (long long)number);
    curl_free(name);
    curl_free(port);
    return status;
}

/* A connection of the pool was perhaps opened under another list, or under none: it is not used,
 * and ours is not kept for others. */
void call_guard(CurlCall *call)
{
    CURL *easy = call->easy;
    if (call->direct) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (!call->guarded) return;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
}

/* What libcurl found out about the name is checked here, and this is what it dials: a second
 * look-up between check and use does not exist. A refused one of several leaves the others. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    CurlCall *call = arg;
    Address   address;
    uint16_t  port;
    (void)purpose;
    if (!address_from_socket(&to->addr, &address, &port)) return CURL_SOCKET_BAD;
    if (!host_rules_allow_address(&call->hosts, &address, port)) {
        address_text(&address, call->inside);
        return CURL_SOCKET_BAD;
    }
    call->opened = true;
    return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
}
