/* The reader of pages as a process: what it says, and what becomes of it when it is broken. */
#include "../../host/page/reader.h"
#include "loop_rig.h"

#include <limits.h>
#include <sys/stat.h>

static char program[PATH_MAX];

/* build/MODE/tests/unit/NAME -> the program beside perigee. */
static void find_program(void)
{
    const char *perigee = getenv("PERIGEE");
    char        folder[PATH_MAX - 20];
    if (perigee) {
        snprintf(folder, sizeof folder, "%s", perigee);
        *strrchr(folder, '/') = '\0';
    } else {
        ssize_t len = readlink("/proc/self/exe", folder, sizeof folder - 1);
        folder[len > 0 ? len : 0] = '\0';
        for (int up = 0; up < 3; up++) *strrchr(folder, '/') = '\0';
        if (strstr(folder, "/release")) strcpy(strstr(folder, "/build/"), "");
    }
    snprintf(program, sizeof program, "%s/perigee-page", folder);
}

typedef struct Seen {
    int  times;
    Err  outcome;
    Page page;
} Seen;

static void on_done(void *arg, const Err *outcome, Page *page)
{
    Seen *seen = arg;
    Page  empty = seen->page;
    seen->times++;
    seen->outcome = *outcome;
    seen->page = *page;
    *page = empty;
    loop_stop(loop);
}

static Seen read_all(ReaderSpec spec)
{
    Seen    seen = {0};
    Reader *reader;
    find_program();
    page_init(&seen.page);
    if (!spec.program) spec.program = program;
    if (!spec.charset) spec.charset = "UTF-8";
    if (reader_begin(loop, &spec, on_done, &seen, &reader, &seen.outcome) == ST_OK) loop_run(loop);
    return seen;
}

static void check_text(ReaderSpec spec, const char *want)
{
    Seen seen = read_all(spec);
    CHECK_INT(seen.times, 1);
    CHECK_INT(seen.outcome.status, ST_OK);
    if (seen.outcome.status != ST_OK) printf("# %s\n", seen.outcome.text);
    CHECK_TEXT(seen.page.text.ptr, want);
    page_clear(&seen.page);
}

TEST(a_page_comes_back_as_markdown_with_its_title)
{
    rig_loop(false);
    Seen seen = read_all((ReaderSpec){.bytes = STR("<title>T</title><h1>H</h1><a href=x>l</a>"),
                                      .url = STR("http://example.org/a/"),
                                      .is_page = true});
    CHECK_INT(seen.outcome.status, ST_OK);
    CHECK_TEXT(seen.page.title.ptr, "T");
    CHECK_TEXT(seen.page.text.ptr, "# H\n\n[l](http://example.org/a/x)\n");
    CHECK(!seen.page.cut);
    page_clear(&seen.page);
    rig_end();
}

TEST(charsets_are_converted_and_wrong_bytes_are_shown)
{
    rig_loop(false);
    check_text((ReaderSpec){.bytes = STR("caf\xe9 \x80"), .charset = "CP1252"}, "caf\u00e9 \u20ac");
    check_text((ReaderSpec){.bytes = STR("\xfe\xfd"), .charset = "CP1254"}, "\u015f\u0131");
    check_text((ReaderSpec){.bytes = STR("\x93\xfa\x96{x"), .charset = "CP932"}, "\u65e5\u672cx");
    check_text((ReaderSpec){.bytes = STR("\xc4\xe3\x30\xff\xff"), .charset = "GB18030"},
               "\u4f60"
               "0\uFFFD\uFFFD");
    check_text((ReaderSpec){.bytes = STR("a\0\xac\x20\x41"), .charset = "UTF-16LE"},
               "a\u20ac\uFFFD");
    check_text((ReaderSpec){.bytes = STR("\x1b$B%F\x1b(Bx"), .charset = "ISO-2022-JP"}, "\u30c6x");
    check_text((ReaderSpec){.bytes = STR("a\xff\xc3"), .charset = "UTF-8"}, "a\uFFFD\uFFFD");
    check_text((ReaderSpec){.bytes = STR(""), .charset = "UTF-8"}, "");
    rig_end();
}

TEST(a_charset_is_a_name_that_iconv_knows)
{
    rig_loop(false);
    Seen odd = read_all((ReaderSpec){.bytes = STR("x"), .charset = "UTF-8//TRANSLIT"});
    CHECK_INT(odd.outcome.status, ST_INVALID);
    CHECK_INT(odd.times, 0);
    Seen none = read_all((ReaderSpec){.bytes = STR("x"), .charset = "NO-SUCH"});
    CHECK_INT(none.outcome.status, ST_UNAVAILABLE);
    page_clear(&odd.page);
    page_clear(&none.page);
    rig_end();
}

TEST(what_is_too_large_is_not_begun)
{
    rig_loop(false);
    char *bytes = mem_new(LIMIT_PAGE_BYTES + 1);
    Seen  seen = read_all((ReaderSpec){.bytes = {bytes, LIMIT_PAGE_BYTES + 1}});
    CHECK_INT(seen.outcome.status, ST_LIMIT);
    CHECK_INT(seen.times, 0);
    free(bytes);
    rig_end();
}

