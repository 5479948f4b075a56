#include "html_tree.h"

#include "page.h"

#include <setjmp.h>
#include <string.h>
#include <strings.h>

enum { ANCESTORS = 200 /* that are asked about */ };

typedef struct Parsing {
    Arena  *arena;
    jmp_buf too_large;
} Parsing;

/* The parser has no way of its own to give up, and would use a NULL. */
static void *allocate(void *arg, size_t size)
{
    Parsing *parsing = arg;
    void    *memory = arena_alloc(parsing->arena, size ? size : 1);
    if (!memory) longjmp(parsing->too_large, 1);
    return memory;
}

static void release(void *arg, void *memory) { (void)arg, (void)memory; /* with the arena */ }

Status tree_parse(Str html, Tree *tree, Err *err)
{
    Parsing parsing;
    memset(tree, 0, sizeof *tree);
    arena_init(&tree->arena, PAGE_TREE);
    parsing.arena = &tree->arena;
    if (setjmp(parsing.too_large) != 0)
        return err_set(err, ST_LIMIT,
                       "the page is too large to be read: its tree takes more than "
                       "%zu MB",
                       PAGE_TREE / MB);
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = allocate;
    options.deallocator = release;
    options.userdata = &parsing;
    options.max_errors = 0;
    tree->root = gumbo_parse_with_options(&options, html.len ? html.ptr : "", html.len)->root;
    return ST_OK;
}

void tree_clear(Tree *tree) { arena_clear(&tree->arena); }

/* -- looking around ---------------------------------------------------------------------------- */

const GumboVector *tree_children(const GumboNode *node)
{
    if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE)
        return &node->v.element.children;
    return node->type == GUMBO_NODE_DOCUMENT ? &node->v.document.children : NULL;
}

bool tree_is(const GumboNode *node, GumboTag tag)
{
    return (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE) &&
           node->v.element.tag == tag;
}

Str tree_attribute(const GumboNode *node, const char *name)
{
    const GumboVector *all = &node->v.element.attributes;
    for (unsigned i = 0; i < all->length; i++) {
        const GumboAttribute *one = all->data[i];
        if (strcasecmp(one->name, name) == 0) return str_from(one->value);
    }
    return STR("");
}

static bool has_attribute(const GumboNode *node, const char *name)
{
    return gumbo_get_attribute(&node->v.element.attributes, name) != NULL;
}

Str tree_text_of(const GumboNode *node)
{
    bool is_text = node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE ||
                   node->type == GUMBO_NODE_CDATA;
    return is_text ? str_from(node->v.text.text) : STR("");
}

const GumboNode *tree_next(const GumboNode *node, const GumboNode *top, bool into)
{
    const GumboVector *below = tree_children(node);
    if (into && below && below->length > 0) return below->data[0];
    while (node != top) {
        const GumboVector *beside = tree_children(node->parent);
        if (node->index_within_parent + 1 < beside->length)
            return beside->data[node->index_within_parent + 1];
        node = node->parent;
    }
    return NULL;
}

const GumboNode *tree_find(const GumboNode *top, GumboTag tag)
{
    for (const GumboNode *at = tree_next(top, top, true); at; at = tree_next(at, top, true))
        if (tree_is(at, tag)) return at;
    return NULL;
}

Status tree_text(const GumboNode *top, Buf *out, Err *err)
{
    Status status = ST_OK;
    bool   into = true;
    for (const GumboNode *at = tree_next(top, top, true); at && status == ST_OK;
         at = tree_next(at, top, into)) {
        into = at->type != GUMBO_NODE_ELEMENT || !tree_left_out(at, false);
        status = tree_is(at, GUMBO_TAG_BR) ? buf_byte(out, '\n', err)
                                           : buf_append(out, tree_text_of(at), err);
    }
    return status;
}

/* -- what counts ------------------------------------------------------------------------------- */

