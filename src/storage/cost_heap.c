#include "storage/cost_heap.h"

void mb_cost_heap_init(mb_cost_heap *heap, mb_arena *arena)
{
    heap->count = 0;
    mb_buffer_init(&heap->buffer, mb_arena_allocator(arena));
}

static mb_cost_entry *entries_of(const mb_cost_heap *heap)
{
    return (mb_cost_entry *)(void *)heap->buffer.data;
}

// Items are numbered as they are made.
static bool before(const mb_cost_entry *a, const mb_cost_entry *b)
{
    if (a->cost.sum != b->cost.sum)
        return a->cost.sum < b->cost.sum;
    if (a->cost.edges != b->cost.edges)
        return a->cost.edges < b->cost.edges;
    return a->item < b->item;
}

bool mb_cost_heap_push(mb_cost_heap *heap, mb_cost_entry added)
{
    mb_buffer_append(&heap->buffer, &added, sizeof added);
    if (heap->buffer.failed)
        return false;
    mb_cost_entry *entries = entries_of(heap);
    size_t i = heap->count++;
    for (; i > 0 && before(&added, &entries[(i - 1) / 2]); i = (i - 1) / 2)
        entries[i] = entries[(i - 1) / 2];
    entries[i] = added;
    return true;
}

mb_cost_entry mb_cost_heap_pop(mb_cost_heap *heap)
{
    mb_cost_entry *entries = entries_of(heap), top = entries[0], last = entries[--heap->count];
    size_t i = 0, child;
    heap->buffer.length -= sizeof last;
    while ((child = 2 * i + 1) < heap->count) {
        if (child + 1 < heap->count && before(&entries[child + 1], &entries[child]))
            child++;
        if (!before(&entries[child], &last))
            break;
        entries[i] = entries[child];
        i = child;
    }
    entries[i] = last;
    return top;
}
