/* libyaml's events become a tree of text. What an author's definition may hold and a configuration
 * may not (anchors, tags, the same key twice) is told apart by Reading.strict. */
#include "../base/limits.h"
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

typedef struct Anchor {
    Str   name;
    Node *node; /* NULL while it is being read */
} Anchor;

typedef struct Tree {
    yaml_parser_t parser;
    Reading      *reading;
    YamlResult   *out;
    size_t        begin;
    Place         origin;
    Anchor        anchors[MOST_ANCHORS];
    int           anchor_count;
} Tree;

static bool  tree_next(Tree *tree, yaml_event_t *event);
static Node *tree_document(Tree *tree);
static Node *tree_node(Tree *tree, yaml_event_t *event, int depth);
static Node *tree_stop(Tree *tree, YamlEnding ending, Place place, const char *format, ...)
    PRINTF_LIKE(4, 5);

void yaml_read(Reading *reading, size_t begin, size_t end, Place origin, YamlResult *out)
{
    *out = (YamlResult){.place = origin};
    Tree   tree = {.reading = reading, .out = out, .begin = begin, .origin = origin};
    size_t notes = reading->def->note_count;
    int    nodes = reading->nodes;
    if (!yaml_parser_initialize(&tree.parser)) {
        tree_stop(&tree, YAML_BOUND, origin, "libyaml has no memory");
        return;
    }
    yaml_parser_set_encoding(&tree.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&tree.parser, (const unsigned char *)reading->text.ptr + begin,
                                 end - begin);
    out->root = tree_document(&tree);
    yaml_parser_delete(&tree.parser);
    if (out->ending != YAML_READ) {
        out->root = NULL;
        reading->def->note_count = notes; /* whoever reads it again finds them again */
        reading->nodes = nodes;
    }
}

/* -- events to nodes: each of these answers NULL when out->ending says why --------------------- */

static Place mark_place(const Tree *tree, yaml_mark_t mark)
{
    int line = (int)mark.line, column = (int)mark.column;
    return (Place){tree->origin.line + line, column + (line == 0 ? tree->origin.column : 1)};
}

static Node *tree_stop(Tree *tree, YamlEnding ending, Place place, const char *format, ...)
{
    if (tree->out->ending != YAML_READ) return NULL;
    tree->out->ending = ending;
    tree->out->place = place;
    va_list args;
    va_start(args, format);
    vsnprintf(tree->out->problem, sizeof tree->out->problem, format, args);
    va_end(args);
    return NULL;
}

static Node *tree_full(Tree *tree, Place place)
{
    return tree_stop(tree, YAML_BOUND, place, "it unfolds to more than %d values", MOST_NODES);
}

static bool tree_next(Tree *tree, yaml_event_t *event)
{
    yaml_parser_t *parser = &tree->parser;
    if (yaml_parser_parse(parser, event)) return true;
    Place place = parser->error == YAML_READER_ERROR
                      ? place_at(tree->reading->text, tree->begin + parser->problem_offset)
                      : mark_place(tree, parser->problem_mark);
    tree_stop(tree, YAML_REFUSED, place, "%s", parser->problem ? parser->problem : "not YAML");
    return false;
}

static Node *tree_document(Tree *tree)
{
    Node *root = NULL;
    for (;;) {
        yaml_event_t event;
        if (!tree_next(tree, &event)) return NULL;
        yaml_event_type_t type = event.type;
        if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            return root;
        }
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT) {
            yaml_event_delete(&event);
        } else if (root) {
            Place place = mark_place(tree, event.start_mark);
            yaml_event_delete(&event);
            return tree_stop(tree, YAML_REFUSED, place, "a second document");
        } else if (!(root = tree_node(tree, &event, 1))) {
            return NULL;
        }
    }
}

static Str keep(Tree *tree, const void *bytes, size_t len)
{
    const char *kept = arena_copy(&tree->reading->def->arena, (Str){bytes, len});
    return (Str){kept, kept ? len : 0};
}

static Node *node_copy(Tree *tree, const Node *from, int depth)
{
    Node *copy = depth > LIMIT_DEPTH
                     ? NULL
                     : node_new(tree->reading, from->kind, (Place){from->line, from->column});
    if (!copy) return NULL;
    copy->text = from->text;
    copy->quoted = from->quoted;
    Node **tail = &copy->first;
    for (const Node *child = from->first; child; child = child->next) {
        if (!(*tail = node_copy(tree, child, depth + 1))) return NULL;
        (*tail)->key = child->key;
        tail = &(*tail)->next;
    }
    return copy;
}

static Node *tree_alias(Tree *tree, const char *name, Place place, int depth)
{
    for (int i = tree->anchor_count - 1; i >= 0; i--) {
        if (!str_is(tree->anchors[i].name, name)) continue;
        if (!tree->anchors[i].node)
            return tree_stop(tree, YAML_BOUND, place, "*%.60s contains itself", name);
        Node *copy = node_copy(tree, tree->anchors[i].node, depth);
        return copy ? copy : tree_full(tree, place);
    }
    return tree_stop(tree, YAML_REFUSED, place, "*%.60s stands for no anchor", name);
}

/* Remembers an anchor; its place in the table, -1 when there is none, -2 after tree_stop. */
static int tree_anchor(Tree *tree, const unsigned char *name, Place place)
{
    if (!name) return -1;
    if (tree->anchor_count == MOST_ANCHORS) {
        tree_stop(tree, YAML_BOUND, place, "it has more than %d anchors", MOST_ANCHORS);
        return -2;
    }
    tree->anchors[tree->anchor_count].name = keep(tree, name, strlen((const char *)name));
    return tree->anchor_count++;
}

