#include "render.h"

#include "../base/limits.h"
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- inline ------------------------------------------------------------------------------------ */

static void render_marked(Render *render, const GumboNode *node, bool *inside, const char *mark)
{
    bool was = *inside;
    bool opened = !was && writer_open(render->writer, str_from(mark), str_from(mark));
    *inside = true;
    render_children(render, node);
    *inside = was;
    if (opened) writer_close(render->writer);
}

static void render_quoted(Render *render, const GumboNode *node, const char *a, const char *b)
{
    bool opened = writer_open(render->writer, str_from(a), str_from(b));
    render_children(render, node);
    if (opened) writer_close(render->writer);
}

static void render_link(Render *render, const GumboNode *node)
{
    Buf  to, after;
    Err  err;
    bool opened = false, was = render->in_link;
    buf_init(&to, 4 * LIMIT_URL);
    buf_init(&after, 4 * LIMIT_URL + 8);
    if (!was && links_resolve(render->links, tree_attribute(node, "href"), &to) &&
        buf_printf(&after, &err, "](%s)", to.ptr) == ST_OK)
        opened = writer_open(render->writer, STR("["), buf_str(&after));
    render->in_link = was || opened;
    render_children(render, node);
    render->in_link = was;
    if (opened) writer_close(render->writer);
    buf_clear(&to);
    buf_clear(&after);
}

static void render_image(Render *render, const GumboNode *node)
{
    Str alt = str_trim(tree_attribute(node, "alt"));
    Buf to, whole;
    Err err;
    if (alt.len == 0 || alt.len > 2000) return; /* without words it is decoration */
    buf_init(&to, 4 * LIMIT_URL);
    buf_init(&whole, 4 * LIMIT_URL + 4 * KB);
    if (!links_resolve(render->links, tree_attribute(node, "src"), &to)) buf_reset(&to);
    if (buf_printf(&whole, &err, "![%.*s](%s)", STR_ARG(alt), to.ptr) == ST_OK) {
        for (size_t i = 2; i < 2 + alt.len; i++)
            if (whole.ptr[i] == '[' || whole.ptr[i] == ']') whole.ptr[i] = '|';
        writer_whole(render->writer, buf_str(&whole));
    }
    buf_clear(&to);
    buf_clear(&whole);
}

