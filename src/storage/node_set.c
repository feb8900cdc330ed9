#include "storage/node_set.h"

enum { FIRST_BITS = 6 };

void mb_node_set_init(mb_node_set *set, mb_arena *arena)
{
    *set = (mb_node_set){ .arena = arena };
}

static bool is_wide(int64_t key)
{
    return (uint64_t)key > UINT32_MAX;
}

static bool holds(const mb_node_set *set, const mb_node_slot *slot, int64_t key)
{
    if (slot->low != (uint32_t)key)
        return false;
    return (!set->wide && !is_wide(key)) || set->keys[slot->taken - 1] == key;
}

// The slot that holds a key, or the free one where it belongs. Keys mostly count up from 1, so
// each is looked for at its own place first: neighbours lie together. Further places come from
// a generator that leaves none out.
static mb_node_slot *find_slot(const mb_node_set *set, int64_t key)
{
    uint64_t at = (uint64_t)key;
    mb_node_slot *slot = &set->slots[at & (((uint64_t)1 << set->bits) - 1)];
    while (slot->taken != 0 && !holds(set, slot, key)) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        slot = &set->slots[at >> (64 - set->bits)];
    }
    return slot;
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
    mb_node_slot *table = mb_arena_take(set->arena, slots * sizeof *table);
    if (table == NULL)
        return false;
    resize(set, set->slots, 0);
    set->slots = table;
    set->bits = bits;
    for (size_t i = 0; i < set->count; i++)
        *find_slot(set, set->keys[i]) =
            (mb_node_slot){ (uint32_t)set->keys[i], (uint32_t)i + 1 };
    return true;
}

uint32_t mb_node_set_find(const mb_node_set *set, int64_t key)
{
    return set->bits == 0 ? MB_NO_NODE : find_slot(set, key)->taken - 1;
}

uint32_t mb_node_set_add(mb_node_set *set, int64_t key)
{
    bool full = set->bits == 0 || set->count == ((size_t)1 << set->bits) / 2;
    if (full && (set->count >= MB_NO_NODE / 2 || !grow(set)))
        return MB_NO_NODE;
    mb_node_slot *slot = find_slot(set, key);
    if (slot->taken == 0) {
        set->keys[set->count++] = key;
        set->wide = set->wide || is_wide(key);
        *slot = (mb_node_slot){ (uint32_t)key, (uint32_t)set->count };
    }
    return slot->taken - 1;
}

void mb_node_set_free(mb_node_set *set)
{
    resize(set, set->keys, 0);
    resize(set, set->slots, 0);
    mb_node_set_init(set, set->arena);
}
