/* page.h -- a page of the web as Markdown that a model can read.
 *
 * Why     Pages are written by strangers, for browsers. What matters of one is its text, its links
 *         and its structure; how it looks and how one moves about on it is noise.
 * Use     Page page; page_init(&page); page_markdown(html, url, &page, &err); page_clear(&page);
 * Owner   Page: the caller's shell, page_clear frees.
 * Thread  Any; nothing is shared. It computes only: no files, no network.
 * Errors  ST_LIMIT: a small page that would need more memory than PAGE_TREE; a large one is cut.
 *
 * Same bytes in, same bytes out. Only the program perigee-page (page_main.c) reads what came from
 * the network with this; in the host's own process it is not used.
 *
 * What is shown, in this order of preference (HTML Standard, sections 4.3 and 4.4.14):
 *   1 <main> or role=main, where it holds a quarter of the page's text or more
 *   2 the only <article>, where it holds half of it
 *   3 <body>
 * Left out of it: <nav>; the <header>, <footer> and <aside> of the body itself; what has a role of
 * such; controls of forms, scripts, styles, drawings, frames; what is hidden. Where less than a
 * tenth of the text would be left, nothing but scripts, styles and what is hidden is left out.
 */
#ifndef HOST_PAGE_PAGE_H
#define HOST_PAGE_PAGE_H

#include "../base/buf.h"
#include "../base/limits.h"

#define PAGE_TREE (256 * MB) /* what the parser may take */

enum { PAGE_DEPTH = 100 /* levels whose structure is kept; of what lies below, the text */ };

typedef struct Page {
    Buf  title; /* one line, may be empty */
    Buf  text;  /* Markdown, valid UTF-8 */
    bool cut;   /* the text would be longer than LIMIT_PAGE, or its tree larger than PAGE_TREE */
} Page;

void page_init(Page *page);
void page_clear(Page *page);

/* `html` is UTF-8, wrong bytes become U+FFFD; `url` is where it came from: links are resolved
 * against it, or against the page's own <base>. */
MUST_CHECK Status page_markdown(Str html, Str url, Page *out, Err *err);

#endif
