// What a search for the cheapest way looks at next: the entry of the least cost, of those the
// one of the fewest edges, of those the one that came first.
#ifndef MB_STORAGE_COST_HEAP_H
#define MB_STORAGE_COST_HEAP_H

#include "kernel/buffer.h"
#include "storage/arena.h"

// What a way costs.
typedef struct mb_cost {
    double sum;     // of weights
    uint32_t edges; // how many
} mb_cost;

typedef struct mb_cost_entry {
    mb_cost cost;
    uint32_t item; // what the search knows it by
} mb_cost_entry;

typedef struct mb_cost_heap {
    mb_buffer buffer; // where the entries are
    size_t count;     // of them
} mb_cost_heap;

MB_HIDDEN_BEGIN

void mb_cost_heap_init(mb_cost_heap *heap, mb_arena *arena);

// Adds an entry. False when memory runs out.
bool mb_cost_heap_push(mb_cost_heap *heap, mb_cost_entry added);

// Takes the first entry out. There must be one.
mb_cost_entry mb_cost_heap_pop(mb_cost_heap *heap);

MB_HIDDEN_END

// The first entry. There must be one.
static inline const mb_cost_entry *mb_cost_heap_top(const mb_cost_heap *heap)
{
    return (const mb_cost_entry *)(const void *)heap->buffer.data;
}

// Whether one way is cheaper than another.
static inline bool mb_cost_less(mb_cost a, mb_cost b)
{
    return a.sum < b.sum || (a.sum == b.sum && a.edges < b.edges);
}

static inline mb_cost mb_cost_add(mb_cost a, mb_cost b)
{
    return (mb_cost){ a.sum + b.sum, a.edges + b.edges };
}

#endif
