/* The transport against far sides that stall, break, lie or are not there. No outcome here depends
 * on speed: a far side that is silent stays so, whatever the clock. */
#include "http_rig.h"

/* One exchange with a far side that sends `bytes`, then closes or stays silent. */
static void exchange(const char *scheme, Str bytes, bool closes, HttpRequest change, Got *got)
{
    Rig rig;
    Raw raw;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, scheme, bytes, closes);
    change.url = str_from(raw.url);
    rig_fetch(&rig, &change, got);
    raw_close(&raw);
    rig_close(&rig);
}

static bool says(const Got *got, const char *words)
{
    return strstr(got->outcome.text, words) != NULL;
}

/* -- silence ----------------------------------------------------------------------------------- */

TEST(a_far_side_that_never_shakes_hands_is_a_connect_stall)
{
    Got         got;
    HttpRequest request = get("");
    request.connect_ms = SHORT_MS;
    exchange("https", STR(""), false, request, &got);
    CHECK_INT(got.outcome.status, ST_TIMEOUT);
    CHECK(says(&got, ": connect: ") && says(&got, "GET https://127.0.0.1:"));
    CHECK_INT(got.heads, 0);
    got_clear(&got);
}

TEST(a_far_side_that_does_not_answer_is_a_first_byte_stall)
{
    Got         got;
    HttpRequest request = get("");
    request.first_byte_ms = SHORT_MS;
    exchange("http", STR(""), false, request, &got);
    CHECK_INT(got.outcome.status, ST_TIMEOUT);
    CHECK(says(&got, ": first byte: "));
    got_clear(&got);
}

TEST(an_interim_answer_is_not_yet_the_first_byte)
{
    Got         got;
    HttpRequest request = get("");
    request.first_byte_ms = SHORT_MS;
    exchange("http", STR("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"), false, request, &got);
    CHECK_INT(got.outcome.status, ST_TIMEOUT);
    CHECK(says(&got, ": first byte: "));
    CHECK_INT(got.heads, 0);
    got_clear(&got);
}

