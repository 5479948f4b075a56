/* The body's outline: cmark's tree, flattened to what relations and people ask for. */
#include "../base/buf.h"
#include "../base/limits.h"
#include "../base/mem.h"
#include "internal.h"

#include <cmark.h>
#include <stdlib.h>
#include <string.h>

typedef struct Outline {
    Reading *reading;
    size_t  *lines; /* owned: offset in body of each line's first byte, and one past the last */
    int      line_count;
    Block   *blocks; /* owned until it is copied to the arena */
    size_t   count, room;
    int      lists, quotes; /* how many the walk stands in */
    Buf      inline_text;
} Outline;

static Status outline_walk(Outline *outline, cmark_node *root, Err *err);
static void   lines_find(Outline *outline);

Status outline_read(Reading *reading, Err *err)
{
    Definition *def = reading->def;
    Outline     outline = {.reading = reading};
    buf_init(&outline.inline_text, LIMIT_DEFINITION);
    lines_find(&outline);

    cmark_node *root = cmark_parse_document(def->body.len ? def->body.ptr : "", def->body.len,
                                            CMARK_OPT_SOURCEPOS);
    Status      status = outline_walk(&outline, root, err);
    cmark_node_free(root);
    if (status == ST_OK && outline.count) {
        def->blocks = arena_alloc(&def->arena, outline.count * sizeof *def->blocks);
        if (def->blocks) {
            memcpy(def->blocks, outline.blocks, outline.count * sizeof *def->blocks);
            def->block_count = outline.count;
        } else {
            status = arena_full(err);
        }
    }
    buf_clear(&outline.inline_text);
    free(outline.blocks);
    free(outline.lines);
    return status;
}

/* cmark's rule: a line ends in LF, CRLF or CR. */
static void lines_find(Outline *outline)
{
    Str    body = outline->reading->def->body, line;
    size_t at = 0, room = 0;
    do {
        if ((size_t)outline->line_count + 2 > room) {
            room = room ? room * 2 : 256;
            outline->lines = mem_grow(outline->lines, room * sizeof *outline->lines);
        }
        outline->lines[outline->line_count++] = at;
    } while (line_next(body, &at, body.len, &line));
    outline->lines[outline->line_count] = body.len;
}

/* Bytes of the body from line and column (cmark's: bytes from 1) to the end of the last line. */
static Str source_of(const Outline *outline, int line, int column, int last_line)
{
    int count = outline->line_count;
    if (line < 1 || line > count || last_line < line) return (Str){NULL, 0};
    size_t from = outline->lines[line - 1] + (column > 1 ? (size_t)column - 1 : 0);
    size_t to = outline->lines[last_line < count ? last_line : count];
    Str    out = str_cut(outline->reading->def->body, from, to);
    while (out.len && (out.ptr[out.len - 1] == '\n' || out.ptr[out.len - 1] == '\r')) out.len--;
    return out;
}

/* The text of a node's inline children: markup gone, links and pictures reduced to their words. */
static Status inline_text(Outline *outline, cmark_node *node, Str *out, Err *err)
{
    Buf        *buf = &outline->inline_text;
    cmark_iter *iter = cmark_iter_new(node);
    Status      status = ST_OK;
    buf_reset(buf);
    for (cmark_event_type event;
         status == ST_OK && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE;) {
        cmark_node *at = cmark_iter_get_node(iter);
        if (event != CMARK_EVENT_ENTER) continue;
        cmark_node_type type = cmark_node_get_type(at);
        if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE)
            status = buf_append(buf, str_from(cmark_node_get_literal(at)), err);
        else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
            status = buf_byte(buf, '\n', err);
    }
    cmark_iter_free(iter);
    if (status != ST_OK) return status;
    Str text = str_trim(buf_str(buf));
    *out = (Str){arena_copy(&outline->reading->def->arena, text), text.len};
    return out->ptr ? ST_OK : arena_full(err);
}

