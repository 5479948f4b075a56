/* Tables. In Markdown a cell is one line of inline text, and every row has as many as the first. */
#include "render.h"

#include "../base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 60, ROWSPAN_MAX = 1000 };

typedef struct Grid {
    Buf      rows;               /* lines of Markdown */
    unsigned below[COLUMNS_MAX]; /* rows that a cell above still reaches into */
    unsigned width, row;         /* columns of the first row; its number, from 0 */
    bool     full;
} Grid;

static bool is_cell(const GumboNode *node)
{
    return tree_is(node, GUMBO_TAG_TD) || tree_is(node, GUMBO_TAG_TH);
}

static unsigned span_of(const GumboNode *cell, const char *name, unsigned most)
{
    Str  text = tree_attribute(cell, name);
    long span = text.len && text.len < 9 ? strtol(text.ptr, NULL, 10) : 1;
    return span < 1 ? 1 : span > (long)most ? most : (unsigned)span;
}

static unsigned columns_of(const GumboNode *row)
{
    const GumboVector *cells = tree_children(row);
    unsigned           count = 0;
    for (unsigned i = 0; i < cells->length && count < COLUMNS_MAX; i++)
        if (is_cell(cells->data[i])) count += span_of(cells->data[i], "colspan", COLUMNS_MAX);
    return count < COLUMNS_MAX ? count : COLUMNS_MAX;
}

/* The widest row says how many columns there are: the first may be a title over all of them. */
static unsigned width_of(const GumboNode *table)
{
    unsigned widest = 0;
    for (const GumboNode *at = tree_next(table, table, true); at; at = tree_next(at, table, true)) {
        if (!tree_is(at, GUMBO_TAG_TR)) continue;
        unsigned count = columns_of(at);
        if (count > widest) widest = count;
    }
    return widest;
}

/* Data has columns, and in its cells nothing that a cell in Markdown could not hold. */
static bool is_data(const GumboNode *table, unsigned width)
{
    static const GumboTag BLOCKS[] = {GUMBO_TAG_TABLE, GUMBO_TAG_PRE, GUMBO_TAG_H1, GUMBO_TAG_H2,
                                      GUMBO_TAG_BLOCKQUOTE};
    Str                   role = tree_attribute(table, "role");
    if (width < 2 || str_is(role, "presentation") || str_is(role, "none")) return false;
    for (size_t i = 0; i < sizeof BLOCKS / sizeof BLOCKS[0]; i++)
        if (tree_find(table, BLOCKS[i])) return false;
    return true;
}

static void put(Grid *grid, Str text)
{
    Err err;
    if (buf_append(&grid->rows, text, &err) != ST_OK) grid->full = true;
}

static void put_cell(Render *render, Grid *grid, const GumboNode *cell)
{
    Writer writer, *around = render->writer;
    writer_init(&writer, LIMIT_PAGE);
    writer.flat = writer.cell = true;
    render->writer = &writer;
    if (!tree_left_out(cell, render->lean)) render_children(render, cell);
    render->writer = around;
    put(grid, STR(" "));
    put(grid, str_trim(buf_str(&writer.line)));
    put(grid, STR(" |"));
    writer_clear(&writer);
}

/* Fills the places from `column` on that a cell further up reaches into. */
static unsigned pass_spans(Grid *grid, unsigned column)
{
    while (column < grid->width && grid->below[column] > 0) {
        grid->below[column++]--;
        put(grid, STR("  |"));
    }
    return column;
}

static void put_row(Render *render, Grid *grid, const GumboNode *row)
{
    const GumboVector *cells = tree_children(row);
    unsigned           column = 0;
    put(grid, STR("|"));
    for (unsigned i = 0; i < cells->length; i++) {
        const GumboNode *cell = cells->data[i];
        if (!is_cell(cell)) continue;
        column = pass_spans(grid, column);
        if (column >= grid->width) break;
        unsigned across = span_of(cell, "colspan", COLUMNS_MAX);
        unsigned down = span_of(cell, "rowspan", ROWSPAN_MAX) - 1;
        put_cell(render, grid, cell);
        grid->below[column++] = down;
        for (; across > 1 && column < grid->width; across--) {
            put(grid, STR("  |"));
            grid->below[column++] = down;
        }
    }
    while (column < grid->width) {
        column = pass_spans(grid, column);
        if (column < grid->width) put(grid, STR("  |"));
        column++;
    }
    put(grid, STR("\n"));
    if (grid->row++ > 0) return;
    put(grid, STR("|"));
    for (column = 0; column < grid->width; column++) put(grid, STR(" --- |"));
    put(grid, STR("\n"));
}

void render_table(Render *render, const GumboNode *table)
{
    Grid grid = {.width = width_of(table)};
    writer_end(render->writer, true);
    if (render->writer->flat || !is_data(table, grid.width)) {
        render_children(render, table);
        writer_end(render->writer, true);
        return;
    }
    const GumboNode *caption = tree_find(table, GUMBO_TAG_CAPTION);
    if (caption) render_node(render, caption);
    buf_init(&grid.rows, LIMIT_PAGE);
    for (const GumboNode *at = tree_next(table, table, true); at && !grid.full;
         at = tree_next(at, table, true))
        if (tree_is(at, GUMBO_TAG_TR) && !tree_left_out(at, render->lean))
            put_row(render, &grid, at);
    if (grid.full) render->writer->full = true;
    Str rows = buf_str(&grid.rows);
    if (rows.len) rows.len--; /* its last line end */
    writer_lines(render->writer, rows);
    writer_gap(render->writer, true);
    buf_clear(&grid.rows);
}
