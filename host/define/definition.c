#include "definition.h"

#include "../base/limits.h"
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The tree, the outline and the text itself of the largest definition; far above what real ones
 * take, so that only hostile input meets it. */
#define MOST_ARENA (64 * MB)

static Status text_check(Str text, Definition *out, Err *err);
static void   span_notes(Reading *reading, const Span *span);

Status definition_parse(Str text, DefinitionPart parts, Definition *out, Err *err)
{
    *out = (Definition){0};
    Status status = text_check(text, out, err);
    if (status != ST_OK) return status;

    arena_init(&out->arena, MOST_ARENA);
    Reading     reading = {.text = {arena_copy(&out->arena, text), text.len}, .def = out};
    Span        span;
    const char *why = "";
    if (!reading.text.ptr) {
        status = arena_full(err);
    } else if (!span_find(reading.text, &span, &why)) {
        Place place = place_at(reading.text, span.opening);
        out->fault_line = place.line;
        out->fault_column = place.column;
        status = err_set(err, ST_INVALID, "line %d, column %d: %s", place.line, place.column, why);
    } else if (span.end - span.begin > LIMIT_FRONT_MATTER) {
        out->fault_line = place_at(reading.text, span.opening).line;
        out->fault_column = 1;
        status = err_set(err, ST_LIMIT,
                         "line %d, column 1: the front matter has %zu bytes, %zu are "
                         "allowed",
                         out->fault_line, span.end - span.begin, LIMIT_FRONT_MATTER);
    } else {
        out->body = str_cut(reading.text, span.body, text.len);
        out->body_line = place_at(reading.text, span.body).line;
        if (parts & DEFINITION_FRONT) {
            span_notes(&reading, &span);
            status = front_read(&reading, &span, err);
        }
        if (status == ST_OK && parts & DEFINITION_OUTLINE) status = outline_read(&reading, err);
        if (status == ST_OK && parts & DEFINITION_OUTLINE) status = encoding_read(&reading, err);
    }
    if (status != ST_OK) {
        Definition fault = {.fault_line = out->fault_line ? out->fault_line : 1,
                            .fault_column = out->fault_column ? out->fault_column : 1};
        definition_free(out);
        *out = fault;
    }
    return status;
}

void definition_free(Definition *definition)
{
    arena_clear(&definition->arena);
    *definition = (Definition){0};
}

bool definition_has_front_matter(Str text)
{
    Span        span;
    const char *why;
    return span_find(text, &span, &why);
}

const Node *node_get(const Node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP) return NULL;
    for (const Node *entry = map->first; entry; entry = entry->next)
        if (str_is(entry->key, key)) return entry;
    return NULL;
}

Node *node_new(Reading *reading, NodeKind kind, Place place)
{
    if (reading->nodes >= MOST_NODES) return NULL;
    Node *node = arena_alloc(&reading->def->arena, sizeof *node);
    if (!node) return NULL;
    reading->nodes++;
    node->kind = kind;
    node->line = place.line;
    node->column = place.column;
    return node;
}

void node_append(Node *list, Node *entry)
{
    Node **tail = &list->first;
    while (*tail) tail = &(*tail)->next;
    *tail = entry;
}

Node *map_add(Node *map, Node *entry)
{
    Node **tail = &map->first;
    while (*tail && !str_equal((*tail)->key, entry->key)) tail = &(*tail)->next;
    if (!*tail) *tail = entry;
    return *tail;
}

Status arena_full(Err *err)
{
    return err_set(err, ST_LIMIT,
                   "line 1, column 1: this definition unfolds to more than %d values or %zu bytes",
                   MOST_NODES, MOST_ARENA);
}

Place place_at(Str text, size_t offset)
{
    Place place = {1, 1};
    if (offset > text.len) offset = text.len;
    for (size_t at = 0; at < offset; at++) {
        unsigned char c = (unsigned char)text.ptr[at];
        if (c == '\n' || (c == '\r' && !(at + 1 < text.len && text.ptr[at + 1] == '\n'))) {
            place.line++;
            place.column = 1;
        } else if ((c & 0xC0) != 0x80 && c != '\r') {
            place.column++;
        }
    }
    return place;
}

