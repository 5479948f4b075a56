/* Reading what libyaml refuses: one top-level entry at a time, so that one bad line costs one
 * value.
 *
 * Of 1,898 definitions in public collections 89 are no YAML: an unquoted ": " in a description, a
 * description that goes on over unindented lines, a value that begins with * or [. Their authors'
 * tools read lines, and so does this. What limits an agent's rights is read only where its form
 * leaves no doubt.
 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

typedef struct Entry {
    size_t begin, end; /* offsets of its lines in the file */
    Place  place;      /* of its first byte */
    Str    key;        /* without quotes */
    Str    value;      /* what follows the colon on the first line, trimmed */
    size_t rest;       /* offset of its second line */
} Entry;

static bool   entry_next(Reading *reading, size_t *at, size_t end, int *line, Entry *out);
static Status entry_read(Reading *reading, const Entry *entry, Entries *out, Err *err);
static Node  *entry_text(Reading *reading, const Entry *entry);
static Node  *entry_list(Reading *reading, const Entry *entry);

Status lenient_read(Reading *reading, const Span *span, Entries *out, Err *err)
{
    *out = (Entries){0};
    size_t at = span->begin;
    Place  place = place_at(reading->text, at);
    reading->nodes = 0;
    reading->def->front = node_new(reading, NODE_MAP, place);
    if (!reading->def->front) return arena_full(err);

    Entry entry;
    int   line = place.line;
    bool  first = true;
    while (entry_next(reading, &at, span->end, &line, &entry)) {
        if (first) entry.place.column = place.column;
        first = false;
        Status status = entry.key.len
                            ? entry_read(reading, &entry, out, err)
                            : front_narrow(reading, entry.place,
                                           "its front matter opens with lines that are no "
                                           "`key: value`",
                                           err);
        if (status != ST_OK) return status;
    }
    return ST_OK;
}

/* An entry's lines run up to the next line of the form "key: ...". Lines before the first entry
 * come as an entry without a key, blank lines and comments among them are passed over. */
static bool entry_next(Reading *reading, size_t *at, size_t end, int *line, Entry *out)
{
    Str    text = reading->text, first = {NULL, 0}, next;
    size_t key_len = 0, after, ignored;
    for (;;) {
        out->begin = *at;
        out->place = (Place){*line, 1};
        if (!line_next(text, at, end, &first)) return false;
        ++*line;
        Str trimmed = str_trim(first);
        if (trimmed.len && trimmed.ptr[0] != '#') break;
    }
    out->key = out->value = (Str){NULL, 0};
    if (line_is_entry(first, &key_len)) {
        out->key = str_cut(first, 0, key_len);
        if (out->key.ptr[0] == '"' || out->key.ptr[0] == '\'')
            out->key = str_cut(out->key, 1, key_len - 1);
        Str value = str_cut(first, key_len, first.len);
        out->value = str_trim(str_cut(value, (size_t)str_find(value, STR(":")) + 1, value.len));
    }
    out->rest = *at;
    for (after = *at; line_next(text, &after, end, &next); *at = after, ++*line)
        if (line_is_entry(next, &ignored)) break;
    out->end = *at;
    return true;
}

static Status entry_read(Reading *reading, const Entry *entry, Entries *out, Err *err)
{
    YamlResult result;
    out->count++;
    yaml_read(reading, entry->begin, entry->end, entry->place, &result);
    Node *node = result.root && result.root->kind == NODE_MAP ? result.root->first : NULL;
    if (node && node->next) node = NULL;
    bool narrows = key_narrows(entry->key), doubt = result.hides;
    if (!node) {
        out->odd++;
        node = narrows ? entry_list(reading, entry) : NULL;
        if (!node) {
            node = entry_text(reading, entry);
            bool lines = node && memchr(node->text.ptr, '\n', node->text.len);
            doubt = doubt || (narrows && (lines || !node || strchr("[{&!|>\"'", *node->text.ptr)));
        }
        if (!node) return arena_full(err);
        note_add(reading, doubt ? NOTE_ERROR : NOTE_WARNING, "yaml", result.place,
                 "`%.*s` is no YAML (%s); it is read as %s", STR_ARG(entry->key),
                 result.ending == YAML_READ ? "not one value" : result.problem,
                 node->kind == NODE_LIST ? "a list" : "plain text");
        node->key = entry->key;
    }
    Node *standing = map_add(reading->def->front, node);
    if (standing != node) {
        note_add(reading, NOTE_WARNING, "duplicate-key", entry->place,
                 "`%.*s` was given on line %d already; that one is used", STR_ARG(entry->key),
                 standing->line);
        doubt = doubt || narrows;
    }
    if (!doubt) return ST_OK;
    char why[120];
    snprintf(why, sizeof why, "`%.60s` cannot be read without doubt",
             entry->key.len < 60 ? arena_copy(&reading->def->arena, entry->key) : "a long key");
    return front_narrow(reading, result.place, why, err);
}

