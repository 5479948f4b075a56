/* Front matter as people write it, and as an enemy would. */
#include "../../host/base/buf.h"
#include "../../host/base/limits.h"
#include "../../host/define/definition.h"
#include "tap.h"

static Definition def;
static Err        err;

static Status parse(const char *text)
{
    err_clear(&err);
    return definition_parse(str_from(text), DEFINITION_WHOLE, &def, &err);
}

/* The text of front matter's `key`, or of a list's items joined by "|". */
static const char *value(const char *key)
{
    static char text[2000];
    const Node *node = node_get(def.front, key);
    if (!node) return "(none)";
    if (node->kind == NODE_SCALAR) {
        snprintf(text, sizeof text, "%.*s", STR_ARG(node->text));
        return text;
    }
    size_t len = 0;
    text[0] = '\0';
    for (const Node *item = node->first; item && len < 1900; item = item->next)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s%s%.*s", len ? "|" : "",
                                STR_ARG(item->key), item->key.len ? "=" : "", STR_ARG(item->text));
    return text;
}

static const Note *note(const char *rule)
{
    for (size_t i = 0; i < def.note_count; i++)
        if (str_is(def.notes[i].rule, rule)) return &def.notes[i];
    return NULL;
}

#define CHECK_NOTE(rule_, level_, line_, column_)                                                  \
    do {                                                                                           \
        const Note *note_ = note(rule_);                                                           \
        CHECK(note_ != NULL);                                                                      \
        if (!note_) break;                                                                         \
        CHECK_INT(note_->level, level_);                                                           \
        CHECK_INT(note_->line, line_);                                                             \
        CHECK_INT(note_->column, column_);                                                         \
    } while (0)

TEST(scalars_are_text_as_they_stand_in_the_source)
{
    CHECK_INT(parse("---\nid: 062\nflag: no\nversion: 1.0\nnothing:\nhex: 0x1F\nquoted: \"a\\tb\"\n"
                    "tagged: !!int 7\n---\nbody"),
              ST_OK);
    CHECK_TEXT(value("id"), "062");
    CHECK_TEXT(value("flag"), "no");
    CHECK_TEXT(value("version"), "1.0");
    CHECK_TEXT(value("nothing"), "");
    CHECK_TEXT(value("hex"), "0x1F");
    CHECK_TEXT(value("quoted"), "a\tb");
    CHECK_TEXT(value("tagged"), "7");
    CHECK(node_get(def.front, "quoted")->quoted);
    CHECK(!node_get(def.front, "id")->quoted);
    CHECK_INT(node_get(def.front, "flag")->line, 3);
    CHECK_INT(node_get(def.front, "flag")->column, 7);
    CHECK_INT(def.note_count, 0);
    CHECK(node_get(node_get(def.front, "id"), "x") == NULL);
    CHECK(node_get(NULL, "x") == NULL);
    definition_free(&def);
}

TEST(lists_and_maps_keep_order_and_place)
{
    CHECK_INT(parse("---\ntools: [read, \"Bash(git:*)\", write]\nmore:\n  - one\n  - two\n"
                    "limits: { turns: 12, time: 4m }\ntext: |\n  a\n  b\n---\n"),
              ST_OK);
    CHECK_TEXT(value("tools"), "read|Bash(git:*)|write");
    CHECK_TEXT(value("more"), "one|two");
    CHECK_TEXT(value("limits"), "turns=12|time=4m");
    CHECK_TEXT(value("text"), "a\nb\n");
    CHECK(node_get(def.front, "text")->quoted);
    const Node *two = node_get(def.front, "more")->first->next;
    CHECK_INT(two->line, 5);
    CHECK_INT(two->column, 5);
    definition_free(&def);
}

TEST(the_body_is_what_follows_the_closing_line_byte_for_byte)
{
    CHECK_INT(parse("---\nname: x\n---\n\nFirst.\r\n  Last. "), ST_OK);
    CHECK_INT(def.body_line, 4);
    CHECK(str_is(def.body, "\nFirst.\r\n  Last. "));
    definition_free(&def);
    CHECK_INT(parse("---\nname: x\n---"), ST_OK);
    CHECK_INT(def.body.len, 0);
    CHECK_INT(def.block_count, 0);
    definition_free(&def);
}

