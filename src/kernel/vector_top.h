// The best of many, as a heap with the worst of them on top.
#ifndef MB_KERNEL_VECTOR_TOP_H
#define MB_KERNEL_VECTOR_TOP_H

#include "kernel/common.h"

typedef struct mb_ranked {
    double key;      // the greater the better
    uint32_t serial; // of two that are equal the smaller is the better
} mb_ranked;

typedef struct mb_vector_top {
    mb_ranked *items; // room for `limit`, given by the user
    size_t limit;     // how many are kept, 1 or more
    size_t count;     // how many there are
} mb_vector_top;

MB_HIDDEN_BEGIN

// Takes it in if it is among the best so far.
void mb_vector_top_add(mb_vector_top *top, double key, uint32_t serial);

// Sorts them, the best first. No longer a heap then.
void mb_vector_top_sort(mb_vector_top *top);

MB_HIDDEN_END

// True when nothing that is worse than the worst can come in.
static inline bool mb_vector_top_full(const mb_vector_top *top)
{
    return top->count == top->limit;
}

#endif
