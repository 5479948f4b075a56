/* libFuzzer: a request to the proxy may be any bytes, an answer too. What goes out for a request is
 * one request to a strict reader: to the host that was checked, framed in one way, and with nothing
 * of this hop in it. */
#include "../../host/base/limits.h"
#include "../../host/http/proxy_head.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Str value_of(const RequestParser *parser, const char *name)
{
    for (size_t i = 0; i < parser->header_count; i++)
        if (str_is(parser->headers[i].name, name)) return parser->headers[i].value;
    return (Str){NULL, 0};
}

static void check_head(const Buf *head, const ProxyAsk *ask)
{
    RequestParser again;
    Host          host;
    uint16_t      port;
    Err           err;
    parser_init(&again, SIZE_MAX / 2);
    if (buf_append(&again.in, buf_str(head), &err) != ST_OK) abort();
    int status = parser_step(&again);
    if (status != 0 && status != 200) abort();
    if (again.state == PARSER_HEAD || again.keep_alive) abort();
    if (again.target.ptr[0] != '/' && !str_is(again.target, "*")) abort();
    if (host_read_port(value_of(&again, "host"), 80, &host, &port, &err) != ST_OK) abort();
    if (strcmp(host.name, ask->host.name) != 0 || port != ask->port) abort();
    if (ask->chunked != (again.state == PARSER_CHUNK_SIZE)) abort();
    if (value_of(&again, "proxy-authorization").ptr) abort();
    parser_clear(&again);
}

static void check_request(const uint8_t *data, size_t size)
{
    RequestParser parser;
    ProxyAsk      ask;
    Err           err;
    Buf           out;
    char          credentials[PROXY_CREDENTIALS_MAX];
    parser_init(&parser, SIZE_MAX / 2);
    buf_init(&out, 2 * LIMIT_HTTP_HEAD);
    if (buf_append(&parser.in, (Str){(const char *)data, size}, &err) == ST_OK) {
        int status = parser_step(&parser);
        if ((status == 0 || status == 200) && parser.state != PARSER_HEAD) {
            proxy_head_credentials(&parser, credentials);
            if (proxy_head_read(&parser, &ask, &err) == 0 && !ask.tunnel &&
                proxy_head_write(&parser, &ask, &out, &err) == ST_OK)
                check_head(&out, &ask);
        }
    }
    buf_clear(&out);
    parser_clear(&parser);
}

static void check_answer(const uint8_t *data, size_t size)
{
    Buf in, out;
    Err err;
    int status = 1;
    buf_init(&in, 2 * LIMIT_HTTP_HEAD);
    buf_init(&out, 4 * LIMIT_HTTP_HEAD);
    if (buf_append(&in, (Str){(const char *)data, size}, &err) == ST_OK)
        while (status == 1) status = proxy_answer_head(&in, &out);
    if (status > 1 && !str_ends(buf_str(&out), STR("\r\nConnection: close\r\n\r\n"))) abort();
    buf_clear(&in);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request(data, size);
    check_answer(data, size);
    return 0;
}
