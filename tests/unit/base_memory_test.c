/* Buf, Arena and the views over bytes. */
#include "../../host/base/arena.h"
#include "../../host/base/buf.h"
#include "../../host/base/hash.h"
#include "../../host/base/limits.h"
#include "../../host/base/mem.h"
#include "tap.h"

#include <stdalign.h>

/* -- buf --------------------------------------------------------------------------------------- */

TEST(a_buffer_is_a_text_from_the_start)
{
    Buf buf;
    Err err;
    buf_init(&buf, 10);
    CHECK_TEXT(buf.ptr, "");
    buf_reset(&buf);
    buf_drop(&buf, 5);
    CHECK(buf_append(&buf, (Str){NULL, 0}, &err) == ST_OK);
    CHECK_TEXT(buf.ptr, "");
    buf_clear(&buf);
    buf_clear(&buf);
    CHECK_TEXT(buf.ptr, "");
}

TEST(a_buffer_takes_exactly_its_limit_and_keeps_what_it_had)
{
    Buf buf;
    Err err;
    buf_init(&buf, 5);
    CHECK(buf_append(&buf, STR("abc"), &err) == ST_OK);
    CHECK(buf_append(&buf, STR("def"), &err) == ST_LIMIT);
    CHECK_TEXT(err.text, "more than 5 bytes");
    CHECK_TEXT(buf.ptr, "abc");
    CHECK(buf_printf(&buf, &err, "%d", 456) == ST_LIMIT);
    CHECK(buf_reserve(&buf, SIZE_MAX, &err) == ST_LIMIT);
    CHECK_TEXT(buf.ptr, "abc");
    CHECK(buf_printf(&buf, &err, "%d", 45) == ST_OK);
    CHECK(buf_byte(&buf, '6', &err) == ST_LIMIT);
    CHECK_TEXT(buf.ptr, "abc45");
    buf_reset(&buf);
    CHECK(buf_append(&buf, STR("abcde"), &err) == ST_OK);
    buf_clear(&buf);
    CHECK_INT(buf.limit, 5);
}

TEST(a_buffer_holds_any_bytes)
{
    Buf buf;
    Err err;
    buf_init(&buf, 1 * MB);
    for (int i = 0; i < 100000; i++) CHECK(buf_byte(&buf, (char)i, &err) == ST_OK);
    CHECK_INT(buf.len, 100000);
    CHECK(buf.ptr[256] == 0 && buf.ptr[257] == 1 && buf.ptr[100000] == 0);
    buf_drop(&buf, 99998);
    CHECK_INT(buf.len, 2);
    CHECK(buf.ptr[0] == (char)99998 && buf.ptr[2] == 0);
    buf_drop(&buf, 100);
    CHECK_INT(buf.len, 0);
    buf_clear(&buf);
}

TEST(what_is_stolen_belongs_to_the_thief)
{
    Buf    buf;
    Err    err;
    size_t len = 99;
    buf_init(&buf, 100);
    char *empty = buf_steal(&buf, &len);
    CHECK_TEXT(empty, "");
    CHECK_INT(len, 0);
    free(empty);
    CHECK(buf_append(&buf, STR("mine"), &err) == ST_OK);
    char *text = buf_steal(&buf, NULL);
    CHECK_TEXT(text, "mine");
    CHECK_INT(buf.len, 0);
    free(text);
}

/* -- arena ------------------------------------------------------------------------------------- */

TEST(an_arena_gives_zeroed_aligned_memory_up_to_its_limit)
{
    Arena arena;
    arena_init(&arena, 100000);
    size_t given = 0;
    for (size_t size = 1; size < 5000; size += 97) {
        char *bytes = arena_alloc(&arena, size);
        if (!bytes) break;
        CHECK((uintptr_t)bytes % alignof(max_align_t) == 0);
        for (size_t i = 0; i < size; i++) CHECK(bytes[i] == 0);
        memset(bytes, 'x', size);
        given += size;
    }
    CHECK(given > 90000 && given <= 100000);
    CHECK(arena.used <= 100000);
    CHECK(arena_alloc(&arena, 50000) == NULL);
    CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
    arena_clear(&arena);
    CHECK(arena_alloc(&arena, 50000) != NULL);
    CHECK_TEXT(arena_copy(&arena, STR("text")), "text");
    CHECK_TEXT(arena_copy(&arena, (Str){NULL, 0}), "");
    arena_clear(&arena);
}

/* -- str --------------------------------------------------------------------------------------- */

