/* mem.h -- allocation that cannot fail: a failing malloc ends the program in one place.
 *
 * Limits (buffers, quotas, counts) are errors; running out of the machine's memory is not
 * something that each caller could mend.
 */
#ifndef HOST_BASE_MEM_H
#define HOST_BASE_MEM_H

#include <stddef.h>

void *mem_new(size_t size);                    /* zeroed; free() it */
void *mem_grow(void *ptr, size_t size);        /* realloc; ptr may be NULL */
char *mem_copy(const char *bytes, size_t len); /* len bytes and a NUL; free() it */
char *mem_text(const char *text);              /* strdup; NULL stays NULL */

#endif
