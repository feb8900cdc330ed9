// The nearest vectors of a set. Their codes tell which can be among them at all, and of those
// the exact numbers (table vector_floats) are read, nearest first, until what is left cannot
// come in any more. Where the codes of too many lie too close together, all exact numbers are.
// Of a large set only the codes of some cells are looked at; see vector_probe.h.
#ifndef MB_STORAGE_VECTOR_SEARCH_H
#define MB_STORAGE_VECTOR_SEARCH_H

#include "kernel/vector_codes.h"
#include "kernel/vector_top.h"
#include "storage/vector_cache.h"

typedef struct mb_vector_wish {
    const mb_vector_kernel *kernel; // to compute with
    const mb_vector_query *query;   // near what
    float *row;                     // room for the numbers of one vector
    bool exact;                     // compare the exact numbers of all vectors
    const uint32_t *among;          // only these serials, ascending; NULL: all
    size_t among_count;             // how many
    bool partial;                   // some of these may have no vector in the set
} mb_vector_wish;

MB_HIDDEN_BEGIN

// Fills 'top', which is empty, with the nearest vectors: key is the nearness. False with the
// reader's error filled.
bool mb_vector_search(mb_reader *reader, const mb_vector_set *set, const mb_vector_wish *wish,
                      mb_vector_top *top);

MB_HIDDEN_END

#endif
