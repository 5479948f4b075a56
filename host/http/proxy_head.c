#include "proxy_head.h"

#include "field.h"

#include "../base/limits.h"

#include <string.h>
#include <strings.h>

/* -- who asks ---------------------------------------------------------------------------------- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, section 4. Missing padding is taken, as some clients leave it out. */
static bool decode_base64(Str text, char *out, size_t size)
{
    unsigned bits = 0, have = 0;
    size_t   len = 0;
    while (text.len && text.ptr[text.len - 1] == '=') text.len--;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0) return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        char byte = (char)(bits >> have & 0xff);
        if (byte == '\0' || len + 1 >= size) return false;
        out[len++] = byte;
    }
    out[len] = '\0';
    return len > 0;
}

bool proxy_head_credentials(const RequestParser *parser, char out[PROXY_CREDENTIALS_MAX])
{
    Str    value = {NULL, 0};
    size_t count = 0;
    for (size_t i = 0; i < parser->header_count; i++)
        if (str_is(parser->headers[i].name, "proxy-authorization")) {
            value = parser->headers[i].value;
            count++;
        }
    Str scheme;
    if (count != 1 || !str_next(&value, ' ', &scheme) || !field_same(scheme, STR("basic")))
        return false;
    return decode_base64(str_trim(value), out, PROXY_CREDENTIALS_MAX);
}

/* -- what is asked ----------------------------------------------------------------------------- */

static int bad(Err *err, const char *why)
{
    err_set(err, ST_INVALID, "%s", why);
    return 400;
}

static Str header_of(const RequestParser *parser, const char *name)
{
    for (size_t i = 0; i < parser->header_count; i++)
        if (str_is(parser->headers[i].name, name)) return parser->headers[i].value;
    return (Str){NULL, 0};
}

/* The scheme, the authority and the rest of an absolute URI (RFC 9112, section 3.2.2). */
static int read_uri(Str target, ProxyAsk *out, Err *err)
{
    static const char SCHEME[] = "http://";
    size_t            len = sizeof SCHEME - 1;
    if (target.len < len || strncasecmp(target.ptr, SCHEME, len) != 0)
        return bad(err, "this is a proxy: it takes CONNECT and http:// URIs");
    for (size_t i = 0; i < target.len; i++)
        if (target.ptr[i] == '#' || (unsigned char)target.ptr[i] >= 0x80)
            return bad(err, "the URI holds a fragment, or bytes that are not ASCII");
    Str    rest = str_cut(target, len, target.len);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') end++;
    out->authority = str_cut(rest, 0, end);
    out->path = str_cut(rest, end, rest.len);
    return 0;
}

static bool same_host(const ProxyAsk *ask, Str value)
{
    Host     host;
    uint16_t port;
    Err      err;
    return host_read_port(value, 80, &host, &port, &err) == ST_OK && port == ask->port &&
           strcmp(host.name, ask->host.name) == 0;
}

int proxy_head_read(const RequestParser *parser, ProxyAsk *out, Err *err)
{
    memset(out, 0, sizeof *out);
    out->tunnel = str_is(parser->method, "CONNECT");
    out->chunked = header_of(parser, "transfer-encoding").ptr != NULL;
    Str host = header_of(parser, "host");
    if (out->tunnel) {
        out->authority = parser->target;
        if (out->chunked || header_of(parser, "content-length").ptr)
            return bad(err, "CONNECT has no body");
    } else {
        int status = read_uri(parser->target, out, err);
        if (status) return status;
    }
    if (host_read_port(out->authority, out->tunnel ? 0 : 80, &out->host, &out->port, err) != ST_OK)
        return 403;
    /* whatever stands behind us would believe the one or the other */
    if (!out->tunnel && host.ptr && !same_host(out, host))
        return bad(err, "the Host header is not the URI's host");
    return 0;
}

/* -- how it goes on ---------------------------------------------------------------------------- */

/* Fields for one hop only (RFC 9110, section 7.6.1), and those that are written anew. */
static bool stays_here(Str name)
{
    static const char *const HOP[] = {"connection", "keep-alive",        "te",    "trailer",
                                      "upgrade",    "transfer-encoding", "host",  "content-length",
                                      "via",        "http2-settings",    "expect"};
    for (size_t i = 0; i < sizeof HOP / sizeof HOP[0]; i++)
        if (field_same(name, str_from(HOP[i]))) return true;
    return name.len >= 6 && strncasecmp(name.ptr, "proxy-", 6) == 0;
}

/* Does a Connection field of this request name it? */
static bool named_by_connection(const RequestParser *parser, Str name)
{
    for (size_t i = 0; i < parser->header_count; i++) {
        Str rest = parser->headers[i].value, part;
        if (!str_is(parser->headers[i].name, "connection")) continue;
        while (str_next(&rest, ',', &part))
            if (field_same(str_trim(part), name)) return true;
    }
    return false;
}

static Status write_host(const ProxyAsk *ask, Buf *out, Err *err)
{
    bool   v6 = ask->host.is_literal && ask->host.address.is_v6;
    Status status =
        buf_printf(out, err, "Host: %s%s%s", v6 ? "[" : "", ask->host.name, v6 ? "]" : "");
    if (status == ST_OK && ask->port != 80) status = buf_printf(out, err, ":%u", ask->port);
    return status == ST_OK ? buf_append(out, STR("\r\n"), err) : status;
}

