/* Front matter: libyaml's events become a tree of text, then what must not be lost is looked at. */
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

Status front_read(Reading *reading, const Span *span, Err *err)
{
    Definition *def = reading->def;
    Place       origin = place_at(reading->text, span->begin);
    YamlResult  result;
    yaml_read(reading, span->begin, span->end, origin, &result);

    def->front = result.root;
    if (result.ending == YAML_READ && result.root && result.root->kind == NODE_MAP) {
        if (result.hides)
            return front_narrow(reading, result.place, "a key that limits it cannot be read", err);
    } else {
        if (result.ending == YAML_READ) {
            result.place = origin;
            snprintf(result.problem, sizeof result.problem, "it holds no `key: value`");
        }
        Entries entries;
        bool    bound = result.ending == YAML_BOUND;
        Status  status = lenient_read(reading, span, &entries, err);
        if (status != ST_OK) return status;
        if (entries.count == 0) {
            def->fault_line = origin.line;
            def->fault_column = origin.column;
            return err_set(err, ST_INVALID,
                           "line %d, column %d: the front matter holds no "
                           "`key: value`",
                           origin.line, origin.column);
        }
        if (entries.odd == 0 || bound)
            note_add(reading, bound ? NOTE_ERROR : NOTE_WARNING, "yaml", result.place,
                     "the front matter is read entry by entry: %s", result.problem);
        if (bound)
            return front_narrow(reading, result.place, "the front matter passed a bound", err);
    }
    /* Missing means every tool, so it has to be missing for certain. */
    if (!span->closed && !node_get(def->front, "tools"))
        return front_narrow(reading, place_at(reading->text, span->end),
                            "the front matter is not closed, and names none", err);
    return ST_OK;
}

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

bool key_narrows(Str key)
{
    static const char *const KEYS[] = {
        "tools",           "allowed-tools",    "allowed_tools",
        "allowedTools",    "disallowed-tools", "disallowed_tools",
        "disallowedTools", "limits",           "permission",
        "permissions",     "permissionMode",   "permission-mode",
        "permission_mode",
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (str_is(key, KEYS[i])) return true;
    return false;
}

Status front_narrow(Reading *reading, Place place, const char *why, Err *err)
{
    Definition *def = reading->def;
    if (def->narrowed) return ST_OK;
    def->narrowed = true;
    reading->nodes = 0; /* this one must never fail for a bound that brought us here */
    Node *tools = node_new(reading, NODE_LIST, place);
    if (!tools) return arena_full(err);
    tools->key = STR("tools");
    Node *standing = map_add(def->front, tools);
    if (standing != tools) {
        tools->next = standing->next;
        *standing = *tools;
    }
    note_add(reading, NOTE_ERROR, "tools", place, "the agent gets no tools: %s", why);
    return ST_OK;
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
    const Node *standing = map_add(map, value);
    bool        merge = root && str_is(key->text, "<<");
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
    }
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
