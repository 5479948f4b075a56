/* The body's outline, and signs that went through a wrong code page. */
#include "../../host/base/buf.h"
#include "../../host/base/limits.h"
#include "../../host/define/definition.h"
#include "tap.h"

static Definition def;
static Err        err;

static bool parse(const char *body)
{
    Buf text;
    buf_init(&text, 4 * MB);
    bool good = buf_printf(&text, &err, "---\nname: x\n---\n%s", body) == ST_OK &&
                definition_parse(buf_str(&text), DEFINITION_WHOLE, &def, &err) == ST_OK;
    buf_clear(&text);
    return good;
}

/* All blocks, one a line: kind level.number line-last text. */
static const char *outline(void)
{
    static const char *const KINDS[] = {"heading", "item", "paragraph", "code"};
    static char              text[4000];
    size_t                   len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < def.block_count && len < 3000; i++) {
        const Block *b = &def.blocks[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %d.%d %d-%d%s %.*s\n",
                                KINDS[b->kind], b->level, b->number, b->line, b->last_line,
                                b->quoted ? " quoted" : "", STR_ARG(b->text));
    }
    return text;
}

TEST(headings_items_paragraphs_and_code_come_in_order_with_their_lines)
{
    CHECK(parse(
        "You build.\n\n## Role\n- one\n- two\n  - inner\n\n```mermaid\nA --> B\n```\nLast\n"));
    CHECK_TEXT(outline(), "paragraph 0.0 4-4 You build.\nheading 2.0 6-6 Role\nitem 1.0 7-7 one\n"
                          "item 1.0 8-8 two\nitem 2.0 9-9 inner\ncode 0.0 11-13 A --> B\n\n"
                          "paragraph 0.0 14-14 Last\n");
    CHECK(str_is(def.blocks[5].info, "mermaid"));
    definition_free(&def);
}

TEST(items_of_an_ordered_list_keep_their_numbers)
{
    CHECK(parse("3. **first** - why\n4. second\n   1. inner\n9. third\n"));
    CHECK_TEXT(outline(), "item 1.3 4-4 first - why\nitem 1.4 5-5 second\nitem 2.1 6-6 inner\n"
                          "item 1.5 7-7 third\n");
    CHECK(str_is(def.blocks[0].source, "3. **first** - why"));
    CHECK(str_is(def.blocks[1].source, "4. second"));
    definition_free(&def);
}

TEST(text_has_no_markup_and_source_has_all_of_it)
{
    CHECK(parse("- If **a & b** then `c-d` or [the e](http://x) ![f](y.png) _g_ &rarr; h\\*\n"));
    CHECK_TEXT(outline(), "item 1.0 4-4 If a & b then c-d or the e f g \xE2\x86\x92 h*\n");
    CHECK(str_is(def.blocks[0].source,
                 "- If **a & b** then `c-d` or [the e](http://x) ![f](y.png) _g_ &rarr; h\\*"));
    definition_free(&def);
}

TEST(a_sentence_that_clings_to_the_last_item_stays_on_a_line_of_its_own)
{
    CHECK(parse("- one\n- two\nYou build things.\n"));
    CHECK_TEXT(outline(), "item 1.0 4-4 one\nitem 1.0 5-6 two\nYou build things.\n");
    CHECK(str_is(def.blocks[1].source, "- two\nYou build things."));
    definition_free(&def);
}

TEST(quotations_are_marked_and_further_paragraphs_of_an_item_stand_alone)
{
    CHECK(parse("> said\n> - quoted item\n\n- one\n\n  more\n\n-\n- ```\n  code\n  ```\n"));
    CHECK_TEXT(outline(), "paragraph 0.0 4-4 quoted said\nitem 1.0 5-5 quoted quoted item\n"
                          "item 1.0 7-7 one\nparagraph 1.0 9-9 more\nitem 1.0 11-11 \n"
                          "item 1.0 12-12 \ncode 1.0 12-14 code\n\n");
    definition_free(&def);
}

