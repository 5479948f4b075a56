#include "field.h"
#include "server_internal.h"

static const char *phrase_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Status";
    }
}

Str request_header(const ServerRequest *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_is(request->headers[i].name, name)) return request->headers[i].value;
    return (Str){NULL, 0};
}

static Status check_reply_header(const HttpHeader *header, Err *err)
{
    static const char *const OURS[] = {"content-length", "transfer-encoding", "connection"};
    if (!field_is_name(header->name) || !field_is_value(header->value))
        return err_set(err, ST_INVALID, "answer a request: \"%.*s\" is no header",
                       STR_ARG(header->name));
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        if (field_same(header->name, str_from(OURS[i])))
            return err_set(err, ST_INVALID, "answer a request: %s is set by the server", OURS[i]);
    return ST_OK;
}

/* Sends what was said. A client that is gone is told here, and not a second time by an event. */
static Status push(Connection *connection, Status status, Err *err)
{
    if (status == ST_OK) connection_flush(connection);
    if (status == ST_OK && connection->fd < 0) {
        connection->gone_known = true;
        status = err_set(err, ST_UNAVAILABLE, "answer a request: the client is gone");
    }
    connection->broken = connection->broken || status != ST_OK;
    return status;
}

Status reply_head(ServerRequest *request, int status, const HttpHeader *headers,
                  size_t header_count, Err *err)
{
    Connection *connection = (Connection *)request;
    if (connection->head_sent || status < 200 || status > 599)
        return err_set(err, ST_INVALID, "answer a request: a second head, or status %d", status);
    for (size_t i = 0; i < header_count; i++)
        if (check_reply_header(&headers[i], err) != ST_OK) return err->status;
    connection->head_sent = true;
    connection->bare = status == 204 || status == 304 || str_is(request->method, "HEAD");
    /* A client of HTTP/1.0 knows no chunks: its answer ends with the connection. */
    if (connection->parser.is_1_0) connection->parser.keep_alive = false;
    Status rc = connection_say(connection, STR(""), err);
    if (rc == ST_OK)
        rc = buf_printf(&connection->out, err, "HTTP/1.1 %d %s\r\n", status, phrase_of(status));
    for (size_t i = 0; i < header_count && rc == ST_OK; i++)
        rc = buf_printf(&connection->out, err, "%.*s: %.*s\r\n", (int)headers[i].name.len,
                        headers[i].name.ptr, (int)headers[i].value.len,
                        headers[i].value.len ? headers[i].value.ptr : "");
    if (rc == ST_OK && !connection->bare && !connection->parser.is_1_0)
        rc = connection_say(connection, STR("Transfer-Encoding: chunked\r\n"), err);
    if (rc == ST_OK && !connection->parser.keep_alive)
        rc = connection_say(connection, STR("Connection: close\r\n"), err);
    if (rc == ST_OK) rc = connection_say(connection, STR("\r\n"), err);
    return push(connection, rc, err);
}

Status reply_write(ServerRequest *request, Str bytes, Err *err)
{
    Connection *connection = (Connection *)request;
    if (!connection->head_sent)
        return err_set(err, ST_INVALID, "answer a request: a body before its head");
    if (bytes.len == 0 || connection->bare) return ST_OK; /* an empty chunk would be the end */
    Status status = connection_say(connection, STR(""), err);
    bool   chunked = !connection->parser.is_1_0;
    if (status == ST_OK && connection->out_sent > connection->out.len / 2) {
        buf_drop(&connection->out, connection->out_sent);
        connection->out_sent = 0;
    }
    if (status == ST_OK) status = buf_reserve(&connection->out, bytes.len + 32, err);
    if (status == ST_OK && chunked)
        status = buf_printf(&connection->out, err, "%zx\r\n", bytes.len);
    if (status == ST_OK) status = connection_say(connection, bytes, err);
    if (status == ST_OK && chunked) status = connection_say(connection, STR("\r\n"), err);
    return push(connection, status, err);
}

void reply_end(ServerRequest *request)
{
    Err         err;
    Connection *connection = (Connection *)request;
    Status      status = ST_OK;
    if (!connection->head_sent) status = reply_head(request, 500, NULL, 0, &err);
    if (status == ST_OK && !connection->bare && !connection->parser.is_1_0)
        status = connection_say(connection, STR("0\r\n\r\n"), &err);
    if (status != ST_OK || connection->broken || connection->fd < 0) {
        reply_abort(request);
        return;
    }
    connection_answered(connection);
}

void reply_abort(ServerRequest *request)
{
    Connection *connection = (Connection *)request;
    connection->state = READING; /* nobody holds the request any more */
    connection_free(connection);
}

bool reply_gone(const ServerRequest *request) { return ((const Connection *)request)->fd < 0; }

size_t reply_unsent(const ServerRequest *request)
{
    const Connection *connection = (const Connection *)request;
    return connection->out.len - connection->out_sent;
}

void reply_watch(ServerRequest *request, const ReplyEvents *events, void *arg)
{
    Connection *connection = (Connection *)request;
    connection->events = *events;
    connection->events_arg = arg;
}
