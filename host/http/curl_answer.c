/* The callbacks that libcurl makes while a call is under way. They may be followed by anything that
 * the caller does in its own callbacks, so each looks at `cancelled` again before it answers. */
#include "curl_internal.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

static size_t on_head_line(char *bytes, size_t size, size_t count, void *arg);
static size_t on_body(char *bytes, size_t size, size_t count, void *arg);
static int    on_connected(void *arg, char *to, char *from, int to_port, int from_port);
static int    on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                          curl_off_t up);

void call_listen(CurlCall *call)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

static bool is_over(const CurlCall *call) { return call->cancelled || call->failed || call->ended; }

/* Called when the connection stands (TLS included), also for one that is used again. */
static int on_connected(void *arg, char *to, char *from, int to_port, int from_port)
{
    CurlCall *call = arg;
    (void)to, (void)from, (void)to_port, (void)from_port;
    if (!is_over(call)) call_expect(call, STALL_FIRST_BYTE);
    return CURL_PREREQFUNC_OK;
}

/* A long request body on a slow line is progress, not a stall. */
static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    CurlCall *call = arg;
    (void)down_all, (void)down, (void)up_all;
    if (up != call->sent && call->stall == STALL_FIRST_BYTE && !is_over(call))
        call_expect(call, STALL_FIRST_BYTE);
    call->sent = up;
    return 0;
}

static void announce_head(CurlCall *call)
{
    HttpHeader *headers = mem_new((call->header_count + 1) * sizeof *headers);
    const char *at = call->head.ptr;
    for (size_t i = 0; i < call->header_count; i++) {
        headers[i].name = str_from(at);
        at += headers[i].name.len + 1;
        headers[i].value = str_from(at);
        at += headers[i].value.len + 1;
    }
    call->head_seen = true;
    HttpHead head = {call->status, headers, call->header_count};
    call->events.on_head(call->arg, &head);
    free(headers);
}

static void begin_head(CurlCall *call, Str line)
{
    ptrdiff_t space = str_find(line, STR(" "));
    int64_t   status = 0;
    Str       digits = space < 0 ? STR("") : str_cut(line, (size_t)space + 1, (size_t)space + 4);
    if (!str_to_int64(digits, &status) || status < 100 || status > 999)
        call_fail(call, ST_PROTOCOL, "%s: the answer's first line is not HTTP", call->where);
    call->status = (int)status;
    call->header_count = 0;
    buf_reset(&call->head);
}

/* A line that begins with a blank continues the value before it (RFC 9112, section 5.2). */
static Status keep_continuation(CurlCall *call, Str line, Err *err)
{
    call->head.len--; /* the NUL behind the value */
    Status status = buf_byte(&call->head, ' ', err);
    if (status == ST_OK) status = buf_append(&call->head, str_trim(line), err);
    return status == ST_OK ? buf_byte(&call->head, '\0', err) : status;
}

static Status keep_header(CurlCall *call, Str line, Err *err)
{
    bool      continues = line.ptr[0] == ' ' || line.ptr[0] == '\t';
    ptrdiff_t colon = str_find(line, STR(":"));
    if (memchr(line.ptr, '\0', line.len) || (continues ? call->header_count == 0 : colon < 1))
        return err_set(err, ST_PROTOCOL, "a header line without a name");
    if (continues) return keep_continuation(call, line, err);
    size_t start = call->head.len;
    Status status = buf_append(&call->head, str_trim(str_cut(line, 0, (size_t)colon)), err);
    for (char *c = call->head.ptr + start; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 'a' - 'A');
    if (status == ST_OK) status = buf_byte(&call->head, '\0', err);
    if (status == ST_OK)
        status = buf_append(&call->head, str_trim(str_cut(line, (size_t)colon + 1, line.len)), err);
    if (status == ST_OK) status = buf_byte(&call->head, '\0', err);
    call->header_count++;
    return status;
}

/* One line of a head with its line end, or of the trailers. */
static size_t on_head_line(char *bytes, size_t size, size_t count, void *arg)
{
    CurlCall *call = arg;
    Str       line = {bytes, size * count};
    Err       err;
    if (is_over(call)) return 0;
    call->head_bytes += line.len;
    if (call->head_bytes > LIMIT_HTTP_HEAD) {
        call_fail(call, ST_LIMIT, "%s: the answer's head has more than %zu bytes", call->where,
                  LIMIT_HTTP_HEAD);
        return 0;
    }
    if (call->head_seen) { /* a trailer */
        call_expect(call, STALL_IDLE);
        return line.len;
    }
    if (str_starts(line, STR("HTTP/")))
        begin_head(call, line);
    else if (str_trim(line).len > 0) {
        if (keep_header(call, line, &err) != ST_OK)
            call_fail(call, err.status, "%s: the answer's head: %s", call->where, err.text);
    } else if (call->status >= 200)
        announce_head(call);
    /* 1xx says that the far side lives, not that it answers */
    if (!is_over(call)) call_expect(call, call->status >= 200 ? STALL_IDLE : STALL_FIRST_BYTE);
    return is_over(call) ? 0 : line.len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    CurlCall *call = arg;
    Str       piece = {bytes, size * count};
    if (is_over(call)) return piece.len ? 0 : 1; /* anything but its length is an error */
    if (call->paused) {
        call->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (piece.len == 0) return 0;
    if (piece.len > call->body_left) {
        call_fail(call, ST_LIMIT, "%s: the answer's body is longer than its limit", call->where);
        return 0;
    }
    call->body_left -= piece.len;
    call_expect(call, STALL_IDLE);
    call->events.on_data(call->arg, piece);
    return is_over(call) ? 0 : piece.len;
}
