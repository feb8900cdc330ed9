// Memory of one call, all given back at once. What a call keeps while it runs may be many
// blocks, and it may end anywhere: by an error, or by one of Lua's that jumps over it.
#ifndef MB_STORAGE_ARENA_H
#define MB_STORAGE_ARENA_H

#include "kernel/alloc.h"

typedef struct mb_arena_block mb_arena_block;

// All zero is an empty one. It must stay where it is.
typedef struct mb_arena {
    mb_arena_block *blocks; // all that were taken and not freed
} mb_arena;

MB_HIDDEN_BEGIN

// What takes memory from the arena, which takes it from SQLite.
mb_allocator mb_arena_allocator(mb_arena *arena);

// Takes a block of `size` bytes, all zero; NULL when memory runs out.
void *mb_arena_take(mb_arena *arena, size_t size);

// Gives everything back.
void mb_arena_free(mb_arena *arena);

MB_HIDDEN_END

#endif
