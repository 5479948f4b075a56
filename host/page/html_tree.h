/* html_tree.h -- the tree of a page: parsed as browsers do, and what of it counts.
 *
 * Use     Tree tree; tree_parse(html, &tree, &err); tree_choose(&tree); ...; tree_clear(&tree)
 * Owner   Tree: the caller's shell. Every node and text lives in its arena.
 * Thread  Any. Errors  ST_LIMIT.
 *
 * Nothing in here recurses: a page may nest a million levels deep.
 */
#ifndef HOST_PAGE_HTML_TREE_H
#define HOST_PAGE_HTML_TREE_H

#include "../base/arena.h"
#include "../base/buf.h"

#include <gumbo.h>

typedef struct Tree {
    Arena            arena;
    const GumboNode *root; /* <html> */
    const GumboNode *top;  /* what is shown */
    bool             lean; /* without what one moves about with */
} Tree;

MUST_CHECK Status tree_parse(Str html, Tree *tree, Err *err);
void              tree_clear(Tree *tree);
void              tree_choose(Tree *tree); /* fills top and lean, see page.h */

bool tree_is(const GumboNode *node, GumboTag tag);
Str  tree_attribute(const GumboNode *node,
                    const char      *name); /* of an element; "" where it has none */

/* Is the element left out, with all in it? */
bool tree_left_out(const GumboNode *node, bool lean);

/* The node after `node` in the order of the text, within `top`; NULL after the last. */
const GumboNode *tree_next(const GumboNode *node, const GumboNode *top, bool into);

/* The first element below `top` with that tag; NULL: there is none. */
const GumboNode *tree_find(const GumboNode *top, GumboTag tag);

/* The text of a node of text; of others "". */
Str tree_text_of(const GumboNode *node);

/* Appends all text below `top` that is shown, as it stands; <br> is a line end. ST_LIMIT. */
MUST_CHECK Status tree_text(const GumboNode *top, Buf *out, Err *err);

const GumboVector *tree_children(const GumboNode *node); /* NULL for what has none */

#endif
