#include "page.h"

#include "render.h"

enum { WHOLE = 128 * 1024 /* bytes of a page that is read whole or not at all */ };

/* The element's text as one line. */
static void read_title(const GumboNode *root, Buf *out)
{
    const GumboNode *title = tree_find(root, GUMBO_TAG_TITLE);
    Buf              text;
    Err              err;
    Writer           line;
    if (!title) return;
    buf_init(&text, 64 * KB);
    writer_init(&line, LIMIT_PAGE_TITLE);
    line.flat = true;
    if (tree_text(title, &text, &err) == ST_OK) writer_text(&line, buf_str(&text));
    Str shown = buf_str(&line.line);
    if (line.full) /* at a whole sign */
        shown.len = str_utf8_valid_len(shown);
    if (buf_append(out, shown, &err) != ST_OK) buf_reset(out);
    writer_clear(&line);
    buf_clear(&text);
}

static void read_base(const GumboNode *root, Links *links)
{
    for (const GumboNode *at = root; at; at = tree_next(at, root, true)) {
        if (!tree_is(at, GUMBO_TAG_BASE)) continue;
        Str href = tree_attribute(at, "href");
        if (href.len == 0) continue;
        links_rebase(links, href);
        return;
    }
}

/* Of a page whose tree would be too large the first half is read, or the first half of that. */
static Status parse_some(Str html, Tree *tree, bool *cut, Err *err)
{
    *cut = false;
    for (;;) {
        Status status = tree_parse(html, tree, err);
        if (status == ST_OK) return ST_OK;
        tree_clear(tree);
        if (status != ST_LIMIT || html.len < WHOLE) return status;
        html = str_cut(html, 0, html.len / 2);
        *cut = true;
    }
}

Status page_markdown(Str html, Str url, Page *out, Err *err)
{
    Tree   tree;
    Links  links;
    Writer writer;
    bool   half;
    Status status = parse_some(html, &tree, &half, err);
    if (status != ST_OK) return status;
    links_init(&links, url);
    read_base(tree.root, &links);
    read_title(tree.root, &out->title);
    tree_choose(&tree);
    writer_init(&writer, LIMIT_PAGE);
    Render render = {.writer = &writer, .links = &links, .lean = tree.lean};
    render_children(&render, tree.top);
    writer_finish(&writer);
    out->cut = writer.full || half;
    buf_clear(&out->text);
    out->text = writer.out;
    buf_init(&writer.out, 0);
    writer_clear(&writer);
    links_clear(&links);
    tree_clear(&tree);
    return ST_OK;
}
