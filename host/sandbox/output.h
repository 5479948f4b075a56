/* output.h -- what is kept of a stream: its head and its tail, the middle is dropped first.
 *
 * Why     A build that fails says why at its end, and what it is at its start.
 * Use     output_init -> output_take ... -> output_finish -> output_clear
 */
#ifndef HOST_SANDBOX_OUTPUT_H
#define HOST_SANDBOX_OUTPUT_H

#include "../base/buf.h"

typedef struct Output {
    Buf    kept; /* up to its limit in order; then [0, head) and a ring behind it */
    size_t limit;
    size_t head;  /* bytes that stay at the front once the limit was passed */
    size_t at;    /* where the ring is written next */
    size_t total; /* bytes seen */
} Output;

void output_init(Output *output, size_t limit);
void output_clear(Output *output);
void output_take(Output *output, Str bytes);

/* Puts the ring in order. Returns the bytes missing between kept[0, head) and the rest. */
size_t output_finish(Output *output);

#endif
