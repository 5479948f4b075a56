/* internal.h -- what the files of this room share while one definition is parsed.
 *
 * Owner   A Reading lives on definition_parse's stack; nodes, notes and texts in the arena.
 * Errors  Functions that find fault with the author's text add a note. They return a Status only
 *         where the whole parse has to stop (ST_LIMIT: the arena is full).
 */
#ifndef HOST_DEFINE_INTERNAL_H
#define HOST_DEFINE_INTERNAL_H

#include "definition.h"

enum {
    MOST_NODES = 5000,   /* of one front matter, aliases written out */
    MOST_ANCHORS = 64,   /* of one front matter */
    MOST_BLOCKS = 20000, /* of one outline */
    MOST_NOTES = 100,    /* of one definition; the last says that there were more */
};

typedef struct Place {
    int line, column;
} Place;

typedef struct Reading {
    Str         text;      /* the whole file, in arena */
    Definition *def;       /* borrowed */
    size_t      note_room; /* of def->notes */
    int         nodes;     /* made so far, counted against MOST_NODES */
    bool        strict;    /* a configuration: what could mean two things is refused, not noted */
} Reading;

/* -- definition.c ------------------------------------------------------------------------------ */

Place place_at(Str text, size_t offset);

/* Splits off the line that begins at *at, without its end (LF, CRLF or CR); false at `end`. */
bool line_next(Str text, size_t *at, size_t end, Str *line);

/* Adds a note. Once MOST_NOTES stand, the last one is turned into "there are more". */
void note_add(Reading *reading, NoteLevel level, const char *rule, Place place, const char *format,
              ...) PRINTF_LIKE(5, 6);

/* A zeroed node, or NULL when the bound on nodes or the arena is reached. */
Node *node_new(Reading *reading, NodeKind kind, Place place);

/* Appends `entry` to a list; O(length). */
void node_append(Node *list, Node *entry);

/* Adds `entry` at the end of `map` unless its key is there; answers the entry that was first. */
Node *map_add(Node *map, Node *entry);

Status arena_full(Err *err);

/* Refuses what is no text at all: UTF-16, bytes that are not UTF-8, NUL. */
MUST_CHECK Status bytes_check(Str text, Place *fault, Err *err);

/* -- span.c ------------------------------------------------------------------------------------ */

typedef struct Span {
    size_t begin, end;  /* the YAML between the lines of dashes, offsets into the file */
    size_t body;        /* where the prompt begins */
    size_t opening;     /* the opening line */
    bool   joined;      /* the first entry stands on the opening line: "---name: x" */
    bool   preamble;    /* something other than blank lines stands before it */
    bool   closed;      /* false: there is no closing line, `end` is where YAML seems to end */
    size_t closing_len; /* bytes of the closing line; 0 when not closed */
} Span;

/* Finds the front matter; false with the reason in *why when there is none. */
bool span_find(Str text, Span *out, const char **why);

/* True for a line such as "name: value"; *key_len is the length of its key, quotes included. */
bool line_is_entry(Str line, size_t *key_len);

/* -- front_matter.c ---------------------------------------------------------------------------- */

/* Reads the span into def->front. Fails only at a bound, or when there is nothing to read at all.
 */
MUST_CHECK Status front_read(Reading *reading, const Span *span, Err *err);

/* True for keys whose loss could give an agent more than its author granted. */
bool key_narrows(Str key);

/* Puts an empty `tools` list in place of whatever stands there, and notes why, once. */
MUST_CHECK Status front_narrow(Reading *reading, Place place, const char *why, Err *err);

/* -- yaml_tree.c ------------------------------------------------------------------------------- */

typedef enum YamlEnding {
    YAML_READ,    /* `root` is its tree */
    YAML_REFUSED, /* libyaml says no: `problem` and `place` */
    YAML_BOUND,   /* a bound was passed: `problem` and `place` */
} YamlEnding;

typedef struct YamlResult {
    YamlEnding ending;
    Node      *root; /* in arena; NULL for an empty document */
    char       problem[160];
    Place      place;
    bool       hides; /* a key that narrows rights is there twice, or a key could not be read */
} YamlResult;

/* Reads text[begin, end), whose first byte stands at `origin`, as one YAML document. Duplicate keys
 * become notes when it can be read; where reading->strict is set they refuse it, and so do anchors,
 * aliases, tags and NUL. */
void yaml_read(Reading *reading, size_t begin, size_t end, Place origin, YamlResult *out);

/* -- lenient.c --------------------------------------------------------------------------------- */

typedef struct Entries {
    int count; /* of `key: value` found */
    int odd;   /* of these, read as text because libyaml refused them */
} Entries;

/* Reads top-level entries one by one into def->front, each with libyaml where that works. */
MUST_CHECK Status lenient_read(Reading *reading, const Span *span, Entries *out, Err *err);

/* -- outline.c, encoding.c --------------------------------------------------------------------- */

/* Fills def->blocks from def->body; `clean` is then the same as `text`. */
MUST_CHECK Status outline_read(Reading *reading, Err *err);

/* Fills the `clean` view of every block, with one note when the file went through a wrong code
 * page. */
MUST_CHECK Status encoding_read(Reading *reading, Err *err);

#endif