TEST(a_stream_that_falls_silent_is_an_idle_stream_stall)
{
    Got         got;
    HttpRequest request = get("");
    request.idle_ms = SHORT_MS;
    exchange("http", STR("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), false, request, &got);
    CHECK_INT(got.outcome.status, ST_TIMEOUT);
    CHECK(says(&got, ": idle stream: "));
    CHECK_TEXT(got.body.ptr, "half");
    got_clear(&got);
}

TEST(the_deadline_ends_a_call_in_any_phase_under_its_own_name)
{
    static const char *const SAID[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"};
    for (int i = 0; i < 2; i++) {
        Got         got;
        Clock       clock = {0};
        HttpRequest request = get("");
        request.deadline = clock_deadline(&clock, SHORT_MS);
        exchange("http", str_from(SAID[i]), false, request, &got);
        CHECK_INT(got.outcome.status, ST_TIMEOUT);
        CHECK(says(&got, ": deadline: "));
        got_clear(&got);
    }
    Got         got;
    HttpRequest request = get("");
    request.deadline = 0; /* long over */
    exchange("http", STR(""), false, request, &got);
    CHECK(says(&got, ": deadline: "));
    got_clear(&got);
}

/* -- broken answers ---------------------------------------------------------------------------- */

typedef struct Broken {
    const char *about, *bytes;
    Status      status;
    int         heads;
    const char *body, *says;
} Broken;

static const Broken BROKEN[] = {
    {"nothing at all", "", ST_UNAVAILABLE, 0, "", "without an answer"},
    {"no HTTP", "hello, world\r\n\r\n", ST_PROTOCOL, 0, "", "not HTTP"},
    {"a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ST_UNAVAILABLE, 1,
     "half", "cut short"},
    {"chunks cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
     ST_UNAVAILABLE, 1, "half", "cut short"},
    {"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhalf",
     ST_PROTOCOL, 0, "", "not HTTP"},
    {"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nhalf", ST_PROTOCOL, 0, "",
     "not HTTP"},
    {"a head cut short", "HTTP/1.1 200 OK\r\nContent-Le", ST_PROTOCOL, 0, "", "not HTTP"},
    {"a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", ST_PROTOCOL, 0, "",
     "without a name"},
    {"a coding that is broken",
     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip", ST_PROTOCOL,
     1, "", "coding is broken"},
};

TEST(broken_answers_end_with_a_status_and_a_reason)
{
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++) {
        const Broken *broken = &BROKEN[i];
        Got           got;
        exchange("http", str_from(broken->bytes), true, get(""), &got);
        bool good = got.outcome.status == broken->status && says(&got, broken->says) &&
                    got.heads == broken->heads && strcmp(got.body.ptr, broken->body) == 0;
        if (!good)
            printf("# %s: %s, %d heads, \"%s\": %s\n", broken->about,
                   status_code(got.outcome.status), got.heads, got.body.ptr, got.outcome.text);
        CHECK(good);
        got_clear(&got);
    }
}

TEST(interim_heads_are_skipped_and_folded_headers_joined)
{
    Got got;
    exchange(
        "http",
        STR("HTTP/1.1 100 Continue\r\nx: interim\r\n\r\nHTTP/1.1 200 OK\r\nX-Long: one\r\n\ttwo\r\n"
            "SET-cookie:a\r\nset-Cookie:  b \r\nTransfer-Encoding: chunked\r\n\r\n"
            "2\r\nok\r\n0\r\nx-trailer: t\r\n\r\n"),
        false, get(""), &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(got.head.ptr,
               "x-long: one two\nset-cookie: a\nset-cookie: b\ntransfer-encoding: chunked\n");
    CHECK_TEXT(got.body.ptr, "ok");
    got_clear(&got);
}

TEST(a_body_without_length_ends_with_the_connection)
{
    Got got;
    exchange("http", STR("HTTP/1.1 200 OK\r\n\r\nall of it"), true, get(""), &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(got.body.ptr, "all of it");
    got_clear(&got);
}

TEST(a_head_that_does_not_end_is_bounded)
{
    Got got;
    Buf bytes;
    Err err;
    buf_init(&bytes, 1 * MB);
    CHECK(buf_append(&bytes, STR("HTTP/1.1 200 OK\r\n"), &err) == ST_OK);
    while (bytes.len < LIMIT_HTTP_HEAD + 100)
        CHECK(buf_append(&bytes, STR("x-again: 0123456789012345678901234567890123456789\r\n"),
                         &err) == ST_OK);
    exchange("http", buf_str(&bytes), false, get(""), &got);
    CHECK_INT(got.outcome.status, ST_LIMIT);
    CHECK_INT(got.heads, 0);
    got_clear(&got);
    buf_clear(&bytes);
}

/* 10 MB in 65 KB, made by hand (RFC 1951): one block of fixed codes that repeats its first byte. */
static void deflate_bomb(Buf *out)
{
    Err               err;
    static const char HEAD[] = {31, (char)139, 8, 0, 0, 0, 0, 0, 0, 3};
    uint64_t          bits = 0;
    unsigned          count = 0;
    CHECK(buf_append(out, (Str){HEAD, sizeof HEAD}, &err) == ST_OK);
#define PUT(value, width)                                                                          \
    do {                                                                                           \
        bits |= (uint64_t)(value) << count;                                                        \
        for (count += (width); count >= 8; count -= 8, bits >>= 8)                                 \
            CHECK(buf_byte(out, (char)(bits & 255), &err) == ST_OK);                               \
    } while (0)
    PUT(2, 3);    /* not the last block, fixed codes */
    PUT(0x15, 8); /* 'x' is 10101000, sent from its top bit */
    for (int i = 0; i < 40000; i++) {
        PUT(0xA3, 8); /* length 258: symbol 285 is 11000101 */
        PUT(0, 5);    /* distance 1 */
    }
#undef PUT
}

TEST(a_compression_bomb_is_bounded_by_what_it_unpacks_to)
{
    Got got;
    Buf bomb, bytes;
    Err err;
    buf_init(&bomb, 1 * MB);
    buf_init(&bytes, 1 * MB);
    deflate_bomb(&bomb);
    CHECK(buf_printf(&bytes, &err,
                     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                     bomb.len) == ST_OK);
    CHECK(buf_append(&bytes, buf_str(&bomb), &err) == ST_OK);
    HttpRequest request = get("");
    request.body_limit = 200000; /* more than the bomb's own 65 KB */
    exchange("http", buf_str(&bytes), false, request, &got);
    CHECK(bomb.len < 100000);
    CHECK_INT(got.outcome.status, ST_LIMIT);
    CHECK(got.body.len > 100000 && got.body.len <= 200000);
    CHECK(got.body.ptr[0] == 'x' && got.body.ptr[got.body.len - 1] == 'x');
    got_clear(&got);
    buf_clear(&bytes);
    buf_clear(&bomb);
}

/* -- not there --------------------------------------------------------------------------------- */

TEST(a_refused_connection_is_unavailable_and_says_so)
{
    Rig rig;
    Raw raw;
    Got got;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", STR(""), true);
    raw_close(&raw); /* its port is free again, and nobody listens */
    HttpRequest request = get(raw.url);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_UNAVAILABLE);
    CHECK(says(&got, "Connection refused") && says(&got, "is the server running"));
    got_clear(&got);
    rig_close(&rig);
}

TEST(TLS_to_a_side_that_speaks_none_is_a_failed_handshake)
{
    Rig rig;
    Raw raw;
    Got got;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "https", STR("HTTP/1.1 400 Bad Request\r\n\r\n"), false);
    raw.hasty = true;
    HttpRequest request = get(raw.url);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_UNAVAILABLE);
    CHECK(says(&got, "TLS: the handshake failed"));
    CHECK_INT(got.heads, 0);
    got_clear(&got);
    raw_close(&raw);
    rig_close(&rig);
}

int main(void) { return rig_run(); }
