/* libFuzzer: a page may be any bytes. What comes of it is valid UTF-8 within its limit, the same
 * when it is read again, with nothing in it that drives a terminal. The first line of the input is
 * where the page came from. */
#include "../../host/page/page.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Status read_page(const uint8_t *data, size_t size, Page *page)
{
    Str rest = {(const char *)data, size}, url = {NULL, 0};
    Err err;
    page_init(page);
    if (!str_next(&rest, '\n', &url)) rest = STR("");
    return page_markdown(rest, url, page, &err);
}

static void check(const Page *page)
{
    if (page->text.len > LIMIT_PAGE || page->title.len > LIMIT_PAGE_TITLE) abort();
    if (str_utf8_valid_len(buf_str(&page->text)) != page->text.len) abort();
    if (str_utf8_valid_len(buf_str(&page->title)) != page->title.len) abort();
    if (memchr(page->title.ptr, '\n', page->title.len)) abort();
    for (size_t i = 0; i < page->text.len; i++) {
        unsigned char c = (unsigned char)page->text.ptr[i];
        if (c == 0x7f || (c < ' ' && c != '\n' && c != '\t')) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Page   first, again;
    Status status = read_page(data, size, &first), same = read_page(data, size, &again);
    if (status != same) abort();
    if (status == ST_OK) check(&first);
    if (status == ST_OK && !str_equal(buf_str(&first.text), buf_str(&again.text))) abort();
    page_clear(&first);
    page_clear(&again);
    return 0;
}
