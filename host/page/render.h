/* render.h -- from the tree to Markdown: what render.c and table.c share. */
#ifndef HOST_PAGE_RENDER_H
#define HOST_PAGE_RENDER_H

#include "html_tree.h"
#include "link.h"
#include "writer.h"

typedef struct Render {
    Writer      *writer; /* borrowed; of a cell its own */
    const Links *links;
    bool         lean;
    bool         in_link, in_strong, in_em;
    unsigned     depth, items; /* levels of elements; of items that stand around */
} Render;

void render_node(Render *render, const GumboNode *node);
void render_children(Render *render, const GumboNode *node);

/* A table of data as one in Markdown; one that only arranges its cells as blocks. */
void render_table(Render *render, const GumboNode *table);

#endif
