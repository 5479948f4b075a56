#include "page.h"

#include <string.h>

void page_init(Page *page)
{
    memset(page, 0, sizeof *page);
    buf_init(&page->title, LIMIT_PAGE_TITLE);
    buf_init(&page->text, LIMIT_PAGE);
}

void page_clear(Page *page)
{
    buf_clear(&page->title);
    buf_clear(&page->text);
}
