#include "server_internal.h"

#include "../base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64, ACCEPT_AGAIN_MS = 100 /* when the process is out of descriptors */ };

static void on_accept(void *arg, int fd, int events);
static void on_again(void *arg);

static Status read_address(const char *text, unsigned port, Address *out, Err *err)
{
    if (port > 65535) return err_set(err, ST_INVALID, "listen on port %u: no such port", port);
    if (!address_parse(str_from(text), out))
        return err_set(err, ST_INVALID, "listen on %s: not an address; use 127.0.0.1", text);
    if (!address_is_loopback(out))
        return err_set(err, ST_DENIED, "listen on %s: not a loopback address; use 127.0.0.1", text);
    return ST_OK;
}

static int open_listener(const Address *address, uint16_t port)
{
    struct sockaddr_storage at;
    int                     one = 1;
    socklen_t               len = address_to_socket(address, port, &at);
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

Status server_new(Loop *loop, const char *address, unsigned port, ServerAsked *asked, void *arg,
                  Server **out, Err *err)
{
    Address                 where;
    struct sockaddr_storage bound;
    socklen_t               len = sizeof bound;
    uint16_t                number = 0;
    if (read_address(address, port, &where, err) != ST_OK) return err->status;
    int fd = open_listener(&where, (uint16_t)port);
    if (fd < 0)
        return err_set(err, ST_IO, "listen on %s port %u: %s", address, port, strerror(errno));
    Server *server = mem_new(sizeof *server);
    *server = (Server){.loop = loop, .fd = fd, .asked = asked, .arg = arg};
    server->again = timer_new(loop, on_again, server);
    if (watch_new(loop, fd, on_accept, server, &server->watch, err) != ST_OK) {
        server_free(server);
        return err->status;
    }
    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        address_from_socket((struct sockaddr *)&bound, &where, &number);
    server->port = number;
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