static bool word_is(Str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

/* "display: none" and "visibility:hidden" in a style, whatever blanks are in it. */
static bool style_hides(Str style)
{
    static const char *const SIGNS[] = {"display:none", "visibility:hidden"};
    char                     plain[256];
    size_t                   len = 0;
    for (size_t i = 0; i < style.len && len + 1 < sizeof plain; i++) {
        char c = style.ptr[i];
        if (c == ' ' || c == '\t' || c == '\n') continue;
        plain[len++] = c;
    }
    plain[len] = '\0';
    for (size_t i = 0; i < 2; i++)
        if (strcasestr(plain, SIGNS[i])) return true;
    return false;
}

static bool is_hidden(const GumboNode *node)
{
    if (node->v.element.attributes.length == 0) return false;
    if (has_attribute(node, "hidden")) return true;
    if (word_is(tree_attribute(node, "aria-hidden"), "true")) return true;
    return style_hides(tree_attribute(node, "style"));
}

static bool is_within(const GumboNode *node, const GumboTag *tags, size_t count)
{
    size_t steps = 0;
    for (node = node->parent; node && steps < ANCESTORS; node = node->parent, steps++)
        for (size_t i = 0; i < count; i++)
            if (tree_is(node, tags[i])) return true;
    return false;
}

/* What belongs to the site and not to this page of it: HTML Accessibility API Mappings, roles
 * banner, complementary, contentinfo, navigation, search. */
static bool is_around(const GumboNode *node)
{
    static const GumboTag    PARTS[] = {GUMBO_TAG_ARTICLE, GUMBO_TAG_MAIN, GUMBO_TAG_SECTION,
                                        GUMBO_TAG_ASIDE};
    static const char *const ROLES[] = {"banner", "complementary", "contentinfo", "navigation",
                                        "search"};
    Str                      role = tree_attribute(node, "role");
    for (size_t i = 0; role.len && i < sizeof ROLES / sizeof ROLES[0]; i++)
        if (word_is(role, ROLES[i])) return true;
    switch ((int)node->v.element.tag) {
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_BUTTON: return true;
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER: return !is_within(node, PARTS, 4);
    case GUMBO_TAG_ASIDE: return !is_within(node, PARTS, 2);
    default: return false;
    }
}

bool tree_left_out(const GumboNode *node, bool lean)
{
    switch ((int)node->v.element.tag) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_TITLE:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_NOFRAMES:
    case GUMBO_TAG_NOEMBED: return true;
    case GUMBO_TAG_NOSCRIPT: return lean;
    default: return is_hidden(node) || (lean && is_around(node));
    }
}

/* Bytes of text that would be shown, blanks not counted. */
static size_t weigh(const GumboNode *top, bool lean)
{
    size_t total = 0;
    bool   into = true;
    for (const GumboNode *at = tree_next(top, top, true); at; at = tree_next(at, top, into)) {
        Str text = tree_text_of(at);
        into = at->type != GUMBO_NODE_ELEMENT || !tree_left_out(at, lean);
        for (size_t i = 0; i < text.len; i++) total += (unsigned char)text.ptr[i] > ' ';
    }
    return total;
}

static bool is_main(const GumboNode *node)
{
    return tree_is(node, GUMBO_TAG_MAIN) ||
           (node->type == GUMBO_NODE_ELEMENT && word_is(tree_attribute(node, "role"), "main"));
}

void tree_choose(Tree *tree)
{
    const GumboNode *body = tree_find(tree->root, GUMBO_TAG_BODY), *first_main = NULL;
    const GumboNode *article = NULL;
    size_t           articles = 0;
    bool             into = true;
    if (!body) body = tree->root;
    for (const GumboNode *at = tree_next(body, body, true); at; at = tree_next(at, body, into)) {
        into = at->type == GUMBO_NODE_ELEMENT && !tree_left_out(at, false);
        if (into && is_main(at) && !first_main) first_main = at;
        if (!into || !tree_is(at, GUMBO_TAG_ARTICLE)) continue;
        if (articles++ == 0) article = at;
        into = false; /* comments to an article are articles in it */
    }
    size_t all = weigh(body, false);
    tree->top = body;
    tree->lean = weigh(body, true) * 10 >= all;
    if (first_main && weigh(first_main, true) * 4 >= all && all > 0)
        tree->top = first_main;
    else if (articles == 1 && weigh(article, true) * 2 >= all)
        tree->top = article;
    if (tree->top != body) tree->lean = true;
}
