#include "link.h"

#include "../base/limits.h"

#include <string.h>
#include <strings.h>

/* scheme ":" [ "//" authority ] path [ "?" query ] [ "#" fragment ]; a ptr of NULL: not there. */
typedef struct Parts {
    Str scheme, authority, path, query, fragment;
} Parts;

static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* Length of "scheme" where `text` begins with "scheme:", else 0. */
static size_t scheme_len(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ':') return i;
        bool more = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter(c) && !(i > 0 && more)) return 0;
    }
    return 0;
}

static size_t find_any(Str text, size_t from, const char *signs)
{
    while (from < text.len && !strchr(signs, text.ptr[from])) from++;
    return from;
}

static Parts split(Str text)
{
    Parts  parts = {{0}, {0}, {0}, {0}, {0}};
    size_t at = scheme_len(text), end;
    if (at > 0) {
        parts.scheme = str_cut(text, 0, at);
        text = str_cut(text, at + 1, text.len);
    }
    if (str_starts(text, STR("//"))) {
        end = find_any(text, 2, "/?#");
        parts.authority = str_cut(text, 2, end);
        parts.authority.ptr = text.ptr + 2;
        text = str_cut(text, end, text.len);
    }
    end = find_any(text, 0, "?#");
    parts.path = str_cut(text, 0, end);
    text = str_cut(text, end, text.len);
    if (text.len && text.ptr[0] == '?') {
        end = find_any(text, 1, "#");
        parts.query = (Str){text.ptr + 1, end - 1};
        text = str_cut(text, end, text.len);
    }
    if (text.len) parts.fragment = (Str){text.ptr + 1, text.len - 1};
    return parts;
}

static bool is_scheme(Str scheme, const char *name)
{
    return scheme.len == strlen(name) && strncasecmp(scheme.ptr, name, scheme.len) == 0;
}

static bool is_web(Str scheme) { return is_scheme(scheme, "http") || is_scheme(scheme, "https"); }

/* The last segment goes, with the slash before it. */
static void drop_segment(Buf *out, size_t start)
{
    while (out->len > start && out->ptr[out->len - 1] != '/') out->len--;
    if (out->len > start) out->len--;
    out->ptr[out->len] = '\0';
}

/* RFC 3986, section 5.2.4, a segment a time. */
static Status append_path(Buf *out, Str path, Err *err)
{
    size_t start = out->len;
    Str    rest = path, part;
    Status status = ST_OK;
    if (rest.len && rest.ptr[0] == '/') rest = str_cut(rest, 1, rest.len);
    bool folder = path.len == 0;
    while (status == ST_OK && str_next(&rest, '/', &part)) {
        folder = str_is(part, ".") || str_is(part, "..");
        if (str_is(part, "..")) drop_segment(out, start);
        if (folder) continue;
        status = buf_byte(out, '/', err);
        if (status == ST_OK) status = buf_append(out, part, err);
    }
    if (path.len && path.ptr[path.len - 1] == '/') folder = true;
    bool ends = out->len > start && out->ptr[out->len - 1] == '/';
    if (status == ST_OK && folder && !ends) status = buf_byte(out, '/', err);
    return status;
}

static Status append_marked(Buf *out, const char *mark, Str part, Err *err)
{
    if (!part.ptr) return ST_OK;
    Status status = buf_append(out, str_from(mark), err);
    return status == ST_OK ? buf_append(out, part, err) : status;
}

static Status join(const Parts *base, const Parts *to, Buf *out, Err *err)
{
    bool   own_host = to->authority.ptr != NULL, has_path = to->path.len > 0;
    bool   rooted = own_host || (has_path && to->path.ptr[0] == '/');
    Buf    path;
    Status status = ST_OK;
    buf_init(&path, LIMIT_URL * 2);
    if (!rooted) { /* what stands beside the base's own last segment */
        size_t cut = base->path.len;
        while (has_path && cut > 0 && base->path.ptr[cut - 1] != '/') cut--;
        status = buf_append(&path, str_cut(base->path, 0, cut), err);
    }
    if (status == ST_OK) status = buf_append(&path, to->path, err);
    if (status == ST_OK) status = buf_append(out, to->scheme.ptr ? to->scheme : base->scheme, err);
    if (status == ST_OK)
        status = append_marked(out, "://", own_host ? to->authority : base->authority, err);
    if (status == ST_OK) status = append_path(out, buf_str(&path), err);
    if (status == ST_OK)
        status = append_marked(
            out, "?", to->query.ptr || own_host || has_path ? to->query : base->query, err);
    if (status == ST_OK) status = append_marked(out, "#", to->fragment, err);
    buf_clear(&path);
    return status;
}

