#include "server_internal.h"

#include "../base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64, ACCEPT_AGAIN_MS = 100 /* when the process is out of descriptors */ };

static void on_accept(void *arg, int fd, int events);
static void on_again(void *arg);

typedef union Address {
    struct sockaddr     any;
    struct sockaddr_in  v4;
    struct sockaddr_in6 v6;
} Address;

static Status parse_address(const char *text, unsigned port, Address *out, socklen_t *len, Err *err)
{
    memset(out, 0, sizeof *out);
    if (port > 65535) return err_set(err, ST_INVALID, "listen on port %u: no such port", port);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        if (ntohl(out->v4.sin_addr.s_addr) >> 24 == 127) {
            out->v4.sin_family = AF_INET;
            out->v4.sin_port = htons((uint16_t)port);
            *len = sizeof out->v4;
            return ST_OK;
        }
    } else if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        if (IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr)) {
            out->v6.sin6_family = AF_INET6;
            out->v6.sin6_port = htons((uint16_t)port);
            *len = sizeof out->v6;
            return ST_OK;
        }
    } else {
        return err_set(err, ST_INVALID, "listen on %s: not an address; use 127.0.0.1", text);
    }
    return err_set(err, ST_DENIED, "listen on %s: not a loopback address; use 127.0.0.1", text);
}

static int open_listener(const Address *address, socklen_t len)
{
    int one = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &address->any, len) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

Status server_new(Loop *loop, const char *address, unsigned port, ServerAsked *asked, void *arg,
                  Server **out, Err *err)
{
    Address   where;
    socklen_t len = 0;
    if (parse_address(address, port, &where, &len, err) != ST_OK) return err->status;
    int fd = open_listener(&where, len);
    if (fd < 0)
        return err_set(err, ST_IO, "listen on %s port %u: %s", address, port, strerror(errno));
    Server *server = mem_new(sizeof *server);
    *server = (Server){.loop = loop, .fd = fd, .asked = asked, .arg = arg};
    server->again = timer_new(loop, on_again, server);
    if (watch_new(loop, fd, on_accept, server, &server->watch, err) != ST_OK) {
        server_free(server);
        return err->status;
    }
    getsockname(fd, &where.any, &len);
    server->port = ntohs(where.any.sa_family == AF_INET ? where.v4.sin_port : where.v6.sin6_port);
    watch_set(server->watch, WATCH_READ);
    *out = server;
    return ST_OK;
}

unsigned server_port(const Server *server) { return server->port; }
size_t   server_connections(const Server *server) { return server->count; }

void server_free(Server *server)
{
    if (!server) return;
    while (server->connections) {
        server->connections->inside = false;
        connection_free(server->connections);
    }
    watch_free(server->watch);
    timer_free(server->again);
    close(server->fd);
    free(server);
}

static void on_accept(void *arg, int fd, int events)
{
    Server *server = arg;
    (void)events;
    while (server->count < CONNECTIONS_MAX) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            connection_new(server, client);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        timer_set(server->again, clock_deadline(loop_clock(server->loop), ACCEPT_AGAIN_MS));
        break;
    }
    watch_set(server->watch, 0); /* full: those who wait stay in the backlog */
}

static void on_again(void *arg)
{
    Server *server = arg;
    watch_set(server->watch, WATCH_READ);
}
