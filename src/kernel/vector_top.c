#include "kernel/vector_top.h"

#include <stdlib.h>

static bool worse(mb_ranked a, mb_ranked b)
{
    return a.key < b.key || (a.key == b.key && a.serial > b.serial);
}

static void sink(mb_vector_top *top, size_t at, mb_ranked item)
{
    size_t child;
    while ((child = 2 * at + 1) < top->count) {
        if (child + 1 < top->count && worse(top->items[child + 1], top->items[child]))
            child++;
        if (!worse(top->items[child], item))
            break;
        top->items[at] = top->items[child];
        at = child;
    }
    top->items[at] = item;
}

static void rise(mb_vector_top *top, size_t at, mb_ranked item)
{
    while (at > 0 && worse(item, top->items[(at - 1) / 2])) {
        top->items[at] = top->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    top->items[at] = item;
}

void mb_vector_top_add(mb_vector_top *top, double key, uint32_t serial)
{
    mb_ranked item = { .key = key, .serial = serial };
    if (top->count < top->limit)
        rise(top, top->count++, item);
    else if (worse(top->items[0], item))
        sink(top, 0, item);
}

static int compare(const void *left, const void *right)
{
    const mb_ranked *a = left, *b = right;
    return worse(*a, *b) - worse(*b, *a);
}

void mb_vector_top_sort(mb_vector_top *top)
{
    if (top->count > 1)
        qsort(top->items, top->count, sizeof *top->items, compare);
}
