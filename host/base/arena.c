#include "arena.h"

#include "mem.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024 };

struct ArenaBlock {
    ArenaBlock *older; /* owned */
    size_t      used, size;
    alignas(max_align_t) char bytes[];
};

void arena_init(Arena *arena, size_t limit) { *arena = (Arena){NULL, 0, limit}; }

void arena_clear(Arena *arena)
{
    while (arena->blocks) {
        ArenaBlock *block = arena->blocks;
        arena->blocks = block->older;
        free(block);
    }
    arena->used = 0;
}

void *arena_alloc(Arena *arena, size_t size)
{
    size_t rounded =
        (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (rounded < size || rounded > arena->limit || arena->used > arena->limit - rounded)
        return NULL;
    ArenaBlock *block = arena->blocks;
    if (!block || block->size - block->used < rounded) {
        size_t room = rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE;
        block = mem_new(sizeof *block + room);
        block->size = room;
        block->older = arena->blocks;
        arena->blocks = block;
    }
    void *out = block->bytes + block->used;
    block->used += rounded;
    arena->used += rounded;
    return out;
}

char *arena_copy(Arena *arena, Str text)
{
    char *out = arena_alloc(arena, text.len + 1);
    if (out && text.len) memcpy(out, text.ptr, text.len);
    return out;
}
