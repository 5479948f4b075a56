/* perigee-page -- reads what a stranger wrote, in a cell, and says it as UTF-8 or as Markdown.
 *
 *     perigee-page page|text CHARSET < bytes > text
 *
 * Standard input: the address that the bytes came from, a line end, the bytes. Standard output,
 * once all is done: "whole" or "cut", a line end; the title, a line end; the text.
 *
 * CHARSET is a name of iconv(3) that the host chose from its own table: its module is loaded before
 * the cell is entered, and the bytes are read after. The exit code is that of a Status; what breaks
 * in here kills the process, and the host says so.
 */
#include "page/page.h"
#include "sandbox/cell.h"

#include <errno.h>
#include <iconv.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CPU_S = 10 };
#define MEMORY (768 * MB)

static const char REPLACEMENT[] = "\xEF\xBF\xBD"; /* U+FFFD */

static bool write_all(Str bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t part = write(STDOUT_FILENO, bytes.ptr + done, bytes.len - done);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return false;
        done += (size_t)part;
    }
    return true;
}

static Status read_all(Buf *out, Err *err)
{
    for (;;) {
        if (buf_reserve(out, 64 * KB, err) != ST_OK) return err->status;
        ssize_t got = read(STDIN_FILENO, out->ptr + out->len, 64 * KB);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(err, ST_IO, "read: %s", strerror(errno));
        if (got == 0) return ST_OK;
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
    }
}

/* What is no text in this charset becomes U+FFFD, a byte a time. */
static Status convert(iconv_t way, Str bytes, Buf *out, Err *err)
{
    char  *from = (char *)(uintptr_t)bytes.ptr, piece[8192];
    size_t left = bytes.len;
    Status status = ST_OK;
    while (status == ST_OK && left > 0) {
        char  *to = piece;
        size_t room = sizeof piece;
        size_t rc = iconv(way, &from, &left, &to, &room);
        int    why = rc == (size_t)-1 ? errno : 0;
        status = buf_append(out, (Str){piece, sizeof piece - room}, err);
        if (status == ST_OK && (why == EILSEQ || why == EINVAL)) {
            from++;
            left--;
            status = buf_append(out, str_from(REPLACEMENT), err);
        }
    }
    return status;
}

/* Valid UTF-8 of what should have been: the same, without a conversion. */
static Status repair(Str bytes, Buf *out, Err *err)
{
    Status status = ST_OK;
    while (status == ST_OK && bytes.len > 0) {
        size_t good = str_utf8_valid_len(bytes);
        status = buf_append(out, str_cut(bytes, 0, good), err);
        if (good == bytes.len) break;
        if (status == ST_OK) status = buf_append(out, str_from(REPLACEMENT), err);
        bytes = str_cut(bytes, good + 1, bytes.len);
    }
    return status;
}

static Status answer(bool is_page, iconv_t way, Err *err)
{
    Buf  input, text;
    Page page;
    Str  rest, url = {NULL, 0};
    page_init(&page);
    buf_init(&input, LIMIT_PAGE_BYTES + LIMIT_URL + 64 * KB);
    buf_init(&text, 4 * LIMIT_PAGE_BYTES);
    Status status = read_all(&input, err);
    rest = buf_str(&input);
    bool first = str_next(&rest, '\n', &url);
    if (!first) rest = STR("");
    if (status == ST_OK)
        status = way == (iconv_t)-1 ? repair(rest, &text, err) : convert(way, rest, &text, err);
    if (status == ST_OK && is_page) {
        status = page_markdown(buf_str(&text), url, &page, err);
    } else if (status == ST_OK) {
        page.cut = text.len > LIMIT_PAGE;
        Str kept = str_cut(buf_str(&text), 0, LIMIT_PAGE);
        kept.len = str_utf8_valid_len(kept);
        status = buf_append(&page.text, kept, err);
    }
    bool said = status == ST_OK && write_all(page.cut ? STR("cut\n") : STR("whole\n")) &&
                write_all(buf_str(&page.title)) && write_all(STR("\n")) &&
                write_all(buf_str(&page.text));
    if (status == ST_OK && !said) status = ST_IO;
    return status; /* the end frees */
}

int main(int argc, char **argv)
{
    Err     err;
    iconv_t way = (iconv_t)-1;
    if (argc != 3 || (strcmp(argv[1], "page") != 0 && strcmp(argv[1], "text") != 0)) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (strcmp(argv[2], "UTF-8") != 0 && (way = iconv_open("UTF-8", argv[2])) == (iconv_t)-1)
        return status_exit(ST_NOT_FOUND);
    if (cell_enter(STDOUT_FILENO, CPU_S, MEMORY) != 0) return status_exit(ST_UNAVAILABLE);
    _exit(status_exit(answer(strcmp(argv[1], "page") == 0, way, &err)));
}
