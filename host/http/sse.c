/* The states of one stream:
 *
 *     bytes --(BOM once)--> line until CR, LF or CRLF --> field --> data name id retry
 *                                                  \--> blank: dispatch if there was data
 */
#include "sse.h"

#include "../base/limits.h"

#include <string.h>

static Status take_line(Sse *sse, SseSeen *seen, void *arg, Err *err);
static Status dispatch(Sse *sse, SseSeen *seen, void *arg, Err *err);

void sse_init(Sse *sse, size_t line_limit, size_t event_limit)
{
    *sse = (Sse){.retry_ms = -1};
    buf_init(&sse->line, line_limit);
    buf_init(&sse->name, line_limit);
    buf_init(&sse->data, event_limit);
    buf_init(&sse->id, line_limit);
}

void sse_clear(Sse *sse)
{
    buf_clear(&sse->line);
    buf_clear(&sse->name);
    buf_clear(&sse->data);
    buf_clear(&sse->id);
}

/* Drops a byte order mark, which may come in pieces. What only began like one is text. */
static Status skip_bom(Sse *sse, Str *bytes, Err *err)
{
    static const char BOM[] = "\xEF\xBB\xBF";
    while (!sse->started && bytes->len) {
        if (bytes->ptr[0] != BOM[sse->bom]) {
            sse->started = true;
            return buf_append(&sse->line, (Str){BOM, sse->bom}, err);
        }
        *bytes = (Str){bytes->ptr + 1, bytes->len - 1};
        sse->started = ++sse->bom == 3;
    }
    return ST_OK;
}

Status sse_feed(Sse *sse, Str bytes, SseSeen *seen, void *arg, Err *err)
{
    Status status = skip_bom(sse, &bytes, err);
    while (status == ST_OK && bytes.len) {
        if (sse->after_cr && bytes.ptr[0] == '\n') bytes = (Str){bytes.ptr + 1, bytes.len - 1};
        sse->after_cr = false;
        size_t end = 0;
        while (end < bytes.len && bytes.ptr[end] != '\n' && bytes.ptr[end] != '\r') end++;
        status = buf_append(&sse->line, (Str){bytes.ptr, end}, err);
        if (status != ST_OK) return err_wrap(err, "event stream: one line");
        if (end == bytes.len) return ST_OK;
        sse->after_cr = bytes.ptr[end] == '\r';
        bytes = (Str){bytes.ptr + end + 1, bytes.len - end - 1};
        status = take_line(sse, seen, arg, err);
    }
    return status;
}

Status sse_end(Sse *sse, SseSeen *seen, void *arg, Err *err)
{
    return sse->line.len == 0 ? dispatch(sse, seen, arg, err) : ST_OK;
}

/* The standard decodes a stream as UTF-8 that replaces: each byte that belongs to no sign becomes
 * U+FFFD. Done for whole events, so that a sign may be cut by two reads. */
static Status replace_wrong_bytes(Buf *data, Err *err)
{
    size_t valid = str_utf8_valid_len(buf_str(data));
    if (valid == data->len) return ST_OK;
    Buf    whole;
    Str    rest = buf_str(data);
    Status status = ST_OK;
    buf_init(&whole, data->limit);
    while (status == ST_OK && valid < rest.len) {
        status = buf_append(&whole, (Str){rest.ptr, valid}, err);
        if (status == ST_OK) status = buf_append(&whole, STR("\xEF\xBF\xBD"), err);
        rest = str_cut(rest, valid + 1, rest.len);
        valid = str_utf8_valid_len(rest);
    }
    if (status == ST_OK) status = buf_append(&whole, rest, err);
    buf_clear(data);
    *data = whole;
    return status == ST_OK ? ST_OK : err_wrap(err, "event stream: one event");
}

static Status dispatch(Sse *sse, SseSeen *seen, void *arg, Err *err)
{
    bool go_on = true;
    if (replace_wrong_bytes(&sse->data, err) != ST_OK) return err->status;
    if (sse->has_data) {
        SseEvent event = {sse->name.len ? buf_str(&sse->name) : STR("message"), buf_str(&sse->data),
                          buf_str(&sse->id)};
        go_on = seen(arg, &event);
    }
    buf_reset(&sse->name);
    buf_reset(&sse->data);
    sse->has_data = false;
    return go_on ? ST_OK : err_set(err, ST_CANCELLED, "event stream: stopped by its reader");
}

/* Bounded by the line's own limit. */
static Status replace_text(Buf *buf, Str value, Err *err)
{
    buf_reset(buf);
    return buf_append(buf, value, err);
}

static Status add_data(Sse *sse, Str value, Err *err)
{
    Status status = sse->has_data ? buf_byte(&sse->data, '\n', err) : ST_OK;
    if (status == ST_OK) status = buf_append(&sse->data, value, err);
    sse->has_data = true;
    return status == ST_OK ? ST_OK : err_wrap(err, "event stream: one event");
}

static Status take_field(Sse *sse, Str name, Str value, Err *err)
{
    if (str_is(name, "data")) return add_data(sse, value, err);
    if (str_is(name, "event")) return replace_text(&sse->name, value, err);
    if (str_is(name, "id") && !(value.len && memchr(value.ptr, '\0', value.len)))
        return replace_text(&sse->id, value, err);
    int64_t wait;
    if (str_is(name, "retry") && str_to_int64(value, &wait) && value.ptr[0] != '-')
        sse->retry_ms = wait;
    return ST_OK; /* any other field is ignored, as the standard says */
}

static Status take_line(Sse *sse, SseSeen *seen, void *arg, Err *err)
{
    Str    line = buf_str(&sse->line);
    Status status = ST_OK;
    if (line.len == 0) {
        status = dispatch(sse, seen, arg, err);
    } else if (line.ptr[0] != ':') { /* a comment keeps the connection alive, nothing more */
        ptrdiff_t colon = str_find(line, STR(":"));
        Str       name = colon < 0 ? line : str_cut(line, 0, (size_t)colon);
        Str       value = colon < 0 ? STR("") : str_cut(line, (size_t)colon + 1, line.len);
        if (value.len && value.ptr[0] == ' ') value = str_cut(value, 1, value.len);
        status = take_field(sse, name, value, err);
    }
    buf_reset(&sse->line);
    return status;
}
