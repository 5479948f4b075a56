/* libFuzzer: lines of a recording may be any bytes. What is taken is consistent, and any bytes that
 * are written as a piece are read back the same. */
#include "../../host/http/cassette_internal.h"

#include "../../host/base/limits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char FIRST[] = "{\"cassette\":1,\"about\":{}}";
static const char BEGUN[] = "{\"request\":1,\"head\":\"GET http://a.test/\\n\",\"body\":\"\"}";
static const char HEAD[] = "{\"head\":1,\"status\":200,\"headers\":[]}";

static void must(Status status)
{
    if (status != ST_OK) abort();
}

static void begin(Tape *tape)
{
    Err err;
    memset(tape, 0, sizeof *tape);
    buf_init(&tape->about, LIMIT_JSON);
    must(tape_read_line(tape, str_from(FIRST), true, &err));
    must(tape_read_line(tape, str_from(BEGUN), false, &err));
}

/* No event before its request or after its end; texts of errors drive no terminal. */
static void check(const Tape *tape)
{
    for (size_t i = 0; i < tape->event_count; i++) {
        const TapeEvent *event = &tape->events[i];
        if (event->exchange >= tape->exchange_count) abort();
        if (i < tape->exchanges[event->exchange].event) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Tape   tape;
    Err    err;
    Buf    line;
    Str    all = {(const char *)data, size}, rest = all, part;
    Status status = ST_OK;
    begin(&tape);
    while (status == ST_OK && str_next(&rest, '\n', &part)) {
        status = tape_read_line(&tape, part, false, &err);
        for (const char *c = err.text; status != ST_OK && *c; c++)
            if (*c < ' ' || *c > '~') abort();
    }
    if (status == ST_OK) check(&tape);
    tape_clear(&tape);

    begin(&tape);
    buf_init(&line, 64 * MB);
    must(tape_read_line(&tape, str_from(HEAD), false, &err));
    must(tape_write_data(1, all, &line, &err));
    must(tape_read_line(&tape, (Str){line.ptr, line.len - 1}, false, &err));
    if (!str_equal(buf_str(&tape.events[tape.event_count - 1].text), all)) abort();
    buf_clear(&line);
    tape_clear(&tape);
    return 0;
}