/* All of it as text: lines trimmed and joined, quotes around the whole and a block mark taken off.
 */
static Node *entry_text(Reading *reading, const Entry *entry)
{
    Node *node = node_new(reading, NODE_SCALAR, entry->place);
    char *out = arena_alloc(&reading->def->arena, entry->end - entry->begin + 1);
    if (!node || !out) return NULL;
    Str    first = entry->value;
    size_t len = 0, at = entry->rest;
    bool   block = first.len && first.len <= 3 && (first.ptr[0] == '|' || first.ptr[0] == '>');
    if (!block && first.len) {
        memcpy(out, first.ptr, first.len);
        len = first.len;
    }
    for (Str line; line_next(reading->text, &at, entry->end, &line);) {
        line = str_trim(line);
        if (len) out[len++] = '\n';
        if (line.len) memcpy(out + len, line.ptr, line.len);
        len += line.len;
    }
    Str text = str_trim((Str){out, len});
    if (text.len >= 2 && (text.ptr[0] == '"' || text.ptr[0] == '\'') &&
        text.ptr[text.len - 1] == text.ptr[0] && !memchr(text.ptr + 1, text.ptr[0], text.len - 2)) {
        text = str_cut(text, 1, text.len - 1);
        node->quoted = true;
    }
    out[(size_t)(text.ptr ? text.ptr - out : 0) + text.len] = '\0';
    node->text = text.ptr ? text : (Str){out, 0};
    return node;
}

static bool list_add(Reading *reading, Node *list, Str item, Place place)
{
    item = str_trim(item);
    bool quoted = item.len >= 2 && (item.ptr[0] == '"' || item.ptr[0] == '\'') &&
                  item.ptr[item.len - 1] == item.ptr[0];
    if (quoted) item = str_cut(item, 1, item.len - 1);
    Node *node = node_new(reading, NODE_SCALAR, place);
    if (!node || item.len == 0) return false;
    node->text = item;
    node->quoted = quoted;
    node_append(list, node);
    return true;
}

/* "[a, b(c, d)]" on one line, or lines "- a" below the key. NULL when it is neither. */
static Node *entry_list(Reading *reading, const Entry *entry)
{
    Node *list = node_new(reading, NODE_LIST, entry->place);
    Str   value = entry->value;
    if (!list) return NULL;
    size_t at = entry->rest;
    bool   below = false;
    Place  place = entry->place;
    for (Str line; line_next(reading->text, &at, entry->end, &line);) {
        place.line++;
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') continue;
        below = true;
        if (value.len || !str_starts(line, STR("- "))) return NULL;
        if (!list_add(reading, list, str_cut(line, 2, line.len), place)) return NULL;
    }
    if (below) return list;
    if (!str_starts(value, STR("[")) || !str_ends(value, STR("]"))) return NULL;
    value = str_cut(value, 1, value.len - 1);
    int    depth = 0;
    size_t from = 0;
    for (size_t i = 0; i <= value.len; i++) {
        char c = i < value.len ? value.ptr[i] : ',';
        depth += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
        if (depth < 0 || (i == value.len && depth != 0)) return NULL;
        if (c != ',' || depth > 0) continue;
        if (!list_add(reading, list, str_cut(value, from, i), entry->place)) return NULL;
        from = i + 1;
    }
    return list;
}
