/* definition.h -- an agent's file: YAML front matter, then the prompt in Markdown.
 *
 *   Definition
 *     front   tree of nodes: scalar | list | map, as the author wrote it (scalars are text)
 *     body    the text after the closing ---, as bytes
 *     blocks  the body's outline, flat and in order: heading, item, paragraph, code
 *     notes   diagnostics with line and column
 *
 * Use     definition_parse(text, &def, err); ...; definition_free(&def)
 * Owner   Everything in a Definition lives in its arena.
 * Thread  Any; pure.
 * Errors  ST_INVALID only when the text is no definition at all (no front matter, not UTF-8 beyond
 *         repair); ST_LIMIT when it is too large. Everything else is a note, and the rest still works.
 */
#ifndef HOST_DEFINE_DEFINITION_H
#define HOST_DEFINE_DEFINITION_H

#include "../base/arena.h"
#include "../base/status.h"

typedef enum NodeKind { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeKind;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    Str      text;  /* scalar: as it stands in the source, quotes and escapes resolved */
    bool     quoted;/* scalar: it was written with quotes, or as a block */
    Str      key;   /* in a map: this entry's key */
    int      line, column; /* 1-based, in the file */
    Node    *first; /* list, map: children in order */
    Node    *next;
};

typedef enum BlockKind { BLOCK_HEADING, BLOCK_ITEM, BLOCK_PARAGRAPH, BLOCK_CODE } BlockKind;

typedef struct Block {
    BlockKind kind;
    int       level;   /* heading: 1 to 6; item: nesting depth from 1 */
    int       number;  /* item of an ordered list: its number; else 0 */
    Str       text;    /* inline text without markup (**, `, links reduced to their text) */
    Str       source;  /* as written, markup included */
    Str       info;    /* code: the fence's info string ("mermaid") */
    int       line, last_line; /* 1-based, in the file */
} Block;

typedef enum NoteLevel { NOTE_WARNING, NOTE_ERROR } NoteLevel;

typedef struct Note {
    NoteLevel level;
    Str       rule;    /* "yaml", "duplicate-key", "encoding", ... */
    Str       message;
    int       line, column;
} Note;

typedef struct Definition {
    Arena  arena;
    Node  *front;      /* a map */
    Str    body;
    int    body_line;  /* line of the file where the body begins */
    Block *blocks;
    size_t block_count;
    Note  *notes;
    size_t note_count;
} Definition;

MUST_CHECK Status definition_parse(Str text, Definition *out, Err *err);
void              definition_free(Definition *definition);

/* The entry of a map, or NULL. */
const Node *node_get(const Node *map, const char *key);

#endif