TEST(lines_count_the_same_with_carriage_returns)
{
    CHECK(parse("# a\r\n\r\n- b\r\n- c\r\n\r\nd\r\ne\r\n"));
    CHECK_TEXT(outline(),
               "heading 1.0 4-4 a\nitem 1.0 6-6 b\nitem 1.0 7-7 c\nparagraph 0.0 9-10 d\ne\n");
    CHECK(str_is(def.blocks[1].source, "- b"));
    definition_free(&def);
}

TEST(a_body_of_blocks_without_end_is_cut_with_a_note)
{
    Buf text;
    buf_init(&text, LIMIT_DEFINITION);
    for (int i = 0; i < 30000; i++) CHECK_INT(buf_append(&text, STR("- a\n"), &err), ST_OK);
    CHECK(parse(text.ptr));
    CHECK_INT(def.block_count, 20000);
    CHECK_INT(def.note_count, 1);
    CHECK(str_is(def.notes[0].rule, "outline"));
    CHECK_INT(def.notes[0].line, 20003);
    definition_free(&def);
    buf_clear(&text);
}

TEST(signs_from_a_wrong_code_page_are_understood_and_the_body_stays)
{
    /* "â†’" and a link sign, as cp1254 shows their bytes */
    const char *body = "## \xC4\x9F\xC5\xB8\xE2\x80\x9D\xE2\x80\x94 Links\n"
                       "- If a \xC3\xA2\xE2\x80\xA0\xE2\x80\x99 b\n";
    CHECK(parse(body));
    CHECK(str_is(def.body, body));
    CHECK(str_is(def.blocks[0].clean, "\xF0\x9F\x94\x97 Links"));
    CHECK(str_is(def.blocks[1].clean, "If a \xE2\x86\x92 b"));
    CHECK(str_is(def.blocks[1].text, "If a \xC3\xA2\xE2\x80\xA0\xE2\x80\x99 b"));
    CHECK_INT(def.note_count, 1);
    CHECK(str_is(def.notes[0].rule, "encoding"));
    CHECK_INT(def.notes[0].level, NOTE_WARNING);
    CHECK_INT(def.notes[0].line, 4);
    CHECK_INT(def.notes[0].column, 4);
    CHECK(str_find(def.notes[0].message, STR("2 signs")) >= 0);
    definition_free(&def);
}

TEST(cp1252_is_understood_as_well)
{
    CHECK(parse("\xC3\xB0\xC5\xB8\xE2\x80\x9D\xE2\x80\x94 and caf\xC3\x83\xC2\xA9\n"));
    CHECK(str_is(def.blocks[0].clean, "\xF0\x9F\x94\x97 and caf\xC3\xA9"));
    definition_free(&def);
}

TEST(where_a_byte_was_lost_the_text_stays_as_it_is)
{
    /* an arrow, then a label sign (F0 9F 8F B7) without its 8F */
    CHECK(parse("\xC3\xA2\xE2\x80\xA0\xE2\x80\x99 \xC4\x9F\xC5\xB8\xC2\xB7 x\n"));
    CHECK(str_is(def.blocks[0].clean, "\xE2\x86\x92 \xC4\x9F\xC5\xB8\xC2\xB7 x"));
    CHECK(str_find(def.notes[0].message, STR("1 are damaged")) >= 0);
    definition_free(&def);
}

TEST(honest_text_of_many_languages_is_left_alone)
{
    CHECK(parse("da\xC4\x9F \xC4\x9F\xC3\xBC\xC3\xA7 \xE2\x80\x9C\xC3\x96\xE2\x80\x9D "
                "voil\xC3\xA0\xC2\xA0\xC2\xBB "
                "\xC3\xA2\xC2\xA0\xC2\xBB \xE2\x86\x92 \xF0\x9F\x94\x97 N\xC3\x83O\n"));
    CHECK_INT(def.note_count, 0);
    CHECK(str_equal(def.blocks[0].clean, def.blocks[0].text));
    definition_free(&def);
}

int main(void) { return tap_run(); }
