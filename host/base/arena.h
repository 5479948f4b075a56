/* arena.h -- memory that is freed all at once: one parse, one plan.
 *
 * Use     Arena a; arena_init(&a, LIMIT); ... arena_copy(&a, str) ...; arena_clear(&a);
 * Owner   The shell is the caller's; everything allocated lives until arena_clear.
 * Errors  Past the limit arena_alloc returns NULL: the caller reports ST_LIMIT.
 */
#ifndef HOST_BASE_ARENA_H
#define HOST_BASE_ARENA_H

#include "str.h"

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *blocks; /* owned; newest first */
    size_t      used;   /* bytes handed out */
    size_t      limit;
} Arena;

void  arena_init(Arena *arena, size_t limit);
void  arena_clear(Arena *arena);
void *arena_alloc(Arena *arena, size_t size); /* zeroed, aligned for any type; NULL at the limit */
char *arena_copy(Arena *arena, Str text);     /* ends in NUL; NULL at the limit */

#endif
