#include "storage/arena.h"

#include <sqlite3.h>
#include <string.h>

// What stands in front of each block. Its size keeps what follows aligned for any type.
struct mb_arena_block {
    mb_arena_block *next;  // taken before
    mb_arena_block **back; // what points to this one
};

static void unlink_block(mb_arena_block *block)
{
    *block->back = block->next;
    if (block->next != NULL)
        block->next->back = block->back;
}

static void link_block(mb_arena *arena, mb_arena_block *block)
{
    block->next = arena->blocks;
    block->back = &arena->blocks;
    if (block->next != NULL)
        block->next->back = &block->next;
    arena->blocks = block;
}

// Resizes a block, or takes one. It is out of the list while it may move.
static void *resize(mb_arena *arena, mb_arena_block *block, size_t size)
{
    if (size > SIZE_MAX - sizeof *block)
        return NULL;
    if (block != NULL)
        unlink_block(block);
    mb_arena_block *moved = sqlite3_realloc64(block, sizeof *block + size);
    if (moved != NULL)
        block = moved;
    if (block != NULL)
        link_block(arena, block);
    return moved == NULL ? NULL : moved + 1;
}

// See mb_alloc_fn.
static void *allocate(void *ud, void *memory, size_t old_size, size_t new_size)
{
    mb_arena_block *block = memory == NULL ? NULL : (mb_arena_block *)memory - 1;
    (void)old_size;
    if (new_size > 0)
        return resize(ud, block, new_size);
    if (block != NULL) {
        unlink_block(block);
        sqlite3_free(block);
    }
    return NULL;
}

mb_allocator mb_arena_allocator(mb_arena *arena)
{
    return (mb_allocator){ allocate, arena };
}

void *mb_arena_take(mb_arena *arena, size_t size)
{
    void *memory = resize(arena, NULL, size);
    return memory == NULL ? NULL : memset(memory, 0, size);
}

void mb_arena_free(mb_arena *arena)
{
    while (arena->blocks != NULL) {
        mb_arena_block *block = arena->blocks;
        unlink_block(block);
        sqlite3_free(block);
    }
}