static size_t longest_run(Str text, char sign)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < text.len; i++) {
        run = text.ptr[i] == sign ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

static void render_code(Render *render, const GumboNode *node)
{
    Buf text;
    Err err;
    buf_init(&text, LIMIT_PAGE);
    Str shown = tree_text(node, &text, &err) == ST_OK ? str_trim(buf_str(&text)) : STR("");
    if (shown.len) {
        Str mark = longest_run(shown, '`') ? STR("``") : STR("`");
        writer_text(render->writer, STR("")); /* a blank before it stays */
        writer_whole(render->writer, mark);
        writer_whole(render->writer, shown);
        writer_whole(render->writer, mark);
    }
    buf_clear(&text);
}

/* -- blocks ------------------------------------------------------------------------------------ */

static void render_block(Render *render, const GumboNode *node)
{
    writer_end(render->writer, true);
    render_children(render, node);
    writer_end(render->writer, true);
}

static void render_heading(Render *render, const GumboNode *node, int level)
{
    static const char MARKS[] = "###### ";
    Writer           *writer = render->writer;
    bool              strong = render->in_strong;
    writer_end(writer, true);
    if (writer->flat) {
        render_children(render, node);
        writer_end(writer, true);
        return;
    }
    WriterPlace place = writer_enter(writer, str_from(MARKS + 6 - level), STR(""));
    render->in_strong = writer->flat = true; /* it is strong already */
    render_children(render, node);
    render->in_strong = strong;
    writer->flat = false;
    writer_end(writer, true);
    writer_leave(writer, place);
}

static void render_quotation(Render *render, const GumboNode *node)
{
    writer_end(render->writer, true);
    WriterPlace place = writer_enter(render->writer, STR(""), STR("> "));
    render_children(render, node);
    writer_end(render->writer, true);
    writer_leave(render->writer, place);
}

static void render_item(Render *render, const GumboNode *node, const char *mark)
{
    static const char BLANKS[] = "                ";
    size_t            width = strlen(mark);
    Writer           *writer = render->writer;
    writer_end(writer, false);
    WriterPlace place = writer_enter(writer, str_from(mark), str_cut(str_from(BLANKS), 0, width));
    render->items++;
    render_children(render, node);
    render->items--;
    writer_end(writer, false);
    writer_gap(writer, false);
    writer_leave(writer, place);
}

static void render_list(Render *render, const GumboNode *node, bool numbered)
{
    const GumboVector *all = tree_children(node);
    long               number = 1;
    char               mark[24];
    Str                start = tree_attribute(node, "start");
    if (start.len && start.len < 9) number = strtol(start.ptr, NULL, 10);
    writer_end(render->writer, render->items == 0);
    for (unsigned i = 0; i < all->length; i++) {
        const GumboNode *child = all->data[i];
        if (!tree_is(child, GUMBO_TAG_LI)) {
            render_node(render, child);
            continue;
        }
        if (tree_left_out(child, render->lean)) continue;
        snprintf(mark, sizeof mark, numbered ? "%ld. " : "- ", number++);
        render_item(render, child, mark);
    }
    writer_end(render->writer, false);
    if (!render->writer->flat) writer_gap(render->writer, render->items == 0);
}

static void render_terms(Render *render, const GumboNode *node)
{
    writer_end(render->writer, true);
    render_children(render, node);
    writer_end(render->writer, true);
    writer_gap(render->writer, !render->writer->flat);
}

static void render_term(Render *render, const GumboNode *node)
{
    writer_end(render->writer, false);
    render_marked(render, node, &render->in_strong, "**");
    writer_end(render->writer, false);
}

/* "language-c" of the element or its <code>, as the HTML Standard suggests (section 4.5.15). */
static Str language_of(const GumboNode *node)
{
    const GumboNode *code = tree_find(node, GUMBO_TAG_CODE);
    const GumboNode *both[] = {node, code};
    for (size_t i = 0; i < 2 && both[i]; i++) {
        Str       name = tree_attribute(both[i], "class");
        ptrdiff_t at = str_find(name, STR("language-"));
        if (at < 0) continue;
        name = str_cut(name, (size_t)at + 9, name.len);
        size_t len = 0;
        while (len < name.len && len < 20 && name.ptr[len] > ' ' && name.ptr[len] != '`') len++;
        return str_cut(name, 0, len);
    }
    return STR("");
}

static void render_pre(Render *render, const GumboNode *node)
{
    Writer *writer = render->writer;
    Buf     text, whole;
    Err     err;
    buf_init(&text, LIMIT_PAGE);
    buf_init(&whole, LIMIT_PAGE + 1 * KB);
    writer_end(writer, true);
    if (tree_text(node, &text, &err) != ST_OK) writer->full = true;
    Str shown = buf_str(&text), name = language_of(node);
    while (shown.len && (shown.ptr[shown.len - 1] == '\n' || shown.ptr[shown.len - 1] == ' '))
        shown.len--;
    if (writer->flat) {
        writer_text(writer, shown);
    } else if (shown.len) {
        size_t fence = longest_run(shown, '`') + 1;
        char   marks[80];
        if (fence < 3) fence = 3;
        if (fence > sizeof marks - 1) fence = sizeof marks - 1;
        memset(marks, '`', fence);
        marks[fence] = '\0';
        Status status = buf_printf(&whole, &err, "%s%.*s\n", marks, STR_ARG(name));
        if (status == ST_OK) status = buf_append(&whole, shown, &err);
        if (status == ST_OK) status = buf_printf(&whole, &err, "\n%s", marks);
        if (status == ST_OK) writer_lines(writer, buf_str(&whole));
        writer_gap(writer, true);
    }
    buf_clear(&text);
    buf_clear(&whole);
}

static void render_line(Render *render)
{
    writer_end(render->writer, true);
    if (render->writer->flat) return;
    writer_lines(render->writer, STR("---"));
    writer_gap(render->writer, true);
}

static void render_math(Render *render, const GumboNode *node)
{
    Str said = str_trim(tree_attribute(node, "alttext"));
    if (said.len == 0) {
        render_children(render, node);
        return;
    }
    writer_whole(render->writer, STR("$"));
    writer_whole(render->writer, said);
    writer_whole(render->writer, STR("$"));
}

/* -- which is which ---------------------------------------------------------------------------- */

static bool is_block(GumboTag tag)
{
    switch ((int)tag) {
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_BODY:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_FIGCAPTION:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_HGROUP:
    case GUMBO_TAG_LEGEND:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_P:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
    case GUMBO_TAG_TR: return true;
    default: return false;
    }
}

static bool render_inline(Render *render, const GumboNode *node)
{
    switch ((int)node->v.element.tag) {
    case GUMBO_TAG_A: render_link(render, node); return true;
    case GUMBO_TAG_B:
    case GUMBO_TAG_STRONG: render_marked(render, node, &render->in_strong, "**"); return true;
    case GUMBO_TAG_EM:
    case GUMBO_TAG_I: render_marked(render, node, &render->in_em, "*"); return true;
    case GUMBO_TAG_DEL:
    case GUMBO_TAG_S: render_quoted(render, node, "~~", "~~"); return true;
    case GUMBO_TAG_Q: render_quoted(render, node, "\u201c", "\u201d"); return true;
    case GUMBO_TAG_RT: render_quoted(render, node, "(", ")"); return true;
    case GUMBO_TAG_CODE:
    case GUMBO_TAG_KBD:
    case GUMBO_TAG_SAMP:
    case GUMBO_TAG_TT: render_code(render, node); return true;
    case GUMBO_TAG_IMG: render_image(render, node); return true;
    case GUMBO_TAG_MATH: render_math(render, node); return true;
    case GUMBO_TAG_BR: writer_break(render->writer); return true;
    default: return false;
    }
}

static void render_element(Render *render, const GumboNode *node)
{
    GumboTag tag = node->v.element.tag;
    if (render_inline(render, node)) return;
    switch ((int)tag) {
    case GUMBO_TAG_H1:
    case GUMBO_TAG_H2:
    case GUMBO_TAG_H3:
    case GUMBO_TAG_H4:
    case GUMBO_TAG_H5:
    case GUMBO_TAG_H6: render_heading(render, node, 1 + (int)tag - (int)GUMBO_TAG_H1); break;
    case GUMBO_TAG_UL:
    case GUMBO_TAG_MENU: render_list(render, node, false); break;
    case GUMBO_TAG_OL: render_list(render, node, true); break;
    case GUMBO_TAG_LI: render_item(render, node, "- "); break;
    case GUMBO_TAG_DL: render_terms(render, node); break;
    case GUMBO_TAG_DT:
    case GUMBO_TAG_SUMMARY: render_term(render, node); break;
    case GUMBO_TAG_DD: render_item(render, node, ": "); break;
    case GUMBO_TAG_BLOCKQUOTE: render_quotation(render, node); break;
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_LISTING:
    case GUMBO_TAG_XMP:
    case GUMBO_TAG_PLAINTEXT: render_pre(render, node); break;
    case GUMBO_TAG_HR: render_line(render); break;
    case GUMBO_TAG_TABLE: render_table(render, node); break;
    default:
        if (is_block(tag))
            render_block(render, node);
        else
            render_children(render, node);
    }
}

/* What lies deeper than structure is kept for. */
static void render_flattened(Render *render, const GumboNode *top)
{
    bool into = true;
    for (const GumboNode *at = tree_next(top, top, true); at; at = tree_next(at, top, into)) {
        into = at->type != GUMBO_NODE_ELEMENT || !tree_left_out(at, render->lean);
        writer_text(render->writer, tree_text_of(at));
        if (at->type == GUMBO_NODE_ELEMENT && is_block(at->v.element.tag))
            writer_end(render->writer, true);
    }
}

void render_node(Render *render, const GumboNode *node)
{
    if (node->type != GUMBO_NODE_ELEMENT) {
        writer_text(render->writer, tree_text_of(node));
        return;
    }
    if (tree_left_out(node, render->lean) || render->writer->full) return;
    render->depth++;
    if (render->depth > PAGE_DEPTH)
        render_flattened(render, node);
    else
        render_element(render, node);
    render->depth--;
}

void render_children(Render *render, const GumboNode *node)
{
    const GumboVector *all = tree_children(node);
    for (unsigned i = 0; i < all->length; i++) render_node(render, all->data[i]);
}