static bool read_list(Tree *tree, Node *list, int depth)
{
    Node **tail = &list->first;
    for (;;) {
        yaml_event_t event;
        if (!tree_next(tree, &event)) return false;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        if (!(*tail = tree_node(tree, &event, depth + 1))) return false;
        tail = &(*tail)->next;
    }
}

static void add_entry(Tree *tree, Node *map, const Node *key, Node *value, int depth)
{
    Place place = {key->line, key->column};
    bool  root = depth == 1;
    if (key->kind != NODE_SCALAR) {
        if (tree->reading->strict) tree_stop(tree, YAML_REFUSED, place, "a key must be text");
        note_add(tree->reading, NOTE_WARNING, "yaml", place, "a key must be text; it is left out");
        tree->out->hides = tree->out->hides || root;
        tree->out->place = place;
        return;
    }
    value->key = key->text;
    if (value->kind == NODE_SCALAR && value->text.len == 0) {
        value->line = place.line;
        value->column = place.column;
    }
    value->key_line = place.line;
    value->key_column = place.column;
    const Node *standing = map_add(map, value);
    if (standing != value && tree->reading->strict) {
        tree_stop(tree, YAML_REFUSED, place, "`%.*s` is given on line %d already; keep one of them",
                  STR_ARG(key->text), standing->key_line);
        return;
    }
    bool merge = root && str_is(key->text, "<<");
    if (standing != value)
        note_add(tree->reading, NOTE_WARNING, "duplicate-key", place,
                 "`%.*s` was given on line %d already; that one is used", STR_ARG(key->text),
                 standing->line);
    if (merge || (root && standing != value && key_narrows(key->text))) {
        tree->out->hides = true;
        tree->out->place = place;
    }
}

static bool read_map(Tree *tree, Node *map, int depth)
{
    for (;;) {
        yaml_event_t event;
        if (!tree_next(tree, &event)) return false;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        Node *key = tree_node(tree, &event, depth + 1);
        if (!key || !tree_next(tree, &event)) return false;
        Node *value = tree_node(tree, &event, depth + 1);
        if (!value) return false;
        add_entry(tree, map, key, value, depth);
        if (tree->out->ending != YAML_READ) return false;
    }
}

/* What only a strict reading refuses of one event; false after tree_stop. */
static bool strict_allows(Tree *tree, const yaml_event_t *event, Place place)
{
    const unsigned char *anchor = NULL, *tag = NULL;
    bool                 nul = false;
    if (!tree->reading->strict) return true;
    if (event->type == YAML_ALIAS_EVENT) {
        tree_stop(tree, YAML_REFUSED, place,
                  "an alias (*%.40s); text that begins with * belongs in quotes",
                  (const char *)event->data.alias.anchor);
        return false;
    }
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        nul = memchr(event->data.scalar.value, '\0', event->data.scalar.length) != NULL;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        tree_stop(tree, YAML_REFUSED, place,
                  "an anchor (&%.40s); text that begins with & belongs in quotes",
                  (const char *)anchor);
    else if (tag)
        tree_stop(tree, YAML_REFUSED, place,
                  "a tag (%.40s); text that begins with ! belongs in quotes", (const char *)tag);
    else if (nul)
        tree_stop(tree, YAML_REFUSED, place, "a NUL character");
    return !anchor && !tag && !nul;
}

/* Takes the event. */
static Node *tree_node(Tree *tree, yaml_event_t *event, int depth)
{
    Place place = mark_place(tree, event->start_mark);
    Node *node = NULL;
    if (depth > LIMIT_DEPTH) {
        yaml_event_delete(event);
        return tree_stop(tree, YAML_BOUND, place, "it is nested more than %d deep", LIMIT_DEPTH);
    }
    if (!strict_allows(tree, event, place)) {
        yaml_event_delete(event);
        return NULL;
    }
    if (event->type == YAML_ALIAS_EVENT) {
        node = tree_alias(tree, (const char *)event->data.alias.anchor, place, depth);
        yaml_event_delete(event);
        return node;
    }
    yaml_event_type_t    type = event->type;
    NodeKind             kind = type == YAML_SCALAR_EVENT           ? NODE_SCALAR
                                : type == YAML_SEQUENCE_START_EVENT ? NODE_LIST
                                                                    : NODE_MAP;
    const unsigned char *name = kind == NODE_SCALAR ? event->data.scalar.anchor
                                : kind == NODE_LIST ? event->data.sequence_start.anchor
                                                    : event->data.mapping_start.anchor;
    int                  anchor = tree_anchor(tree, name, place);
    node = anchor == -2 ? NULL : node_new(tree->reading, kind, place);
    if (node && kind == NODE_SCALAR) {
        node->text = keep(tree, event->data.scalar.value, event->data.scalar.length);
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        if (!node->text.ptr) node = NULL;
    }
    yaml_event_delete(event);
    if (!node) return tree_full(tree, place);
    if (kind == NODE_LIST && !read_list(tree, node, depth)) return NULL;
    if (kind == NODE_MAP && !read_map(tree, node, depth)) return NULL;
    if (anchor >= 0) tree->anchors[anchor].node = node;
    return node;
}