static Status write_field(Str name, Str value, Buf *out, Err *err)
{
    Status status = buf_append(out, name, err);
    if (status == ST_OK) status = buf_append(out, STR(": "), err);
    if (status == ST_OK) status = buf_append(out, value, err);
    return status == ST_OK ? buf_append(out, STR("\r\n"), err) : status;
}

Status proxy_head_write(const RequestParser *parser, const ProxyAsk *ask, Buf *out, Err *err)
{
    bool    server_itself = ask->path.len == 0 && str_is(parser->method, "OPTIONS");
    int64_t length = 0;
    Status  status = buf_append(out, parser->method, err);
    if (status == ST_OK) status = buf_byte(out, ' ', err);
    if (status == ST_OK && (ask->path.len == 0 || ask->path.ptr[0] == '?'))
        status = buf_byte(out, server_itself ? '*' : '/', err);
    if (status == ST_OK) status = buf_append(out, ask->path, err);
    if (status == ST_OK)
        status = buf_append(out, parser->is_1_0 ? STR(" HTTP/1.0\r\n") : STR(" HTTP/1.1\r\n"), err);
    if (status == ST_OK) status = write_host(ask, out, err);
    for (size_t i = 0; i < parser->header_count && status == ST_OK; i++) {
        const HttpHeader *field = &parser->headers[i];
        if (str_is(field->name, "content-length") && str_to_int64(field->value, &length))
            status = buf_printf(out, err, "Content-Length: %lld\r\n", (long long)length);
        if (stays_here(field->name) || named_by_connection(parser, field->name)) continue;
        status = write_field(field->name, field->value, out, err);
    }
    if (status == ST_OK && ask->chunked)
        status = buf_append(out, STR("Transfer-Encoding: chunked\r\n"), err);
    if (status == ST_OK && header_of(parser, "expect").ptr && !parser->is_1_0)
        status = buf_append(out, STR("Expect: 100-continue\r\n"), err);
    if (status != ST_OK) return status;
    return buf_append(out, STR("Via: 1.1 perigee\r\nConnection: close\r\n\r\n"), err);
}

/* -- what comes back --------------------------------------------------------------------------- */

/* "HTTP/1.1 200 ..." -> 200, or -1. */
static int status_of(Str line)
{
    int64_t status = 0;
    if (!str_starts(line, STR("HTTP/1.")) || line.len < 12 || line.ptr[8] != ' ') return -1;
    if (line.len > 12 && line.ptr[12] != ' ' && line.ptr[12] != '\r') return -1;
    if (!str_to_int64(str_cut(line, 9, 12), &status) || status < 100) return -1;
    return (int)status;
}

/* The lines behind the first; a folded line goes where the one before it went. */
static Status write_answer_fields(Str rest, Buf *out, Err *err)
{
    Status status = ST_OK;
    Str    line;
    bool   kept = true;
    while (status == ST_OK && str_next(&rest, '\n', &line)) {
        if (line.len == 0 || line.ptr[0] == '\r') continue;
        Str name = line, left = line;
        if (line.ptr[0] != ' ' && line.ptr[0] != '\t') {
            str_next(&left, ':', &name);
            name = str_trim(name);
            kept = !(field_same(name, STR("connection")) || field_same(name, STR("keep-alive")) ||
                     (name.len >= 6 && strncasecmp(name.ptr, "proxy-", 6) == 0));
        }
        if (kept) status = buf_append(out, line, err);
        if (kept && status == ST_OK) status = buf_byte(out, '\n', err);
    }
    return status;
}

/* Lines end in CRLF and in nothing else. */
static bool has_odd_line_end(Str head)
{
    for (size_t i = 0; i < head.len; i++) {
        char next = i + 1 < head.len ? head.ptr[i + 1] : '\0';
        if (head.ptr[i] == '\0' || (head.ptr[i] == '\r') != (next == '\n')) return true;
    }
    return false;
}

int proxy_answer_head(Buf *in, Buf *out)
{
    Err       err;
    Str       all = buf_str(in), start = STR("HTTP/");
    ptrdiff_t end = str_find(all, STR("\r\n\r\n"));
    if (!str_starts(str_cut(all, 0, start.len), str_cut(start, 0, all.len))) return -1;
    if (end < 0) return in->len >= LIMIT_HTTP_HEAD ? -1 : 0;
    Str head = str_cut(all, 0, (size_t)end + 2), rest = head, line;
    str_next(&rest, '\n', &line);
    int status = has_odd_line_end(head) ? -1 : status_of(line);
    /* 101 would be an answer to an Upgrade, which is not sent */
    if (status < 0 || status == 101) return -1;
    bool interim = status < 200;
    if (buf_append(out, line, &err) != ST_OK || buf_byte(out, '\n', &err) != ST_OK ||
        write_answer_fields(rest, out, &err) != ST_OK ||
        buf_append(out, interim ? STR("\r\n") : STR("Connection: close\r\n\r\n"), &err) != ST_OK)
        return -1;
    buf_drop(in, head.len + 2);
    return interim ? 1 : status;
}
