/* A census as bytes:
 *
 *     perigee census 1 TAKEN LENGTH:FOLDER LF
 *     pin INODE LENGTH:PATH LF                                         any number
 *     KIND INODE SIZE MODIFIED CHANGED HASH-or-dash LENGTH:PATH LF      sorted by path
 *     end LF
 */
#include "../base/limits.h"
#include "../base/mem.h"
#include "census.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

Status census_write(const Census *census, Buf *out, Err *err)
{
    Status status = buf_printf(out, err, "perigee census 1 %" PRId64 " %zu:%s\n", census->taken,
                               strlen(census->folder), census->folder);
    for (size_t i = 0; status == ST_OK && i < census->pin_count; i++)
        status = buf_printf(out, err, "pin %" PRIu64 " %zu:%s\n", census->pins[i].inode,
                            strlen(census->pins[i].path), census->pins[i].path);
    for (size_t i = 0; status == ST_OK && i < census->count; i++) {
        const CensusEntry *entry = &census->entries[i];
        status =
            buf_printf(out, err, "%c %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s %zu:%s\n",
                       entry->kind, entry->inode, entry->size, entry->modified, entry->changed,
                       entry->hash[0] ? entry->hash : "-", strlen(entry->path), entry->path);
    }
    return status == ST_OK ? buf_append(out, STR("end\n"), err) : status;
}

static bool skip(Str *rest, const char *text)
{
    Str prefix = str_from(text);
    if (!str_starts(*rest, prefix)) return false;
    *rest = str_cut(*rest, prefix.len, rest->len);
    return true;
}

static bool read_number(Str *rest, int64_t *out)
{
    Str part;
    return str_next(rest, ' ', &part) && str_to_int64(part, out);
}

static bool read_unsigned(Str *rest, uint64_t *out)
{
    Str part;
    if (!str_next(rest, ' ', &part) || part.len == 0 || part.len > 20) return false;
    *out = 0;
    for (size_t i = 0; i < part.len; i++) {
        uint64_t digit = (uint64_t)(part.ptr[i] - '0');
        if (digit > 9 || *out > (UINT64_MAX - digit) / 10) return false;
        *out = *out * 10 + digit;
    }
    return true;
}

/* LENGTH:TEXT LF, owned; NULL when it is none. */
static char *read_path(Str *rest)
{
    Str     number;
    int64_t len;
    if (!str_next(rest, ':', &number) || !str_to_int64(number, &len)) return NULL;
    if (len < 0 || len > 64 * 1024 || (size_t)len >= rest->len || rest->ptr[len] != '\n')
        return NULL;
    if (memchr(rest->ptr, '\0', (size_t)len)) return NULL;
    char *path = mem_copy(rest->ptr, (size_t)len);
    *rest = str_cut(*rest, (size_t)len + 1, rest->len);
    return path;
}

static bool read_hash(Str *rest, char out[HASH_HEX_SIZE])
{
    Str part;
    out[0] = '\0';
    if (!str_next(rest, ' ', &part)) return false;
    if (str_is(part, "-")) return true;
    if (part.len != HASH_HEX_SIZE - 1) return false;
    for (size_t i = 0; i < part.len; i++)
        if (!strchr("0123456789abcdef", part.ptr[i])) return false;
    memcpy(out, part.ptr, part.len);
    out[part.len] = '\0';
    return true;
}

static bool read_entry(Str *rest, CensusEntry *entry)
{
    *entry = (CensusEntry){0};
    if (rest->len < 2 || !strchr("fldug", rest->ptr[0]) || rest->ptr[1] != ' ') return false;
    entry->kind = rest->ptr[0];
    *rest = str_cut(*rest, 2, rest->len);
    if (!read_unsigned(rest, &entry->inode) || !read_unsigned(rest, &entry->size) ||
        !read_number(rest, &entry->modified) || !read_number(rest, &entry->changed) ||
        !read_hash(rest, entry->hash))
        return false;
    entry->path = read_path(rest);
    return entry->path != NULL;
}

static bool read_pins(Str *rest, Census *out)
{
    while (skip(rest, "pin ")) {
        uint64_t inode;
        char    *path = NULL;
        if (out->pin_count < CENSUS_PINS_MAX && read_unsigned(rest, &inode)) path = read_path(rest);
        if (!path) return false;
        census_add_pin(out, path, inode);
    }
    return true;
}

static bool parse(Str rest, Census *out)
{
    if (!skip(&rest, "perigee census 1 ") || !read_number(&rest, &out->taken)) return false;
    out->folder = read_path(&rest);
    if (!out->folder || out->folder[0] != '/' || !read_pins(&rest, out)) return false;
    while (!str_is(rest, "end\n")) {
        CensusEntry entry;
        if (out->count >= 2 * CENSUS_KEPT_MAX || !read_entry(&rest, &entry)) return false;
        const char *last = out->count ? out->entries[out->count - 1].path : NULL;
        if (out->count == out->room) {
            out->room = out->room ? out->room * 2 : 64;
            out->entries = mem_grow(out->entries, out->room * sizeof *out->entries);
        }
        out->entries[out->count++] = entry;
        if (last && strcmp(last, entry.path) >= 0) return false;
    }
    return true;
}

Status census_parse(Str bytes, Census *out, Err *err)
{
    *out = (Census){0};
    if (parse(bytes, out)) return ST_OK;
    census_clear(out);
    return err_set(err, ST_INVALID, "it is no census, or it was cut");
}
