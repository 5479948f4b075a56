#include "../../host/base/limits.h"
#include "../../host/http/sse.h"
#include "tap.h"

/* What a stream must give, one line an event: "name|data|id", line ends in data as "\n". */
typedef struct Fixture {
    const char *about;
    Str         bytes;
    const char *want;
    int64_t     retry_ms;
} Fixture;

#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const Fixture FIXTURES[] = {
    {"plain", BYTES("data: one\n\ndata: two\n\n"), "message|one|\nmessage|two|\n", -1},
    {"CRLF", BYTES("event: tick\r\ndata: 1\r\n\r\n"), "tick|1|\n", -1},
    {"CR", BYTES("event: tick\rdata: 1\r\rdata: 2\r\r"), "tick|1|\nmessage|2|\n", -1},
    {"mixed ends", BYTES("data: a\r\ndata: b\rdata: c\n\r\n"), "message|a\\nb\\nc|\n", -1},
    {"BOM",
     BYTES("\xEF\xBB\xBF"
           "data: x\n\n"),
     "message|x|\n", -1},
    {"only one BOM",
     BYTES("\xEF\xBB\xBF\xEF\xBB\xBF"
           "data: x\n\ndata: y\n\n"),
     "message|y|\n", -1},
    {"half a BOM",
     BYTES("\xEF\xBB"
           "data: x\n\ndata: y\n\n"),
     "message|y|\n", -1},
    {"one blank after the colon is dropped", BYTES("data:x\ndata:  y\n\n"), "message|x\\n y|\n",
     -1},
    {"empty data is an event", BYTES("data\n\ndata:\ndata\n\n"), "message||\nmessage|\\n|\n", -1},
    {"no data, no event", BYTES("event: gone\n\ndata: x\n\n"), "message|x|\n", -1},
    {"comments", BYTES(": hello\n:\ndata: x\n: more\n\n:\n\n"), "message|x|\n", -1},
    {"ids stay", BYTES("id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
     "message|a|7\nmessage|b|7\nmessage|c|\n", -1},
    {"an id with NUL does not count", BYTES("id: 7\n\nid: a\0b\ndata: x\n\n"), "message|x|7\n", -1},
    {"retry", BYTES("retry: 1500\nretry: -3\nretry: 2x\nretry:\ndata: x\n\n"), "message|x|\n",
     1500},
    {"unknown fields", BYTES("foo: 1\ndatax: 2\n data: 3\ndata: x\n\n"), "message|x|\n", -1},
    {"what is not finished is no event", BYTES("data: x\n\ndata: half\n"), "message|x|\n", -1},
    {"the last event's blank line is CR", BYTES("data: x\n\r"), "message|x|\n", -1},
    {"colons in data", BYTES("data: {\"a\":1}\n\n"), "message|{\"a\":1}|\n", -1},
    {"bytes that are no UTF-8 are replaced, each by one sign",
     BYTES("data: a\xFFz\xE2\x82\n\ndata: \xC3\xBC\xC3\n\n"),
     "message|a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD|\nmessage|\xC3\xBC\xEF\xBF\xBD|\n", -1},
    {"a model's stream",
     BYTES("event: content_block_delta\ndata: {\"text\":\"gr\xC3\xBC\xC3\x9F dich\"}\n\n"
           "event: ping\ndata: {}\n\nevent: message_stop\ndata: {}\n\n"),
     "content_block_delta|{\"text\":\"gr\xC3\xBC\xC3\x9F dich\"}|\nping|{}|\nmessage_stop|{}|\n",
     -1},
};

static bool note(void *arg, const SseEvent *event)
{
    Err  err;
    Buf *out = arg;
    CHECK(buf_printf(out, &err, "%.*s|", STR_ARG(event->name)) == ST_OK);
    for (size_t i = 0; i < event->data.len; i++)
        CHECK(buf_append(out,
                         event->data.ptr[i] == '\n' ? STR("\\n") : (Str){event->data.ptr + i, 1},
                         &err) == ST_OK);
    CHECK(buf_printf(out, &err, "|%.*s\n", STR_ARG(event->id)) == ST_OK);
    return true;
}

/* Feeds each piece from memory of its own, so that a read past its end is seen. */
static void feed(Sse *sse, Str piece, Buf *out)
{
    Err   err;
    char *copy = malloc(piece.len ? piece.len : 1);
    if (piece.len) memcpy(copy, piece.ptr, piece.len);
    CHECK(sse_feed(sse, (Str){copy, piece.len}, note, out, &err) == ST_OK);
    free(copy);
}