/* Line ends and tabs vanish, blanks around it go, a backslash before the query is a slash. */
static Status clean(Str href, Buf *out, Err *err)
{
    bool   in_path = true;
    Status status = ST_OK;
    href = str_trim(href);
    for (size_t i = 0; i < href.len && status == ST_OK; i++) {
        char c = href.ptr[i];
        if (c == '?' || c == '#') in_path = false;
        if (c == '\n' || c == '\r' || c == '\t' || c == '\f') continue;
        status = buf_byte(out, in_path && c == '\\' ? '/' : c, err);
    }
    return status;
}

/* How many bytes at the front may stand as they are: a sign of a URL, or a letter beyond ASCII that
 * can be seen. 0: the first byte has to be encoded. */
static size_t plain_len(Str url)
{
    const unsigned char *c = (const unsigned char *)url.ptr;
    size_t               len = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (c[0] < 0x80) return c[0] > ' ' && c[0] < 0x7f && !strchr("<>()\"\\`{}|^", c[0]);
    if (len > url.len || str_utf8_valid_len((Str){url.ptr, len}) < len) return 0;
    bool unseen = (c[0] == 0xc2 && c[1] <= 0xa0) || (c[0] == 0xf3 && c[1] == 0xa0);
    return unseen ? 0 : len;
}

/* So that it can stand in parentheses, is text, and drives no terminal. */
static Status encode(Str url, Buf *out, Err *err)
{
    Status status = ST_OK;
    while (url.len > 0 && status == ST_OK) {
        size_t len = plain_len(url);
        status = len ? buf_append(out, str_cut(url, 0, len), err)
                     : buf_printf(out, err, "%%%02X", (unsigned char)url.ptr[0]);
        url = str_cut(url, len ? len : 1, url.len);
    }
    return status;
}

void links_init(Links *links, Str url)
{
    Err err;
    buf_init(&links->base, LIMIT_URL);
    if (!is_web(split(url).scheme) || buf_append(&links->base, url, &err) != ST_OK)
        buf_reset(&links->base);
}

void links_clear(Links *links) { buf_clear(&links->base); }

void links_rebase(Links *links, Str href)
{
    Buf to;
    buf_init(&to, LIMIT_URL);
    if (links_resolve(links, href, &to) && is_web(split(buf_str(&to)).scheme)) {
        buf_clear(&links->base);
        links->base = to;
        return;
    }
    buf_clear(&to);
}

bool links_resolve(const Links *links, Str href, Buf *out)
{
    Buf  plain, whole;
    Err  err;
    bool leads = false;
    buf_init(&plain, LIMIT_URL);
    buf_init(&whole, LIMIT_URL);
    buf_reset(out);
    if (clean(href, &plain, &err) == ST_OK && plain.len > 0 && plain.ptr[0] != '#') {
        Parts  to = split(buf_str(&plain)), base = split(buf_str(&links->base));
        Status status = ST_OK;
        if (to.scheme.ptr && is_scheme(to.scheme, "mailto"))
            status = encode(buf_str(&plain), out, &err);
        else if (to.scheme.ptr && (!is_web(to.scheme) || !to.authority.len))
            status = ST_INVALID;
        else if (!to.scheme.ptr && links->base.len == 0)
            status = ST_INVALID;
        else {
            status = join(&base, &to, &whole, &err);
            if (status == ST_OK) status = encode(buf_str(&whole), out, &err);
        }
        leads = status == ST_OK;
    }
    buf_clear(&plain);
    buf_clear(&whole);
    return leads;
}