TEST(the_text_may_go_after_the_parse)
{
    char text[] = "---\nname: keep\n---\nBody here.\n";
    CHECK_INT(parse(text), ST_OK);
    memset(text, '#', sizeof text - 1);
    CHECK_TEXT(value("name"), "keep");
    CHECK(str_is(def.body, "Body here.\n"));
    CHECK(str_is(def.blocks[0].source, "Body here."));
    definition_free(&def);
}

TEST(carriage_returns_and_a_byte_order_mark_are_read_in_silence)
{
    CHECK_INT(
        parse("\xEF\xBB\xBF---\r\nname: x\r\ntools:\r\n  - read\r\n---\r\nOne.\r\n\r\nTwo.\r\n"),
        ST_OK);
    CHECK_TEXT(value("name"), "x");
    CHECK_TEXT(value("tools"), "read");
    CHECK_INT(def.note_count, 0);
    CHECK_INT(def.block_count, 2);
    CHECK_INT(def.blocks[1].line, 8);
    definition_free(&def);
}

TEST(a_file_without_front_matter_is_no_definition)
{
    CHECK_INT(parse("# Title\n\nname: x\n"), ST_INVALID);
    CHECK(strstr(err.text, "line 1, column 1: no front matter") != NULL);
    CHECK_INT(def.fault_line, 1);
    CHECK_INT(parse(""), ST_INVALID);
    CHECK_INT(parse("--- a rule\ntext\n"), ST_INVALID);
    CHECK_INT(parse("---\nonly prose\nin here\n---\ntext\n"), ST_INVALID);
    CHECK(strstr(err.text, "line 2, column 1") != NULL);
    CHECK_INT(parse("---\n---\ntext\n"), ST_INVALID);
    CHECK(!definition_has_front_matter(STR("text\n---\nname: x\n---\n")));
    CHECK(definition_has_front_matter(STR("\n---\nname: x\n---\n")));
}

TEST(bytes_that_are_no_text_are_refused_with_their_place)
{
    CHECK_INT(parse("---\nname: x\n---\nCaf\xE9\n"), ST_INVALID);
    CHECK(strstr(err.text, "line 4, column 4: byte 0xE9") != NULL);
    CHECK_INT(def.fault_line, 4);
    CHECK_INT(def.fault_column, 4);
    CHECK_INT(parse("\xFF\xFE-\0-\0"), ST_INVALID);
    CHECK(strstr(err.text, "UTF-16") != NULL);
    err_clear(&err);
    CHECK_INT(definition_parse(STR("---\nname: x\n---\na\0b"), DEFINITION_WHOLE, &def, &err),
              ST_INVALID);
    CHECK(strstr(err.text, "line 4, column 2: a NUL byte") != NULL);
}

TEST(a_missing_closing_line_is_an_error_and_gives_no_tools)
{
    CHECK_INT(parse("---\nname: x\nmodel: large\n\nYou do things.\n"), ST_OK);
    CHECK_NOTE("front-matter", NOTE_ERROR, 4, 1);
    CHECK_TEXT(value("name"), "x");
    CHECK_TEXT(value("tools"), "");
    CHECK(def.narrowed);
    CHECK(node_get(def.front, "tools")->kind == NODE_LIST);
    CHECK(str_is(str_trim(def.body), "You do things."));
    definition_free(&def);
    CHECK_INT(parse("---\nname: x\ntools: [read]\n# Heading\nProse.\n"), ST_OK);
    CHECK_TEXT(value("tools"), "read");
    CHECK(!def.narrowed);
    CHECK_INT(def.body_line, 4);
    definition_free(&def);
}

TEST(closing_lines_of_other_lengths_and_a_joined_opening_are_read_with_a_warning)
{
    CHECK_INT(parse("---name: x\ntools: [read]\n-----\nBody\n"), ST_OK);
    CHECK_NOTE("front-matter", NOTE_WARNING, 1, 1);
    CHECK_INT(def.note_count, 2);
    CHECK_INT(def.notes[1].line, 3);
    CHECK_TEXT(value("name"), "x");
    CHECK_TEXT(value("tools"), "read");
    CHECK_INT(node_get(def.front, "name")->column, 10);
    CHECK(str_is(def.body, "Body\n"));
    definition_free(&def);
}

