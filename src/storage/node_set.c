#include "storage/node_set.h"

enum { FIRST_BITS = 6 };

void mb_node_set_init(mb_node_set *set, mb_arena *arena)
{
    *set = (mb_node_set){ .arena = arena };
}

// The slot where the search for a key begins: the high bits of a product by an odd number near
// the golden ratio, over which keys that follow each other spread.
static size_t first_slot(const mb_node_set *set, int64_t key)
{
    return (size_t)(((uint64_t)key * 0x9e3779b97f4a7c15u) >> (64 - set->bits));
}

// The slot that holds a key, or the free one where it belongs.
static uint32_t *find_slot(const mb_node_set *set, int64_t key)
{
    size_t mask = ((size_t)1 << set->bits) - 1, i = first_slot(set, key);
    while (set->slots[i] != 0 && set->keys[set->slots[i] - 1] != key)
        i = (i + 1) & mask;
    return &set->slots[i];
}

static void *resize(const mb_node_set *set, void *memory, size_t size)
{
    mb_allocator allocator = mb_arena_allocator(set->arena);
    return allocator.fn(allocator.ud, memory, 0, size);
}

// Half of the slots are free, so that searches are short.
static bool grow(mb_node_set *set)
{
    unsigned bits = set->bits == 0 ? FIRST_BITS : set->bits + 1;
    size_t slots = (size_t)1 << bits;
    int64_t *keys = resize(set, set->keys, slots / 2 * sizeof *keys);
    if (keys == NULL)
        return false;
    set->keys = keys;
    uint32_t *table = mb_arena_take(set->arena, slots * sizeof *table);
    if (table == NULL)
        return false;
    resize(set, set->slots, 0);
    set->slots = table;
    set->bits = bits;
    for (size_t i = 0; i < set->count; i++)
        *find_slot(set, set->keys[i]) = (uint32_t)i + 1;
    return true;
}

uint32_t mb_node_set_find(const mb_node_set *set, int64_t key)
{
    return set->bits == 0 ? MB_NO_NODE : *find_slot(set, key) - 1;
}

uint32_t mb_node_set_add(mb_node_set *set, int64_t key)
{
    bool full = set->bits == 0 || set->count == ((size_t)1 << set->bits) / 2;
    if (full && (set->count >= MB_NO_NODE / 2 || !grow(set)))
        return MB_NO_NODE;
    uint32_t *slot = find_slot(set, key);
    if (*slot == 0) {
        set->keys[set->count++] = key;
        *slot = (uint32_t)set->count;
    }
    return *slot - 1;
}

void mb_node_set_free(mb_node_set *set)
{
    resize(set, set->keys, 0);
    resize(set, set->slots, 0);
    mb_node_set_init(set, set->arena);
}
