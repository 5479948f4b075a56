/* What is kept of traffic, as lines. The one place that decides what must not be kept. */
#include "cassette_internal.h"
#include "field.h"
#include "secrets.h"

#include "../base/limits.h"

#include <string.h>

/* Whatever stands in them was given to somebody to prove who he is. */
static const char *const CREDENTIALS[] = {"authorization", "proxy-authorization", "cookie",
                                          "set-cookie",    "x-api-key",           "api-key"};

static bool carries_credentials(Str name)
{
    for (size_t i = 0; i < sizeof CREDENTIALS / sizeof CREDENTIALS[0]; i++)
        if (field_same(name, str_from(CREDENTIALS[i]))) return true;
    return false;
}

void tape_request_init(TapeRequest *request)
{
    buf_init(&request->head, LIMIT_CASSETTE);
    buf_init(&request->body, LIMIT_CASSETTE);
}

void tape_request_clear(TapeRequest *request)
{
    buf_clear(&request->head);
    buf_clear(&request->body);
}

static Status add(Buf *out, Str bytes, Status before, Err *err)
{
    return before == ST_OK ? buf_append(out, bytes, err) : before;
}

static Status add_field(Buf *out, Str name, Str prefix, Str value, Str suffix, Err *err)
{
    const Str parts[] = {name, STR(": "), prefix, value, suffix, STR("\n")};
    Status    status = ST_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        status = add(out, parts[i], status, err);
    return status;
}

Status tape_request_of(const HttpRequest *from, TapeRequest *out, Err *err)
{
    Buf   *head = &out->head;
    Status status = buf_append(head, from->method, err);
    status = add(head, STR(" "), status, err);
    status = add(head, from->url, status, err);
    status = add(head, STR("\n"), status, err);
    for (size_t i = 0; i < from->header_count && status == ST_OK; i++) {
        Str  name = from->headers[i].name;
        bool kept = !carries_credentials(name);
        status = add_field(head, name, STR(""), kept ? from->headers[i].value : STR("[not kept]"),
                           STR(""), err);
    }
    status = add(&out->body, from->body, status, err);
    if (status != ST_OK) return status;
    secrets_mask_all(head->ptr, head->len);
    secrets_mask_all(out->body.ptr, out->body.len);
    if (from->secret.len == 0) return ST_OK;
    /* behind the mask: a name is not hidden, whatever some other value is */
    status = buf_append(head, from->secret_header, err);
    status = add(head, STR(": "), status, err);
    status = add(head, from->secret_prefix, status, err);
    status = add(head, STR("["), status, err);
    status = add(head, from->secret, status, err);
    return add(head, STR("]\n"), status, err);
}

/* -- values ------------------------------------------------------------------------------------ */

static Status write_hex(Str bytes, Buf *out, Err *err)
{
    static const char DIGITS[] = "0123456789abcdef";
    Status            status = buf_append(out, STR("{\"hex\":\""), err);
    for (size_t i = 0; i < bytes.len && status == ST_OK; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        char          pair[2] = {DIGITS[byte >> 4], DIGITS[byte & 15]};
        status = buf_append(out, (Str){pair, 2}, err);
    }
    return add(out, STR("\"}"), status, err);
}

static Status write_escape(unsigned char byte, Buf *out, Err *err)
{
    switch (byte) {
    case '"': return buf_append(out, STR("\\\""), err);
    case '\\': return buf_append(out, STR("\\\\"), err);
    case '\n': return buf_append(out, STR("\\n"), err);
    case '\r': return buf_append(out, STR("\\r"), err);
    case '\t': return buf_append(out, STR("\\t"), err);
    default: return buf_printf(out, err, "\\u%04x", byte);
    }
}

Status tape_write_text(Str bytes, Buf *out, Err *err)
{
    if (str_utf8_valid_len(bytes) != bytes.len) return write_hex(bytes, out, err);
    Status status = buf_byte(out, '"', err);
    size_t plain = 0;
    for (size_t i = 0; i < bytes.len && status == ST_OK; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) continue;
        status = buf_append(out, str_cut(bytes, plain, i), err);
        if (status == ST_OK) status = write_escape(byte, out, err);
        plain = i + 1;
    }
    status = add(out, str_cut(bytes, plain, bytes.len), status, err);
    return add(out, STR("\""), status, err);
}

static Status write_masked(Str bytes, Buf *out, Err *err)
{
    Buf copy;
    buf_init(&copy, bytes.len);
    Status status = buf_append(&copy, bytes, err);
    secrets_mask_all(copy.ptr, copy.len);
    if (status == ST_OK) status = tape_write_text(buf_str(&copy), out, err);
    buf_clear(&copy);
    return status;
}

/* -- lines ------------------------------------------------------------------------------------- */

Status tape_write_request(size_t number, const TapeRequest *request, Buf *out, Err *err)
{
    Status status = buf_printf(out, err, "{\"request\":%zu,\"head\":", number);
    if (status == ST_OK) status = tape_write_text(buf_str(&request->head), out, err);
    status = add(out, STR(",\"body\":"), status, err);
    if (status == ST_OK) status = tape_write_text(buf_str(&request->body), out, err);
    return add(out, STR("}\n"), status, err);
}

Status tape_write_head(size_t number, const HttpHead *head, Buf *out, Err *err)
{
    Status status =
        buf_printf(out, err, "{\"head\":%zu,\"status\":%d,\"headers\":[", number, head->status);
    for (size_t i = 0; i < head->header_count && status == ST_OK; i++) {
        const HttpHeader *header = &head->headers[i];
        status = buf_append(out, i ? STR(",[") : STR("["), err);
        if (status == ST_OK) status = write_masked(header->name, out, err);
        status = add(out, STR(","), status, err);
        if (status == ST_OK)
            status = write_masked(
                carries_credentials(header->name) ? STR("[not kept]") : header->value, out, err);
        status = add(out, STR("]"), status, err);
    }
    return add(out, STR("]}\n"), status, err);
}

Status tape_write_data(size_t number, Str bytes, Buf *out, Err *err)
{
    Status status = buf_printf(out, err, "{\"data\":%zu,\"bytes\":", number);
    if (status == ST_OK) status = tape_write_text(bytes, out, err);
    return add(out, STR("}\n"), status, err);
}

Status tape_write_outcome(size_t number, const char *name, const Err *outcome, Buf *out, Err *err)
{
    Status status = buf_printf(out, err, "{\"%s\":%zu,\"code\":\"%s\",\"message\":", name, number,
                               status_code(outcome->status));
    if (status == ST_OK) status = write_masked(str_from(outcome->text), out, err);
    return add(out, STR("}\n"), status, err);
}

Status tape_write_cancel(size_t number, Buf *out, Err *err)
{
    return buf_printf(out, err, "{\"cancel\":%zu}\n", number);
}