static Block *block_new(Outline *outline, BlockKind kind, cmark_node *node, cmark_node *last)
{
    if (outline->count == outline->room) {
        outline->room = outline->room ? outline->room * 2 : 64;
        outline->blocks = mem_grow(outline->blocks, outline->room * sizeof *outline->blocks);
    }
    Block *block = &outline->blocks[outline->count++];
    int    line = cmark_node_get_start_line(node), end = cmark_node_get_end_line(last);
    int    offset = outline->reading->def->body_line - 1;
    *block = (Block){.kind = kind,
                     .level = outline->lists,
                     .quoted = outline->quotes > 0,
                     .source = source_of(outline, line, cmark_node_get_start_column(node), end),
                     .line = line + offset,
                     .last_line = (end < line ? line : end) + offset};
    return block;
}

/* An item speaks with its first paragraph; what else it holds comes as blocks of its own. */
static Status item_add(Outline *outline, cmark_node *node, Err *err)
{
    cmark_node *first = cmark_node_first_child(node), *list = cmark_node_parent(node);
    bool        speaks = first && cmark_node_get_type(first) == CMARK_NODE_PARAGRAPH;
    Block      *block = block_new(outline, BLOCK_ITEM, node, speaks ? first : node);
    if (!speaks) {
        block->last_line = block->line;
        int line = cmark_node_get_start_line(node);
        block->source = source_of(outline, line, cmark_node_get_start_column(node), line);
    }
    if (cmark_node_get_list_type(list) == CMARK_ORDERED_LIST) {
        intptr_t before = (intptr_t)cmark_node_get_user_data(list);
        block->number = cmark_node_get_list_start(list) + (int)before;
        cmark_node_set_user_data(list, (void *)(before + 1));
    }
    return speaks ? inline_text(outline, first, &block->text, err) : ST_OK;
}

static Status code_add(Outline *outline, cmark_node *node, Err *err)
{
    Block *block = block_new(outline, BLOCK_CODE, node, node);
    Arena *arena = &outline->reading->def->arena;
    Str    info = str_from(cmark_node_get_fence_info(node));
    Str    text = str_from(cmark_node_get_literal(node));
    block->info = (Str){arena_copy(arena, info), info.len};
    block->text = (Str){arena_copy(arena, text), text.len};
    return block->info.ptr && block->text.ptr ? ST_OK : arena_full(err);
}

static Status block_add(Outline *outline, cmark_node *node, cmark_node_type type, Err *err)
{
    if (type == CMARK_NODE_HEADING) {
        Block *block = block_new(outline, BLOCK_HEADING, node, node);
        block->level = cmark_node_get_heading_level(node);
        return inline_text(outline, node, &block->text, err);
    }
    if (type == CMARK_NODE_CODE_BLOCK) return code_add(outline, node, err);
    if (type == CMARK_NODE_ITEM) return item_add(outline, node, err);
    cmark_node *parent = cmark_node_parent(node);
    bool spoken = cmark_node_get_type(parent) == CMARK_NODE_ITEM && !cmark_node_previous(node);
    if (type != CMARK_NODE_PARAGRAPH || spoken) return ST_OK;
    Block *block = block_new(outline, BLOCK_PARAGRAPH, node, node);
    return inline_text(outline, node, &block->text, err);
}

static Status outline_walk(Outline *outline, cmark_node *root, Err *err)
{
    cmark_iter *iter = cmark_iter_new(root);
    Status      status = ST_OK;
    for (cmark_event_type event;
         status == ST_OK && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE;) {
        cmark_node     *node = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(node);
        int             step = event == CMARK_EVENT_ENTER ? 1 : -1;
        if (type == CMARK_NODE_LIST) outline->lists += step;
        if (type == CMARK_NODE_BLOCK_QUOTE) outline->quotes += step;
        if (step < 0 || type == CMARK_NODE_LIST || type == CMARK_NODE_BLOCK_QUOTE) continue;
        if (outline->count == MOST_BLOCKS) {
            Place place = {cmark_node_get_start_line(node) + outline->reading->def->body_line - 1,
                           1};
            note_add(outline->reading, NOTE_ERROR, "outline", place,
                     "more than %d blocks; relations below this line are not read", MOST_BLOCKS);
            break;
        }
        size_t count = outline->count;
        status = block_add(outline, node, type, err);
        if (outline->count > count) outline->blocks[count].clean = outline->blocks[count].text;
    }
    cmark_iter_free(iter);
    return status;
}
