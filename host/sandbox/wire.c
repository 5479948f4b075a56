/* Compiled into the host and into the helper: nothing here may allocate or use base/. */
#include "wire.h"

#include <string.h>

typedef struct Writer {
    char  *out; /* borrowed */
    size_t cap;
    size_t len; /* what the whole would take, also beyond cap */
    bool   failed;
} Writer;

typedef struct Reader {
    const char *at, *end; /* borrowed */
    bool        failed;
} Reader;

static void put_bytes(Writer *writer, const char *bytes, size_t len)
{
    if (len > WIRE_BYTES_MAX - writer->len) {
        writer->failed = true;
        return;
    }
    if (writer->len + len <= writer->cap) memcpy(writer->out + writer->len, bytes, len);
    writer->len += len;
}

static void put_number(Writer *writer, uint64_t number, size_t size)
{
    char bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(number >> (8 * i));
    put_bytes(writer, bytes, size);
}

static void put_text(Writer *writer, const char *text)
{
    size_t len = strlen(text);
    if (len > WIRE_TEXT_MAX) writer->failed = true;
    if (writer->failed) return;
    put_number(writer, len, 4);
    put_bytes(writer, text, len + 1);
}

size_t wire_encode(const WirePlan *plan, char *out, size_t cap)
{
    Writer writer = {.out = out, .cap = cap};
    if (plan->step_count > WIRE_STEPS_MAX || plan->word_count > WIRE_WORDS_MAX ||
        plan->variable_count > WIRE_VARIABLES_MAX)
        return 0;
    put_number(&writer, WIRE_MAGIC, 4);
    put_number(&writer, 0, 4); /* the length, filled in below */
    put_number(&writer, plan->host_pid, 4);
    put_number(&writer, plan->step_count, 4);
    put_number(&writer, plan->word_count, 4);
    put_number(&writer, plan->variable_count, 4);
    for (size_t i = 0; i < plan->step_count; i++) {
        const Step *step = &plan->steps[i];
        put_number(&writer, (uint64_t)step->op, 1);
        put_number(&writer, step->flags, 4);
        put_number(&writer, step->number, 8);
        put_text(&writer, step->path);
        put_text(&writer, step->more);
    }
    for (size_t i = 0; i < plan->word_count; i++) put_text(&writer, plan->words[i]);
    for (size_t i = 0; i < plan->variable_count; i++) put_text(&writer, plan->variables[i]);
    if (writer.failed) return 0;
    Writer length = {.out = out, .cap = cap, .len = 4};
    put_number(&length, writer.len, 4);
    return writer.len;
}

static uint64_t take_number(Reader *reader, size_t size)
{
    uint64_t number = 0;
    if ((size_t)(reader->end - reader->at) < size) reader->failed = true;
    if (reader->failed) return 0;
    for (size_t i = 0; i < size; i++) number |= (uint64_t)(unsigned char)reader->at[i] << (8 * i);
    reader->at += size;
    return number;
}

static const char *take_text(Reader *reader)
{
    uint64_t len = take_number(reader, 4);
    if (len > WIRE_TEXT_MAX || (size_t)(reader->end - reader->at) <= len) reader->failed = true;
    if (reader->failed) return "";
    const char *text = reader->at;
    if (memchr(text, '\0', len + 1) != text + len) reader->failed = true;
    reader->at += len + 1;
    return reader->failed ? "" : text;
}

static size_t take_count(Reader *reader, size_t max)
{
    uint64_t count = take_number(reader, 4);
    if (count > max) reader->failed = true;
    return reader->failed ? 0 : (size_t)count;
}

static void take_step(Reader *reader, Step *step)
{
    uint64_t op = take_number(reader, 1);
    if (op >= OP_COUNT) reader->failed = true;
    step->op = reader->failed ? OP_EXEC : (Op)op;
    step->flags = (uint32_t)take_number(reader, 4);
    step->number = take_number(reader, 8);
    step->path = take_text(reader);
    step->more = take_text(reader);
    if (step->op == OP_LIMIT && step->flags >= WIRE_LIMIT_COUNT) reader->failed = true;
}

bool wire_decode(const char *bytes, size_t len, WireStore *store, WirePlan *plan)
{
    Reader reader = {.at = bytes, .end = bytes + len};
    if (len > WIRE_BYTES_MAX) return false;
    if (take_number(&reader, 4) != WIRE_MAGIC || take_number(&reader, 4) != len) return false;
    plan->host_pid = (uint32_t)take_number(&reader, 4);
    plan->step_count = take_count(&reader, WIRE_STEPS_MAX);
    plan->word_count = take_count(&reader, WIRE_WORDS_MAX);
    plan->variable_count = take_count(&reader, WIRE_VARIABLES_MAX);
    for (size_t i = 0; i < plan->step_count && !reader.failed; i++)
        take_step(&reader, &store->steps[i]);
    for (size_t i = 0; i < plan->word_count && !reader.failed; i++)
        store->words[i] = take_text(&reader);
    for (size_t i = 0; i < plan->variable_count && !reader.failed; i++)
        store->variables[i] = take_text(&reader);
    if (reader.failed || reader.at != reader.end) return false;
    store->words[plan->word_count] = NULL;
    store->variables[plan->variable_count] = NULL;
    plan->steps = store->steps;
    plan->words = store->words;
    plan->variables = store->variables;
    return true;
}

const char *wire_op_words(Op op)
{
    static const char *const words[] = {
#define X(name, text) text,
        STEP_LIST(X)
#undef X
    };
    return (unsigned)op < OP_COUNT ? words[op] : "an unknown step";
}
