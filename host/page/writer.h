/* writer.h -- Markdown, put together from words, marks around them, blocks and what encloses
 * blocks.
 *
 * Use     writer_init; writer_text, writer_open/close, writer_end ...; writer_finish; writer_clear
 * Owner   Writer: the caller's shell. Texts are copied, but for the signs of marks.
 * Thread  Any.
 *
 * Blanks collapse; a block is a paragraph, a heading, an item. Each of its lines begins with the
 * prefix ("> ", "  "), the first one with the mark of what was entered before ("- "). Marks that
 * stand open at a block's end are closed there and opened again with the next words.
 */
#ifndef HOST_PAGE_WRITER_H
#define HOST_PAGE_WRITER_H

#include "../base/buf.h"

enum { WRITER_MARKS = 16 };

typedef struct Mark {
    Str  before, after; /* borrowed until writer_close */
    bool said;          /* `before` was written */
} Mark;

typedef struct Writer {
    Buf    out;
    Buf    line;   /* of the block under way; may hold line ends */
    Buf    prefix; /* of every line */
    Buf    first;  /* of the next line instead, where it is not empty */
    size_t spread; /* of the prefix, as far as it held all the way since the last block */
    Mark   marks[WRITER_MARKS];
    size_t mark_count;
    bool   blank; /* between what was said and what comes */
    bool   gap;   /* an empty line before the next block */
    bool   flat;  /* everything on one line: a cell of a table, a heading */
    bool   cell;  /* a bar has to be escaped */
    bool   full;  /* the limit is reached, the rest is dropped */
} Writer;

typedef struct WriterPlace {
    size_t prefix, first;
} WriterPlace;

void writer_init(Writer *writer, size_t limit);
void writer_clear(Writer *writer);
void writer_finish(Writer *writer); /* ends the last block; `out` then ends in a line end */

void writer_text(Writer *writer, Str words);
void writer_whole(Writer *writer, Str text); /* as it stands, blanks and all, within the line */
void writer_break(Writer *writer);           /* a new line of the same block */
void writer_end(Writer *writer, bool gap);   /* of a block; `gap`: with an empty line behind it */
void writer_gap(Writer *writer, bool gap);   /* whether there is one before the next block */
void writer_lines(Writer *writer, Str text); /* a block of lines as they stand */

/* False when nothing more fits; then no writer_close. */
bool writer_open(Writer *writer, Str before, Str after);
void writer_close(Writer *writer);

/* What encloses blocks: `mark` begins its first line, `prefix` the others. */
WriterPlace writer_enter(Writer *writer, Str mark, Str prefix);
void        writer_leave(Writer *writer, WriterPlace place);

#endif