TEST(pictures_and_html_before_the_front_matter_are_passed_over_with_a_warning)
{
    CHECK_INT(
        parse("<svg width=\"1\">\n  <g/>\n</svg>\n\n![a](b.png)\n<!-- c\n d -->\n---\nname: x\n"
              "---\nBody\n"),
        ST_OK);
    CHECK_NOTE("front-matter", NOTE_WARNING, 8, 1);
    CHECK_TEXT(value("name"), "x");
    CHECK_INT(def.body_line, 11);
    definition_free(&def);
    CHECK_INT(parse("![a](b.png)\n\n---\n\nProse after a rule.\n"), ST_INVALID);
}

TEST(ten_megabytes_of_front_matter_are_refused)
{
    Buf text;
    buf_init(&text, 20 * MB);
    CHECK_INT(buf_append(&text, STR("---\nname: x\n"), &err), ST_OK);
    while (text.len < 10 * MB)
        CHECK_INT(buf_append(&text, STR("key: a value of some length that goes on and on\n"), &err),
                  ST_OK);
    CHECK_INT(definition_parse(buf_str(&text), DEFINITION_WHOLE, &def, &err), ST_LIMIT);
    CHECK(strstr(err.text, "line 1, column 1: the front matter has more than 65536 bytes") != NULL);
    CHECK_INT(def.fault_line, 1);
    text.len = 100 * KB;
    CHECK_INT(buf_append(&text, STR("\n---\nbody\n"), &err), ST_OK);
    CHECK_INT(definition_parse(buf_str(&text), DEFINITION_WHOLE, &def, &err), ST_LIMIT);
    CHECK(strstr(err.text, "65536") != NULL);
    buf_reset(&text);
    CHECK_INT(buf_append(&text, STR("---\nname: x\n---\n"), &err), ST_OK);
    while (text.len <= LIMIT_DEFINITION) CHECK_INT(buf_append(&text, STR("a line\n"), &err), ST_OK);
    CHECK_INT(definition_parse(buf_str(&text), DEFINITION_WHOLE, &def, &err), ST_LIMIT);
    CHECK(strstr(err.text, "a definition has at most") != NULL);
    buf_clear(&text);
}

TEST(an_alias_stands_for_its_anchor)
{
    CHECK_INT(parse("---\nname: x\nbase: &b [read, grep]\ntools: *b\n---\n"), ST_OK);
    CHECK_TEXT(value("tools"), "read|grep");
    CHECK_INT(def.note_count, 0);
    definition_free(&def);
}

TEST(aliases_that_multiply_are_stopped_and_give_no_tools)
{
    CHECK_INT(
        parse(
            "---\nname: x\na: &a [y, y, y, y, y, y, y, y, y]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\n"
            "c: &c [*b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c]\n"
            "e: [*d, *d, *d, *d, *d, *d, *d]\n---\nBody\n"),
        ST_OK);
    CHECK(def.narrowed);
    CHECK_TEXT(value("name"), "x");
    CHECK_TEXT(value("tools"), "");
    bool said = false;
    for (size_t i = 0; i < def.note_count; i++)
        said = said || (def.notes[i].level == NOTE_ERROR &&
                        str_find(def.notes[i].message, STR("unfolds")) >= 0);
    CHECK(said);
    definition_free(&def);
    CHECK_INT(parse("---\nname: x\nloop: &a [1, *a]\n---\n"), ST_OK);
    CHECK(def.narrowed);
    definition_free(&def);
}

TEST(nesting_is_bounded)
{
    char   text[400] = "---\nname: x\ndeep: ";
    size_t len = strlen(text);
    for (int i = 0; i < 80; i++) text[len++] = '[';
    for (int i = 0; i < 80; i++) text[len++] = ']';
    strcpy(text + len, "\n---\n");
    CHECK_INT(parse(text), ST_OK);
    CHECK(def.narrowed);
    CHECK_TEXT(value("name"), "x");
    definition_free(&def);
}

TEST(a_key_given_twice_is_reported_and_the_first_is_used)
{
    CHECK_INT(parse("---\nname: x\nmodel: small\nmodel: large\n---\n"), ST_OK);
    CHECK_NOTE("duplicate-key", NOTE_WARNING, 4, 1);
    CHECK_TEXT(value("model"), "small");
    CHECK(!def.narrowed);
    definition_free(&def);
}

TEST(tools_given_twice_are_no_tools)
{
    CHECK_INT(parse("---\nname: x\ntools: [read]\ntools: [bash]\n---\n"), ST_OK);
    CHECK_NOTE("duplicate-key", NOTE_WARNING, 4, 1);
    CHECK_NOTE("tools", NOTE_ERROR, 4, 1);
    CHECK_TEXT(value("tools"), "");
    CHECK(def.narrowed);
    definition_free(&def);
}