TEST(a_page_that_eats_memory_ends_as_a_limit)
{
    Buf html;
    Err err;
    rig_loop(false);
    buf_init(&html, 4 * MB);
    for (int i = 0; i < 3000; i++)
        if (buf_printf(&html, &err, "<b id=%d><p>", i) != ST_OK) abort();
    Seen seen = read_all((ReaderSpec){.bytes = buf_str(&html), .is_page = true});
    CHECK_INT(seen.outcome.status, ST_LIMIT);
    CHECK(strstr(seen.outcome.text, "too large") != NULL);
    page_clear(&seen.page);
    buf_clear(&html);
    rig_end();
}

static void check_outcome(const char *body, Status status, const char *part)
{
    char path[] = "/tmp/page-reader-XXXXXX", command[400];
    int  fd = mkstemp(path);
    snprintf(command, sizeof command, "#!/bin/sh\n%s\n", body);
    CHECK(write(fd, command, strlen(command)) == (ssize_t)strlen(command));
    fchmod(fd, 0700);
    close(fd);
    Seen seen = read_all((ReaderSpec){.program = path, .bytes = STR("x")});
    CHECK_INT(seen.outcome.status, status);
    CHECK(strstr(seen.outcome.text, part) != NULL);
    if (!strstr(seen.outcome.text, part)) printf("# %s\n", seen.outcome.text);
    page_clear(&seen.page);
    unlink(path);
}

TEST(whatever_becomes_of_the_reader_is_told)
{
    rig_loop(false);
    check_outcome("kill -SEGV $$", ST_INVALID, "ended by signal 11");
    check_outcome("kill -SYS $$", ST_INVALID, "signal");
    check_outcome("kill -XCPU $$", ST_LIMIT, "too large or nests too deep");
    check_outcome("exit 36", ST_UNAVAILABLE, "could not be shut in");
    check_outcome("exit 3", ST_BUG, "ended with 3");
    check_outcome("echo nonsense", ST_BUG, "something else than a page");
    check_outcome("exec cat /dev/zero", ST_BUG, "more than it may");
    Seen seen = read_all((ReaderSpec){.program = "/nowhere/perigee-page", .bytes = STR("x")});
    CHECK_INT(seen.outcome.status, ST_UNAVAILABLE);
    CHECK(strstr(seen.outcome.text, "make install") != NULL);
    rig_end();
}

TEST(one_that_is_cancelled_is_gone_at_once_and_says_nothing)
{
    Seen    seen = {0};
    Reader *reader;
    Err     err;
    rig_loop(false);
    find_program();
    ReaderSpec spec = {.program = "/bin/cat", .bytes = STR("x"), .charset = "UTF-8"};
    CHECK_INT(reader_begin(loop, &spec, on_done, &seen, &reader, &err), ST_OK);
    reader_cancel(reader);
    reader_cancel(NULL);
    CHECK_INT(loop_objects(loop), 0);
    CHECK_INT(seen.times, 0);
    rig_end();
}

static int  order[8], ends;
static bool fine[8];

static void on_turn(void *arg, const Err *outcome, Page *page)
{
    int number = (int)(intptr_t)arg;
    (void)page;
    order[ends++] = number;
    fine[number] = outcome->status == ST_OK;
    if (ends == 3) loop_stop(loop);
}

/* A reader of which the first ones never end: what they read from is not there yet. */
TEST(more_than_there_is_room_for_wait_for_their_turn)
{
    enum { MORE = 3 };
    static const char *const NEVER = "#!/bin/sh\nexec sleep 1000\n";
    Reader                  *held[READERS_AT_ONCE], *more[MORE];
    Err                      err;
    char                     path[] = "/tmp/page-reader-XXXXXX";
    int                      fd = mkstemp(path);
    CHECK(write(fd, NEVER, strlen(NEVER)) == (ssize_t)strlen(NEVER));
    fchmod(fd, 0700);
    close(fd);
    rig_loop(false);
    find_program();
    ends = 0;
    ReaderSpec never = {.program = path, .bytes = STR("x"), .charset = "UTF-8"};
    ReaderSpec spec = {.program = program, .bytes = STR("x"), .charset = "UTF-8"};
    ReaderSpec gone = {.program = "/nowhere/page", .bytes = STR("x"), .charset = "UTF-8"};
    for (int i = 0; i < READERS_AT_ONCE; i++)
        CHECK_INT(reader_begin(loop, &never, on_turn, NULL, &held[i], &err), ST_OK);
    size_t taken = loop_objects(loop);
    for (int i = 0; i < MORE; i++)
        CHECK_INT(reader_begin(loop, i == 1 ? &gone : &spec, on_turn, (void *)(intptr_t)i, &more[i],
                               &err),
                  ST_OK);
    CHECK_INT(loop_objects(loop), taken + MORE); /* a timer each, and no process */
    reader_cancel(held[0]);
    loop_run(loop);
    CHECK_INT(ends, MORE);
    for (int i = 0; i < MORE; i++) CHECK_INT(order[i], i);
    CHECK(fine[0] && !fine[1] && fine[2]);
    CHECK_INT(reader_begin(loop, &spec, on_turn, NULL, &more[0], &err), ST_OK);
    CHECK_INT(reader_begin(loop, &spec, on_turn, NULL, &more[1], &err), ST_OK);
    reader_cancel(more[1]); /* while it waits */
    reader_cancel(more[0]);
    for (int i = 1; i < READERS_AT_ONCE; i++) reader_cancel(held[i]);
    unlink(path);
    rig_end();
}

int main(void) { return rig_run(); }
