#include "writer.h"

#include <string.h>

static void put(Writer *writer, Buf *to, Str bytes)
{
    Err err;
    if (!writer->full && buf_append(to, bytes, &err) != ST_OK) writer->full = true;
}

void writer_init(Writer *writer, size_t limit)
{
    memset(writer, 0, sizeof *writer);
    buf_init(&writer->out, limit);
    buf_init(&writer->line, limit);
    buf_init(&writer->prefix, limit);
    buf_init(&writer->first, limit);
}

void writer_clear(Writer *writer)
{
    buf_clear(&writer->out);
    buf_clear(&writer->line);
    buf_clear(&writer->prefix);
    buf_clear(&writer->first);
}

void writer_finish(Writer *writer) { writer_end(writer, false); }

/* -- words ------------------------------------------------------------------------------------- */

static bool at_start(const Writer *writer)
{
    const Buf *line = &writer->line;
    return line->len == 0 || line->ptr[line->len - 1] == '\n';
}

/* What has to stand before the next sign: a blank, marks. */
static void begin_word(Writer *writer)
{
    if (writer->blank && !at_start(writer)) put(writer, &writer->line, STR(" "));
    writer->blank = false;
    for (size_t i = 0; i < writer->mark_count; i++) {
        Mark *mark = &writer->marks[i];
        if (!mark->said) put(writer, &writer->line, mark->before);
        mark->said = true;
    }
}

/* How many bytes at the front are a blank: also the no-break space; 0: none. */
static size_t blank_len(Str text)
{
    unsigned char c = (unsigned char)text.ptr[0];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') return 1;
    return c == 0xc2 && text.len > 1 && (unsigned char)text.ptr[1] == 0xa0 ? 2 : 0;
}

/* How many bytes at the front nobody would see: control characters, and the "tags" of Unicode
 * (U+E0000 to E007F), in which text for machines is hidden from people. */
static size_t unseen_len(Str text)
{
    const unsigned char *c = (const unsigned char *)text.ptr;
    if (c[0] < ' ' || c[0] == 0x7f) return 1;
    if (c[0] == 0xc2 && text.len > 1 && c[1] < 0xa0) return 2;
    if (c[0] == 0xf3 && text.len > 3 && c[1] == 0xa0 && (c[2] == 0x80 || c[2] == 0x81)) return 4;
    return 0;
}

void writer_text(Writer *writer, Str words)
{
    size_t from = 0;
    while (from < words.len) {
        Str    rest = str_cut(words, from, words.len);
        size_t skip = blank_len(rest);
        if (skip) writer->blank = true;
        if (!skip) skip = unseen_len(rest);
        if (skip) {
            from += skip;
            continue;
        }
        size_t len = 0;
        while (len < rest.len) {
            Str here = str_cut(rest, len, rest.len);
            if (blank_len(here) || unseen_len(here) || (writer->cell && *here.ptr == '|')) break;
            len++;
        }
        begin_word(writer);
        put(writer, &writer->line, str_cut(rest, 0, len));
        from += len;
        if (writer->cell && from < words.len && words.ptr[from] == '|') {
            if (len == 0) begin_word(writer);
            put(writer, &writer->line, STR("\\|"));
            from++;
        }
    }
}

void writer_whole(Writer *writer, Str text)
{
    if (text.len == 0) return;
    begin_word(writer);
    for (size_t i = 0; i < text.len; i++) {
        Str here = str_cut(text, i, text.len), sign = str_cut(here, 0, 1);
        if (writer->cell && *sign.ptr == '|') put(writer, &writer->line, STR("\\"));
        if (*sign.ptr == '\n' || *sign.ptr == '\t') sign = STR(" ");
        if (unseen_len(here))
            i += unseen_len(here) - 1;
        else
            put(writer, &writer->line, sign);
    }
}

void writer_break(Writer *writer)
{
    if (writer->flat)
        writer->blank = true;
    else if (!at_start(writer)) {
        put(writer, &writer->line, STR("\n"));
        writer->blank = false;
    }
}

bool writer_open(Writer *writer, Str before, Str after)
{
    if (writer->mark_count == WRITER_MARKS) return false;
    writer->marks[writer->mark_count++] = (Mark){before, after, false};
    return true;
}

void writer_close(Writer *writer)
{
    const Mark *mark = &writer->marks[--writer->mark_count];
    if (mark->said) put(writer, &writer->line, mark->after);
}

/* -- blocks ------------------------------------------------------------------------------------ */

static Str without_blanks(Str text)
{
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\n'))
        text.len--;
    return text;
}

static void put_gap(Writer *writer)
{
    if (writer->gap && writer->out.len > 0) {
        size_t spread = writer->spread < writer->prefix.len ? writer->spread : writer->prefix.len;
        put(writer, &writer->out, without_blanks(str_cut(buf_str(&writer->prefix), 0, spread)));
        put(writer, &writer->out, STR("\n"));
    }
    writer->gap = false;
}

static void put_line(Writer *writer, Str line)
{
    Str before = buf_str(writer->first.len ? &writer->first : &writer->prefix);
    put(writer, &writer->out, line.len ? before : without_blanks(before));
    put(writer, &writer->out, line);
    put(writer, &writer->out, STR("\n"));
    buf_reset(&writer->first);
    writer->spread = writer->prefix.len;
}

void writer_end(Writer *writer, bool gap)
{
    if (writer->flat) {
        writer->blank = true;
        return;
    }
    for (size_t i = writer->mark_count; i > 0; i--) {
        Mark *mark = &writer->marks[i - 1];
        if (mark->said) put(writer, &writer->line, mark->after);
        mark->said = false;
    }
    Str    rest = without_blanks(buf_str(&writer->line)), line;
    size_t rest_len = rest.len;
    if (rest.len) {
        put_gap(writer);
        while (str_next(&rest, '\n', &line)) put_line(writer, without_blanks(line));
    }
    buf_reset(&writer->line);
    writer->blank = false;
    if (gap && rest_len) writer->gap = true;
}

void writer_gap(Writer *writer, bool gap) { writer->gap = gap; }

void writer_lines(Writer *writer, Str text)
{
    Str line;
    if (writer->flat) {
        writer_text(writer, text);
        return;
    }
    put_gap(writer);
    while (str_next(&text, '\n', &line)) {
        size_t kept = 0;
        Buf    seen;
        buf_init(&seen, line.len + 1);
        while (kept < line.len) { /* tabs stay: they are the program's */
            Str here = str_cut(line, kept, line.len);
            if (*here.ptr != '\t' && unseen_len(here)) {
                kept += unseen_len(here);
                continue;
            }
            put(writer, &seen, str_cut(here, 0, 1));
            kept++;
        }
        put_line(writer, buf_str(&seen));
        buf_clear(&seen);
    }
}

WriterPlace writer_enter(Writer *writer, Str mark, Str prefix)
{
    WriterPlace place = {writer->prefix.len, writer->first.len};
    if (mark.len && writer->first.len == 0) put(writer, &writer->first, buf_str(&writer->prefix));
    if (writer->first.len || mark.len) put(writer, &writer->first, mark.len ? mark : prefix);
    put(writer, &writer->prefix, prefix);
    return place;
}

static void shorten(Buf *buf, size_t len)
{
    if (buf->len <= len) return;
    buf->len = len;
    buf->ptr[len] = '\0';
}

void writer_leave(Writer *writer, WriterPlace place)
{
    shorten(&writer->first, place.first); /* nothing was said in it: its mark goes with it */
    shorten(&writer->prefix, place.prefix);
    if (writer->spread > place.prefix) writer->spread = place.prefix;
}