bool line_next(Str text, size_t *at, size_t end, Str *line)
{
    if (end > text.len) end = text.len;
    if (*at >= end) return false;
    size_t stop = *at;
    while (stop < end && text.ptr[stop] != '\n' && text.ptr[stop] != '\r') stop++;
    *line = (Str){text.ptr + *at, stop - *at};
    bool carriage = stop < end && text.ptr[stop] == '\r';
    if (carriage) stop++;
    if (stop < end && text.ptr[stop] == '\n') stop++;
    *at = stop;
    return true;
}

void note_add(Reading *reading, NoteLevel level, const char *rule, Place place, const char *format,
              ...)
{
    Definition *def = reading->def;
    if (def->note_count == MOST_NOTES) {
        def->notes[MOST_NOTES - 1].message = STR("there is more to report; these are the first");
        if (level == NOTE_ERROR) def->notes[MOST_NOTES - 1].level = NOTE_ERROR;
        return;
    }
    if (def->note_count == reading->note_room) {
        size_t room = reading->note_room ? reading->note_room * 2 : 4;
        Note  *notes = arena_alloc(&def->arena, room * sizeof *notes);
        if (!notes) return;
        if (def->note_count) memcpy(notes, def->notes, def->note_count * sizeof *notes);
        def->notes = notes;
        reading->note_room = room;
    }
    char    text[400];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    Str message = {text, len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1};
    message.len = str_utf8_valid_len(message); /* a cut may fall into a code point */
    const char *kept = arena_copy(&def->arena, message);
    def->notes[def->note_count++] =
        (Note){level, str_from(rule), {kept, kept ? message.len : 0}, place.line, place.column};
}

Status bytes_check(Str text, Place *fault, Err *err)
{
    size_t      valid = str_utf8_valid_len(text);
    const char *nul = text.len ? memchr(text.ptr, '\0', text.len) : NULL;
    *fault = (Place){1, 1};
    if (str_starts(text, STR("\xFF\xFE")) || str_starts(text, STR("\xFE\xFF")))
        return err_set(err, ST_INVALID, "the file is UTF-16; save it as UTF-8");
    if (valid < text.len) {
        *fault = place_at(text, valid);
        return err_set(err, ST_INVALID, "byte 0x%02X is not UTF-8; save the file as UTF-8",
                       (unsigned)(unsigned char)text.ptr[valid]);
    }
    if (!nul) return ST_OK;
    *fault = place_at(text, (size_t)(nul - text.ptr));
    return err_set(err, ST_INVALID, "a NUL byte; this is no text file");
}

/* What stops a parse before it begins: size, and bytes that are no text. */
static Status text_check(Str text, Definition *out, Err *err)
{
    Str  head = str_cut(text, 0, LIMIT_DEFINITION);
    bool large = text.len > LIMIT_DEFINITION;
    if (large && !str_starts(head, STR("\xFF\xFE")) && !str_starts(head, STR("\xFE\xFF")))
        head.len = str_utf8_valid_len(head); /* the cut may fall into a code point */
    Place  place;
    Status status = bytes_check(head, &place, err);
    if (status == ST_OK && large) {
        Span        span;
        const char *why;
        bool        front = span_find(head, &span, &why) &&
                     (!span.closed || span.end - span.begin > LIMIT_FRONT_MATTER);
        status =
            front ? err_set(err, ST_LIMIT, "the front matter has more than %zu bytes",
                            LIMIT_FRONT_MATTER)
                  : err_set(err, ST_LIMIT, "the file has %zu bytes, a definition has at most %zu",
                            text.len, LIMIT_DEFINITION);
    }
    if (status == ST_OK) return ST_OK;
    out->fault_line = place.line;
    out->fault_column = place.column;
    return err_wrap(err, "line %d, column %d", place.line, place.column);
}

static void span_notes(Reading *reading, const Span *span)
{
    Place opening = place_at(reading->text, span->opening);
    if (span->preamble)
        note_add(reading, NOTE_WARNING, "front-matter", opening,
                 "something stands before the front matter; it is left out of the prompt");
    if (span->joined)
        note_add(reading, NOTE_WARNING, "front-matter", opening,
                 "the opening --- should stand on a line of its own");
    if (!span->closed)
        note_add(reading, NOTE_ERROR, "front-matter", place_at(reading->text, span->end),
                 "the front matter has no closing ---; it is taken to end here");
    else if (span->closing_len != 3)
        note_add(reading, NOTE_WARNING, "front-matter", place_at(reading->text, span->end),
                 "the front matter should close with exactly three dashes");
}
