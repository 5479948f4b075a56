/* A configuration as people write it, and as an enemy would: one reading or none. */
#include "../../host/base/buf.h"
#include "../../host/base/limits.h"
#include "../../host/define/config.h"
#include "tap.h"

static Config config;
static Err    err;

static Status parse_bytes(Str text)
{
    err_clear(&err);
    return config_parse(text, &config, &err);
}

static Status parse(const char *text) { return parse_bytes(str_from(text)); }

/* Refused at this place, with these words; whatever was kept is gone. */
static bool refused(const char *text, Status status, int line, int column, const char *words)
{
    Status got = parse(text);
    bool   as_said = got == status && config.fault_line == line && config.fault_column == column &&
                   strstr(err.text, words) && !config.root;
    if (!as_said)
        printf("# got %d at %d:%d: %s\n", got, config.fault_line, config.fault_column, err.text);
    config_free(&config);
    return as_said;
}

TEST(values_are_text_with_their_places)
{
    CHECK_INT(parse("sandbox:\n  hosts: [a.org, \"*.b.org\"]\n  n: 062\n"), ST_OK);
    const Node *sandbox = node_get(config.root, "sandbox");
    CHECK_INT(sandbox->key_line, 1);
    CHECK_INT(sandbox->key_column, 1);
    CHECK_INT(sandbox->line, 2);
    const Node *hosts = node_get(sandbox, "hosts");
    CHECK_INT(hosts->kind, NODE_LIST);
    CHECK_INT(hosts->key_line, 2);
    CHECK_INT(hosts->key_column, 3);
    CHECK_INT(hosts->column, 10);
    CHECK(str_is(hosts->first->next->text, "*.b.org"));
    CHECK_INT(hosts->first->next->column, 18);
    CHECK(hosts->first->next->quoted && !hosts->first->quoted);
    CHECK(str_is(node_get(sandbox, "n")->text, "062"));
    config_free(&config);
}

TEST(an_empty_file_is_an_empty_map)
{
    static const char *const FILES[] = {"",      "\n\n",         "# only a comment\n",
                                        "---\n", "\xEF\xBB\xBF", "\r\n"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        CHECK_INT(parse(FILES[i]), ST_OK);
        bool empty = config.root && !config.root->first && config.root->kind == NODE_MAP;
        CHECK(empty);
        config_free(&config);
    }
}

TEST(a_byte_order_mark_and_crlf_change_no_place)
{
    CHECK_INT(parse("\xEF\xBB\xBF"
                    "a: 1\r\nb: 2\r\n"),
              ST_OK);
    CHECK_INT(node_get(config.root, "a")->column, 4);
    CHECK_INT(node_get(config.root, "a")->key_column, 1);
    CHECK_INT(node_get(config.root, "b")->key_line, 2);
    CHECK(str_is(node_get(config.root, "a")->text, "1"));
    config_free(&config);
}

TEST(what_could_mean_two_things_is_refused_by_place)
{
    CHECK(refused("a: 1\nb: 2\na: 3\n", ST_INVALID, 3, 1, "`a` is given on line 1 already"));
    CHECK(refused("x: {k: 1, k: 2}", ST_INVALID, 1, 11, "`k` is given"));
    CHECK(refused("a: &x 1\nb: *x\n", ST_INVALID, 1, 4, "an anchor (&x)"));
    CHECK(refused("a: *x\n", ST_INVALID, 1, 4, "an alias (*x)"));
    CHECK(refused("a: [b, *]\n", ST_INVALID, 1, 9, "begins with * or &"));
    CHECK(refused("<<: *base\n", ST_INVALID, 1, 5, "an alias"));
    CHECK(refused("a: !!int 3\n", ST_INVALID, 1, 4, "a tag"));
    CHECK(refused("a: ! 3\n", ST_INVALID, 1, 4, "a tag"));
    CHECK(refused("a: !x [1]\n", ST_INVALID, 1, 4, "a tag"));
    CHECK(refused("a: &m {b: 1}\n", ST_INVALID, 1, 4, "an anchor"));
    CHECK(refused("&k a: 1\n", ST_INVALID, 1, 1, "an anchor"));
    CHECK(refused("[a, b]: 1\n", ST_INVALID, 1, 1, "a key must be text"));
    CHECK(refused("a: 1\n---\nb: 2\n", ST_INVALID, 3, 1, "a second document"));
    CHECK(refused("a: \"x\\0y\"\n", ST_INVALID, 1, 4, "a NUL"));
    CHECK(refused("\"a\\0b\": 1\n", ST_INVALID, 1, 1, "a NUL"));
}

TEST(what_yaml_refuses_says_what_helps)
{
    CHECK(refused("a:\n\tb: 1\n", ST_INVALID, 2, 1, "indent with blanks"));
    CHECK(refused("a: b: c\n", ST_INVALID, 1, 5, "belongs in quotes"));
    CHECK(refused("a: @b\n", ST_INVALID, 1, 4, "belongs in quotes"));
    CHECK(refused("a: [b\nc: d\n", ST_INVALID, 2, 2, "brackets"));
    CHECK(refused("a: \"b\n", ST_INVALID, 2, 1, ""));
}

TEST(what_is_no_text_is_refused)
{
    CHECK_INT(parse_bytes(STR("a: \0b\n")), ST_INVALID);
    CHECK_INT(config.fault_column, 4);
    CHECK(strstr(err.text, "NUL") != NULL);
    CHECK(refused("a: \xFF\n", ST_INVALID, 1, 4, "not UTF-8"));
    CHECK_INT(parse_bytes(STR("\xFF\xFE"
                              "a\0:\0")),
              ST_INVALID);
    CHECK(strstr(err.text, "UTF-16") != NULL);
    CHECK(refused("a: \x01\n", ST_INVALID, 1, 4, "control"));
}

TEST(a_line_end_that_editors_hide_cannot_end_a_comment)
{
    CHECK(refused("a: 1 # harmless\xE2\x80\xA8network: host\n", ST_INVALID, 1, 16, "U+2028"));
    CHECK(refused("# x\xC2\x85network: host\n", ST_INVALID, 1, 4, "U+0085"));
    CHECK(refused("\n# x\xE2\x80\xA9network: host\n", ST_INVALID, 2, 4, "U+2029"));
}

/* `count` times `open`, then `close` as often. */
static Status parse_many(const char *open, const char *close, size_t count)
{
    Buf text;
    Err full;
    buf_init(&text, 32 * MB);
    for (size_t i = 0; i < count; i++)
        if (buf_append(&text, str_from(open), &full) != ST_OK) abort();
    for (size_t i = 0; i < count; i++)
        if (buf_append(&text, str_from(close), &full) != ST_OK) abort();
    Status status = parse_bytes(buf_str(&text));
    buf_clear(&text);
    config_free(&config);
    return status;
}

TEST(depth_count_and_size_are_bounded)
{
    CHECK_INT(parse_many("[", "]", 60), ST_OK);
    CHECK_INT(parse_many("[", "]", 100), ST_LIMIT);
    CHECK_INT(parse_many("[", "", 200000), ST_LIMIT);
    CHECK_INT(parse_many("{a: ", "}", 40000), ST_LIMIT);
    CHECK_INT(parse_many("- a\n", "", 4000), ST_OK);
    CHECK_INT(parse_many("- a\n", "", 6000), ST_LIMIT);
    CHECK_INT(parse_many("# ten bytes", "", 1000000), ST_LIMIT);
    CHECK(strstr(err.text, "at most") != NULL);
}

int main(void) { return tap_run(); }
