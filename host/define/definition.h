/* definition.h -- an agent's file: YAML front matter, then the prompt in Markdown.
 *
 *   Definition
 *     front   tree of nodes: scalar | list | map, as the author wrote it (scalars are text)
 *     body    the text after the closing ---, as bytes
 *     blocks  the body's outline, flat and in order: heading, item, paragraph, code
 *     notes   diagnostics with line and column
 *
 * Use     definition_parse(text, DEFINITION_WHOLE, &def, err); ...; definition_free(&def)
 * Owner   Everything in a Definition lives in its arena; the text given may go after the parse.
 * Units   Lines and columns begin at 1 and count in the file; a column is a code point. A line ends
 *         in LF, CRLF or CR.
 * Thread  Any; pure.
 * Errors  ST_INVALID only when the text is no definition at all (no front matter, not UTF-8);
 *         ST_LIMIT when it is too large. The Err then begins "line N, column M: ". Everything else
 *         is a note, and the rest still works.
 */
#ifndef HOST_DEFINE_DEFINITION_H
#define HOST_DEFINE_DEFINITION_H

#include "../base/arena.h"
#include "../base/status.h"

typedef enum NodeKind { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeKind;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    Str      text;   /* scalar: as it stands in the source, quotes and escapes resolved */
    bool     quoted; /* scalar: it was written with quotes, or as a block */
    Str      key;    /* in a map: this entry's key */
    int      key_line, key_column; /* where the key stands; 0 where there is none, or it was read
                                      leniently */
    int      line, column;
    Node    *first; /* list, map: children in order */
    Node    *next;
};

typedef enum BlockKind { BLOCK_HEADING, BLOCK_ITEM, BLOCK_PARAGRAPH, BLOCK_CODE } BlockKind;

typedef struct Block {
    BlockKind kind;
    int  level;  /* heading: 1 to 6; else how many lists it stands in: 0 outside, an item 1 up */
    int  number; /* item of an ordered list: its number; else 0 */
    bool quoted; /* stands in a block quotation */
    Str  text;   /* inline text without markup (**, `, links reduced to their text); code: the
                    code. A line break in the source is a \n here. */
    Str  clean;  /* text with signs from a wrong code page read as what they were; else text */
    Str  source; /* as written, markup included; an item's ends before what is nested in it */
    Str  info;   /* code: the fence's info string ("mermaid") */
    int  line, last_line;
} Block;

typedef enum NoteLevel { NOTE_WARNING, NOTE_ERROR } NoteLevel;

typedef struct Note {
    NoteLevel level;
    Str       rule; /* "yaml" "duplicate-key" "front-matter" "tools" "encoding" "outline" */
    Str       message;
    int       line, column;
} Note;

typedef struct Definition {
    Arena  arena;
    Node  *front;     /* a map */
    Str    body;      /* to the end of the file */
    int    body_line; /* line of the file where the body begins */
    Block *blocks;
    size_t block_count;
    Note  *notes; /* in the order in which they were found */
    size_t note_count;
    /* Something that may have narrowed the agent's rights could not be read; `tools` is then an
     * empty list, whatever the file says, and an error note says why. */
    bool   narrowed;
    int    fault_line, fault_column; /* where, when definition_parse failed; else 0 */
} Definition;

/* What is read of a definition. Of a catalog most are known by their front matter only, and an
 * outline takes most of the time and of the memory. */
typedef enum DefinitionPart {
    DEFINITION_FRONT = 1,   /* front, with its notes and `narrowed` */
    DEFINITION_OUTLINE = 2, /* blocks, with their notes */
    DEFINITION_WHOLE = DEFINITION_FRONT | DEFINITION_OUTLINE,
} DefinitionPart;

/* Reads these parts; body and body_line come with each. On failure `out` holds nothing but
 * fault_line and fault_column; definition_free is allowed then, not needed. */
MUST_CHECK Status definition_parse(Str text, DefinitionPart parts, Definition *out, Err *err);
void              definition_free(Definition *definition);

/* The entry of a map, or NULL; `map` may be NULL or of another kind. */
const Node *node_get(const Node *map, const char *key);

/* True when `text` opens with front matter, as definition_parse would find it (a byte order mark,
 * blank lines, pictures and HTML may stand before it). Cheap; says nothing about its content. */
bool definition_has_front_matter(Str text);

#endif
