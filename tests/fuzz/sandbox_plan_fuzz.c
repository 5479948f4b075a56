/* libFuzzer: the helper's parser must take any bytes. What it accepts, it must have understood: a
 * plan that is encoded again gives the same bytes.
 *
 *     make MODE=fuzz build/fuzz/host/sandbox/wire.o
 *     clang -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE tests/fuzz/sandbox_plan_fuzz.c \
 *         build/fuzz/host/sandbox/wire.o -o build/fuzz/sandbox_plan_fuzz
 */
#include "../../host/sandbox/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first eight bytes are fixed up, so that the fuzzer need not guess magic number and length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static WireStore store;
    WirePlan         plan;
    uint32_t         head[2] = {WIRE_MAGIC, (uint32_t)size};
    char            *bytes = malloc(size + 1), *again = malloc(size + 1);
    if (!bytes || !again) abort();
    memcpy(bytes, data, size);
    if (size >= sizeof head) memcpy(bytes, head, sizeof head);
    if (wire_decode(bytes, size, &store, &plan)) {
        if (wire_encode(&plan, again, size) != size) abort();
        if (memcmp(bytes, again, size) != 0) abort();
    }
    free(bytes);
    free(again);
    return 0;
}