static void check_cut(const Fixture *fixture, size_t first, size_t step)
{
    Sse sse;
    Buf out;
    sse_init(&sse, 4 * KB, 4 * KB);
    buf_init(&out, 4 * KB);
    feed(&sse, str_cut(fixture->bytes, 0, first), &out);
    for (size_t at = first; at < fixture->bytes.len; at += step)
        feed(&sse, str_cut(fixture->bytes, at, at + step), &out);
    if (strcmp(out.ptr, fixture->want) != 0) printf("# %s, cut at %zu\n", fixture->about, first);
    CHECK_TEXT(out.ptr, fixture->want);
    CHECK_INT(sse.retry_ms, fixture->retry_ms);
    buf_clear(&out);
    sse_clear(&sse);
}

TEST(every_stream_gives_the_same_events_however_it_is_cut_in_two)
{
    for (size_t i = 0; i < sizeof FIXTURES / sizeof FIXTURES[0]; i++)
        for (size_t at = 0; at <= FIXTURES[i].bytes.len; at++)
            check_cut(&FIXTURES[i], at, FIXTURES[i].bytes.len + 1);
}

TEST(every_stream_gives_the_same_events_byte_by_byte_and_in_threes)
{
    for (size_t i = 0; i < sizeof FIXTURES / sizeof FIXTURES[0]; i++) {
        check_cut(&FIXTURES[i], 0, 1);
        check_cut(&FIXTURES[i], 0, 3);
    }
}

TEST(a_line_beyond_its_limit_is_an_error)
{
    Sse sse;
    Err err;
    Buf out;
    buf_init(&out, 4 * KB);
    sse_init(&sse, 16, 64);
    CHECK(sse_feed(&sse, STR("data: 0123456789\n\n"), note, &out, &err) == ST_OK);
    CHECK_TEXT(out.ptr, "message|0123456789|\n");
    CHECK(sse_feed(&sse, STR("data: 012345"), note, &out, &err) == ST_OK);
    CHECK(sse_feed(&sse, STR("67890"), note, &out, &err) == ST_LIMIT);
    CHECK_TEXT(err.text, "event stream: one line: more than 16 bytes");
    sse_clear(&sse);
    buf_clear(&out);
}

TEST(an_event_beyond_its_limit_is_an_error)
{
    Sse    sse;
    Err    err;
    Buf    out;
    Status status = ST_OK;
    buf_init(&out, 4 * KB);
    sse_init(&sse, 16, 64);
    for (int i = 0; i < 100 && status == ST_OK; i++)
        status = sse_feed(&sse, STR("data: 12345678\n"), note, &out, &err);
    CHECK_INT(status, ST_LIMIT);
    CHECK(sse.data.len <= 64);
    CHECK_TEXT(out.ptr, "");
    sse_clear(&sse);
    buf_clear(&out);
}

static bool stop(void *arg, const SseEvent *event)
{
    (void)event;
    ++*(int *)arg;
    return false;
}

TEST(a_reader_that_says_no_gets_no_further_event)
{
    Sse sse;
    Err err;
    int seen = 0;
    sse_init(&sse, 1 * KB, 1 * KB);
    CHECK(sse_feed(&sse, STR("data: 1\n\ndata: 2\n\n"), stop, &seen, &err) == ST_CANCELLED);
    CHECK_INT(seen, 1);
    sse_clear(&sse);
}

TEST(at_the_end_an_event_of_whole_lines_counts_and_half_a_line_does_not)
{
    static const struct {
        const char *bytes, *events;
    } CASES[] = {
        {"data: 1\n\ndata: 2\n", "message|1|\nmessage|2|\n"},
        {"event: e\ndata: 1\r\n", "e|1|\n"},
        {"data: 1\ndata: {\"half", ""},
        {"data: 1", ""},
        {"event: e\n", ""},
        {"data: 1\n\n", "message|1|\n"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Sse sse;
        Err err;
        Buf out;
        buf_init(&out, 4 * KB);
        sse_init(&sse, 1 * KB, 1 * KB);
        feed(&sse, str_from(CASES[i].bytes), &out);
        CHECK(sse_end(&sse, note, &out, &err) == ST_OK);
        CHECK_TEXT(out.ptr, CASES[i].events);
        sse_clear(&sse);
        buf_clear(&out);
    }
}

int main(void) { return tap_run(); }