TEST(views_compare_trim_cut_and_find)
{
    Str none = {NULL, 0};
    CHECK(str_equal(none, STR("")) && str_equal(none, none) && !str_equal(none, STR("a")));
    CHECK(str_is(STR("ab"), "ab") && !str_is(STR("a\0b"), "a") && str_is(none, ""));
    CHECK(str_starts(STR("abc"), STR("ab")) && !str_starts(STR("a"), STR("ab")));
    CHECK(str_starts(none, STR("")) && str_ends(STR("abc"), STR("bc")) && str_ends(none, none));
    CHECK(!str_ends(STR("c"), STR("bc")));
    CHECK(str_is(str_trim(STR(" \t\r\n a b \n")), "a b") && str_trim(STR(" \n ")).len == 0);
    CHECK(str_is(str_cut(STR("abcdef"), 2, 4), "cd") && str_is(str_cut(STR("abc"), 1, 99), "bc"));
    CHECK(str_cut(STR("abc"), 5, 9).len == 0 && str_cut(STR("abc"), 2, 1).len == 0);
    CHECK_INT(str_find(STR("banana"), STR("nan")), 2);
    CHECK_INT(str_find(STR("banana"), STR("x")), -1);
    CHECK_INT(str_find(none, STR("x")), -1);
    CHECK_INT(str_find(none, none), 0);
}

TEST(a_split_gives_every_part_also_the_empty_ones)
{
    static const struct {
        Str         text;
        const char *want;
    } CASES[] = {{{"a,b,,c", 6}, "[a][b][][c]"},
                 {{"a,", 2}, "[a][]"},
                 {{",", 1}, "[][]"},
                 {{"", 0}, "[]"},
                 {{NULL, 0}, ""}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char got[40] = "";
        Str  rest = CASES[i].text, part;
        while (str_next(&rest, ',', &part))
            snprintf(got + strlen(got), sizeof got - strlen(got), "[%.*s]", STR_ARG(part));
        CHECK_TEXT(got, CASES[i].want);
    }
}

TEST(only_valid_UTF_8_counts_as_such)
{
    static const struct {
        Str    text;
        size_t valid;
    } CASES[] = {
        {{"", 0}, 0},
        {{"abc\0d", 5}, 5},
        {{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9}, 9},
        {{"\xF4\x8F\xBF\xBF", 4}, 4}, /* U+10FFFF */
        {{"\xEF\xBF\xBF", 3}, 3},
        {{"a\x80", 2}, 1},     /* a continuation alone */
        {{"a\xC0\x80", 3}, 1}, /* overlong */
        {{"a\xC1\xBF", 3}, 1},
        {{"a\xE0\x9F\xBF", 4}, 1},
        {{"a\xF0\x8F\xBF\xBF", 5}, 1},
        {{"a\xED\xA0\x80", 4}, 1},     /* a surrogate */
        {{"a\xF4\x90\x80\x80", 5}, 1}, /* beyond U+10FFFF */
        {{"a\xF5\x80\x80\x80", 5}, 1},
        {{"a\xE2\x82", 3}, 1}, /* cut */
        {{"a\xE2\x82q", 4}, 1},
        {{"a\xFF", 2}, 1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        CHECK_INT(str_utf8_valid_len(CASES[i].text), CASES[i].valid);
}

TEST(whole_numbers_are_read_exactly_or_not_at_all)
{
    int64_t n = 0;
    CHECK(str_to_int64(STR("0"), &n) && n == 0);
    CHECK(str_to_int64(STR("-12"), &n) && n == -12);
    CHECK(str_to_int64(STR("9223372036854775807"), &n) && n == INT64_MAX);
    CHECK(str_to_int64(STR("-9223372036854775808"), &n) && n == INT64_MIN);
    static const char *const NOT[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof NOT / sizeof NOT[0]; i++) {
        n = 7;
        CHECK(!str_to_int64(str_from(NOT[i]), &n) && n == 7);
    }
}

TEST(the_hash_is_SHA_256)
{
    char hex[HASH_HEX_SIZE];
    hash_hex((Str){NULL, 0}, hex); /* FIPS 180-4's examples */
    CHECK_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_hex(STR("abc"), hex);
    CHECK_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(copies_end_in_NUL)
{
    char *copy = mem_copy("abcdef", 3), *none = mem_copy(NULL, 0);
    CHECK_TEXT(copy, "abc");
    CHECK_TEXT(none, "");
    CHECK(mem_text(NULL) == NULL);
    free(copy);
    free(none);
}

int main(void) { return tap_run(); }