TEST(a_merge_key_is_not_followed_and_gives_no_tools)
{
    CHECK_INT(parse("---\nname: x\nbase: &b { tools: [read] }\n<<: *b\n---\n"), ST_OK);
    CHECK_TEXT(value("tools"), "");
    definition_free(&def);
}

TEST(a_colon_in_a_description_costs_a_warning_and_nothing_else)
{
    CHECK_INT(
        parse("---\nname: x\ndescription: Use it so: read, then write.\ntools: [read, write]\n"
              "model: large\n---\n"),
        ST_OK);
    CHECK_NOTE("yaml", NOTE_WARNING, 3, 23);
    CHECK_INT(def.note_count, 1);
    CHECK_TEXT(value("description"), "Use it so: read, then write.");
    CHECK_TEXT(value("tools"), "read|write");
    CHECK_TEXT(value("model"), "large");
    CHECK(!def.narrowed);
    definition_free(&def);
}

TEST(a_description_may_run_over_lines_that_are_not_indented)
{
    CHECK_INT(parse("---\nname: x\ndescription: First line.\nSecond line, "
                    "\"quoted\".\n\n<example>third</example>\n"
                    "tools: read, Bash(git:*)\n---\n"),
              ST_OK);
    CHECK(note("yaml") != NULL);
    CHECK_TEXT(value("description"),
               "First line.\nSecond line, \"quoted\".\n\n<example>third</example>");
    CHECK_TEXT(value("tools"), "read, Bash(git:*)");
    CHECK(!def.narrowed);
    definition_free(&def);
}

TEST(values_that_begin_with_a_star_or_a_bracket_are_text)
{
    CHECK_INT(parse("---\nname: x\ndescription: *very* good\nhint: [file] [more]\ntools: *\n---\n"),
              ST_OK);
    CHECK_TEXT(value("description"), "*very* good");
    CHECK_TEXT(value("hint"), "[file] [more]");
    CHECK_TEXT(value("tools"), "*");
    CHECK(!def.narrowed);
    definition_free(&def);
}

TEST(tools_in_a_form_of_their_own_are_a_list_still)
{
    CHECK_INT(parse("---\nname: x\ntools: [Read, *, Bash(git log: a, b)]\n---\n"), ST_OK);
    CHECK_TEXT(value("tools"), "Read|*|Bash(git log: a, b)");
    definition_free(&def);
    CHECK_INT(parse("---\nname: x\ntools:\n\t- Read\n\t- Grep\n---\n"), ST_OK);
    CHECK_TEXT(value("tools"), "Read|Grep");
    CHECK(!def.narrowed);
    definition_free(&def);
}

TEST(tools_that_cannot_be_read_are_none)
{
    static const char *const BAD[] = {
        "---\nname: x\ntools: [read, write\nmodel: y\n---\n",
        "---\nname: x\ntools: \"read\nmodel: y\n---\n",
        "---\nname: x\ntools:\n  - read\n write\nmodel: y\n---\n",
        "---\nname: x\ntools: [read]\nand write\nmodel: y\n---\n",
        "---\nname: x\nlimits: { turns: 3\nmodel: y\n---\n",
        "---\nno key\nname: x\nmodel: y\ndescription: a: b\n---\n",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CHECK_INT(parse(BAD[i]), ST_OK);
        CHECK(def.narrowed);
        CHECK_TEXT(value("tools"), "");
        CHECK_TEXT(value("model"), "y");
        CHECK(note("tools") != NULL);
        definition_free(&def);
    }
}

TEST(notes_are_bounded)
{
    Buf text;
    buf_init(&text, 1 * MB);
    CHECK_INT(buf_append(&text, STR("---\nname: x\n"), &err), ST_OK);
    for (int i = 0; i < 500; i++) CHECK_INT(buf_append(&text, STR("name: y\n"), &err), ST_OK);
    CHECK_INT(buf_append(&text, STR("---\n"), &err), ST_OK);
    CHECK_INT(definition_parse(buf_str(&text), DEFINITION_WHOLE, &def, &err), ST_OK);
    CHECK_INT(def.note_count, 100);
    CHECK(str_find(def.notes[99].message, STR("more to report")) >= 0);
    definition_free(&def);
    buf_clear(&text);
}

int main(void) { return tap_run(); }
