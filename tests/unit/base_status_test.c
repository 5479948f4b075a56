#include "../../host/base/status.h"
#include "../../host/base/str.h"
#include "tap.h"

#include <errno.h>

TEST(every_status_has_a_code_of_its_own_that_leads_back_to_it)
{
    for (int i = 0; i <= ST_BUG; i++) CHECK_INT(status_from_code(status_code((Status)i)), i);
    CHECK_INT(status_from_code("no such code"), ST_INVALID);
    CHECK_INT(status_from_code(""), ST_INVALID);
}

TEST(what_may_go_better_next_time_is_retryable)
{
    CHECK(status_retryable(ST_TIMEOUT) && status_retryable(ST_UNAVAILABLE));
    CHECK(!status_retryable(ST_OK) && !status_retryable(ST_DENIED) &&
          !status_retryable(ST_PROTOCOL));
}

TEST(exit_codes_tell_the_statuses_apart)
{
    for (int i = 0; i <= ST_BUG; i++)
        for (int k = 0; k < i; k++) CHECK(status_exit((Status)i) != status_exit((Status)k));
    CHECK_INT(status_exit(ST_OK), 0);
    CHECK_INT(status_exit(ST_WAITING), 40);
}

TEST(errno_is_kept_for_io_only)
{
    Err err;
    errno = ENOSPC;
    CHECK_INT(err_set(&err, ST_IO, "write %s", "x"), ST_IO);
    CHECK_INT(err.sys, ENOSPC);
    CHECK_TEXT(err.text, "write x");
    errno = ENOSPC;
    CHECK_INT(err_set(&err, ST_LIMIT, "full"), ST_LIMIT);
    CHECK_INT(err.sys, 0);
}

TEST(a_wrapped_error_says_where_then_what)
{
    Err err;
    errno = ENOENT;
    err_set(&err, ST_IO, "open b: %s", "gone");
    CHECK_INT(err_wrap(&err, "load %s", "a"), ST_IO);
    CHECK_TEXT(err.text, "load a: open b: gone");
    CHECK_INT(err.sys, ENOENT);
    err_clear(&err);
    CHECK_INT(err.status, ST_OK);
    CHECK_TEXT(err.text, "");
}

/* Each length puts the cut at another byte of a two-, three- or four-byte code point. */
TEST(a_text_that_is_too_long_is_cut_between_code_points)
{
    static const char *const SIGNS[] = {"\xC3\xA9", "\xE2\x86\x92", "\xF0\x9F\x9A\x80"};
    for (size_t sign = 0; sign < 3; sign++) {
        char filler[2 * ERR_TEXT_MAX] = "";
        while (strlen(filler) + 4 < sizeof filler) strcat(filler, SIGNS[sign]);
        for (int pad = 0; pad < 5; pad++) {
            Err err;
            err_set(&err, ST_INVALID, "%.*s%s", pad, "abcde", filler);
            Str text = str_from(err.text);
            CHECK_INT(str_utf8_valid_len(text), text.len);
            CHECK(text.len > ERR_TEXT_MAX - 5 && strchr(err.text, '?') == NULL);
            err_wrap(&err, "%.*s", pad, "abcde");
            text = str_from(err.text);
            CHECK_INT(str_utf8_valid_len(text), text.len);
            CHECK(text.len > ERR_TEXT_MAX - 5 && strchr(err.text, '?') == NULL);
        }
    }
}

TEST(a_context_that_fills_the_text_alone_still_ends_well)
{
    char filler[2 * ERR_TEXT_MAX];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    for (int len = ERR_TEXT_MAX - 5; len < ERR_TEXT_MAX + 3; len++) {
        Err err;
        err_set(&err, ST_INVALID, "why");
        err_wrap(&err, "%.*s", len, filler);
        CHECK(strlen(err.text) < ERR_TEXT_MAX && err.text[0] == 'x');
    }
}

/* A file's name or an answer may hold anything; a terminal would obey it. */
TEST(a_text_is_one_line_of_valid_UTF_8_without_control_characters)
{
    Err err;
    err_set(&err, ST_INVALID, "%s", "a\nb\r\tc\x1b[31m\x7f \xC3\xA9 \xC3( \xFF\xED\xA0\x80!");
    CHECK_TEXT(err.text, "a b  c [31m  \xC3\xA9 ?( ???"
                         "?!");
}

int main(void) { return tap_run(); }
