/* Bytes both ways, with a bound on what waits and on how long nothing happens. */
#include "proxy_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_SIZE = 16 * 1024 };

static size_t waiting(const Side *side) { return side->out.len - side->sent; }

static void alive(Link *link)
{
    int64_t ms = link->proxy->times.idle_ms;
    timer_set(link->timer, clock_deadline(loop_clock(link->proxy->loop), ms));
}

static bool gone(Link *link)
{
    link_free(link);
    return false;
}

static bool wants_read(const Side *from, const Side *to)
{
    return !from->ended && waiting(to) < PIPE_MAX;
}

void link_watch(Link *link)
{
    Side *client = &link->client, *far = &link->far;
    int  from_client = waiting(client) ? WATCH_WRITE : 0, from_far = waiting(far) ? WATCH_WRITE : 0;
    bool leaving = link->state == LINK_ENDING || link->state == LINK_LINGER;
    if (leaving ? !client->ended : wants_read(client, far)) from_client |= WATCH_READ;
    watch_set(client->watch, from_client);
    if (!far->watch) return;
    if (wants_read(far, client)) from_far |= WATCH_READ;
    watch_set(far->watch, from_far);
}

/* -- out --------------------------------------------------------------------------------------- */

static bool write_some(Side *side)
{
    while (side->fd >= 0 && waiting(side)) {
        ssize_t put = send(side->fd, side->out.ptr + side->sent, waiting(side), MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno == EAGAIN;
        side->sent += (size_t)put;
    }
    if (waiting(side) == 0) {
        buf_reset(&side->out);
        side->sent = 0;
    } else if (side->sent > side->out.len / 2) {
        buf_drop(&side->out, side->sent);
        side->sent = 0;
    }
    return true;
}

/* Says that no more comes, once all has gone. */
static void close_half(Side *side)
{
    if (side->closed || waiting(side)) return;
    shutdown(side->fd, SHUT_WR);
    side->closed = true;
}

static bool linger(Link *link)
{
    close_half(&link->client);
    if (link->client.ended) return gone(link);
    link->state = LINK_LINGER;
    timer_set(link->timer, clock_deadline(loop_clock(link->proxy->loop), LINK_LINGER_MS));
    return true;
}

/* What follows when a side has taken all that there was for it. */
static bool settle(Link *link)
{
    Side *client = &link->client, *far = &link->far;
    if (link->state == LINK_ENDING) return waiting(client) ? true : linger(link);
    if (link->state != LINK_PUMP) return true;
    if (far->ended) {
        close_half(client);
        /* a plain answer ends with its connection */
        if (!link->ask.tunnel && client->closed) {
            watch_set(far->watch, 0);
            return linger(link);
        }
    }
    if (client->ended && link->ask.tunnel) close_half(far);
    return client->closed && far->closed ? gone(link) : true;
}

bool link_flush(Link *link, Side *side)
{
    if (!write_some(side)) return gone(link);
    return settle(link);
}

/* -- a plain request and its answer ------------------------------------------------------------ */

/* Passes on what the parser has taken of the body, framed anew. */
static Status pass_body(Link *link, int status, Err *err)
{
    Buf   *body = &link->parser.body, *out = &link->far.out;
    Status rc = ST_OK;
    if (body->len) {
        if (link->ask.chunked) rc = buf_printf(out, err, "%zx\r\n", body->len);
        if (rc == ST_OK) rc = buf_append(out, buf_str(body), err);
        if (rc == ST_OK && link->ask.chunked) rc = buf_append(out, STR("\r\n"), err);
        buf_reset(body);
    }
    if (rc == ST_OK && status == 200) {
        link->asked_all = true;
        if (link->ask.chunked) rc = buf_append(out, STR("0\r\n\r\n"), err);
    }
    return rc;
}

/* A body that breaks its own framing ends the connection: the far side must not take what came of
 * it for a whole. */
static bool step_body(Link *link)
{
    Err err;
    int status = parser_step(&link->parser);
    if (status != 0 && status != 200) return gone(link);
    return pass_body(link, status, &err) == ST_OK || gone(link);
}

/* The head of the answer goes back without what concerned the far hop. */
static bool take_answer(Link *link, Str bytes)
{
    Err err;
    if (buf_append(&link->answer, bytes, &err) != ST_OK) return gone(link);
    int status = 1;
    while (status == 1) status = proxy_answer_head(&link->answer, &link->client.out);
    if (status < 0) {
        link_answer(link, 502, "the server's answer is not HTTP");
        return false;
    }
    if (status == 0) return true;
    link->answered = true;
    Status rc = buf_append(&link->client.out, buf_str(&link->answer), &err);
    buf_clear(&link->answer);
    return rc == ST_OK || gone(link);
}

bool link_pump_begin(Link *link)
{
    Err    err;
    Status status;
    alive(link);
    if (link->ask.tunnel) {
        status =
            buf_append(&link->client.out, STR("HTTP/1.1 200 Connection Established\r\n\r\n"), &err);
        /* a client that did not wait for the answer */
        if (status == ST_OK) status = buf_append(&link->far.out, buf_str(&link->parser.in), &err);
        buf_clear(&link->parser.in);
        if (status != ST_OK) return gone(link);
        if (!link_flush(link, &link->client)) return false;
    } else {
        status = proxy_head_write(&link->parser, &link->ask, &link->far.out, &err);
        if (status != ST_OK) return gone(link);
        if (!step_body(link)) return false;
    }
    return link_flush(link, &link->far);
}

/* -- in ---------------------------------------------------------------------------------------- */

/* More than 0: so many bytes. 0: nothing now. -1: broken. At its end `ended` is set. */
static ssize_t read_some(Side *side, char *bytes)
{
    ssize_t got = recv(side->fd, bytes, READ_SIZE, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    side->ended = got == 0;
    return got;
}

static bool from_client(Link *link)
{
    Err     err;
    char    bytes[READ_SIZE];
    ssize_t got = read_some(&link->client, bytes);
    Str     piece = {bytes, got > 0 ? (size_t)got : 0};
    if (got < 0) return gone(link);
    if (link->asked_all) return true; /* a second request goes nowhere */
    if (got > 0) alive(link);
    if (!link->ask.tunnel && link->client.ended) return gone(link); /* half a request */
    Buf *to = link->ask.tunnel ? &link->far.out : &link->parser.in;
    if (buf_append(to, piece, &err) != ST_OK) return gone(link);
    if (!link->ask.tunnel && !step_body(link)) return false;
    return link_flush(link, &link->far);
}

static bool from_far(Link *link)
{
    Err     err;
    char    bytes[READ_SIZE];
    Str     piece = {bytes, 0};
    ssize_t got = read_some(&link->far, bytes);
    if (got < 0) return gone(link);
    if (got > 0) alive(link);
    piece.len = (size_t)got;
    if (link->ask.tunnel || link->answered) {
        if (buf_append(&link->client.out, piece, &err) != ST_OK) return gone(link);
    } else if (link->far.ended) {
        link_answer(link, 502, "the server closed the connection without an answer");
        return false;
    } else if (!take_answer(link, piece)) {
        return false;
    }
    return link_flush(link, &link->client);
}

bool link_on_client(Link *link, int events)
{
    if (events & WATCH_WRITE) {
        alive(link);
        if (!link_flush(link, &link->client)) return false;
    }
    if (link->state != LINK_PUMP || !(events & WATCH_READ)) return true;
    return wants_read(&link->client, &link->far) ? from_client(link) : true;
}

bool link_on_far(Link *link, int events)
{
    if (link->state != LINK_PUMP) return true;
    if (events & WATCH_WRITE) {
        alive(link);
        if (!link_flush(link, &link->far)) return false;
    }
    if (link->state != LINK_PUMP || !(events & WATCH_READ)) return true;
    return wants_read(&link->far, &link->client) ? from_far(link) : true;
}
