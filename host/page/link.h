/* link.h -- where a link of a page leads.
 *
 * Use     Links links; links_init(&links, url); links_rebase(&links, href_of_base);
 *         if (links_resolve(&links, href, &out)) ...
 * Owner   Links: the caller's shell, links_clear frees.
 * Thread  Any.
 */
#ifndef HOST_PAGE_LINK_H
#define HOST_PAGE_LINK_H

#include "../base/buf.h"

typedef struct Links {
    Buf base; /* absolute */
} Links;

void links_init(Links *links, Str url);
void links_clear(Links *links);
void links_rebase(Links *links, Str href); /* of <base>; what leads nowhere changes nothing */

/* Puts the absolute address of `href` into `out` (which is emptied before): RFC 3986, section 5.2,
 * with what the URL Standard forgives (blanks around it, line ends in it, backslashes). What would
 * end a link in Markdown is percent-encoded. False for what leads to no other page: an empty one,
 * a place on this page, a script, data, or too long a text. */
bool links_resolve(const Links *links, Str href, Buf *out);

#endif
