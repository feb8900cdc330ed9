// Products of vectors, by what the processor has. Codes are the small form of vectors (see
// vector_codes.h); a query meets very many of them.
#ifndef MB_KERNEL_VECTOR_KERNELS_H
#define MB_KERNEL_VECTOR_KERNELS_H

#include "kernel/common.h"

// Codes lie in memory a multiple of this apart, and so do those of the query: the kernels need
// no code for a rest. It holds zeros in the query.
enum { MB_VECTOR_ALIGN = 64 };

// Sums of products must fit 32 bits.
enum { MB_VECTOR_MAX_DIM = 65536 };

// The products of the codes of a query with stored ones, which are kept 128 too high.
typedef void (*mb_vector_dots_fn)(const uint8_t *codes, size_t stride, size_t count,
                                  const int8_t *query, int32_t *products);

typedef struct mb_vector_products {
    double ab; // a times b
    double bb; // b times b
} mb_vector_products;

// What the greatest nearness that codes allow comes from; an item for each vector.
typedef struct mb_vector_heads {
    const int32_t *products; // of the codes
    const float *factors;    // see mb_record
    const float *norms;      // see mb_record
    const float *bases;      // what is added to a product for the nearness
} mb_vector_heads;

// The same for all of them; see mb_vector_query.
typedef struct mb_vector_slack {
    float scale;
    float margin;
    float by_norm;
} mb_vector_slack;

typedef struct mb_vector_kernel {
    const char *name; // for the reader of a report
    // Multiplies `query` with `count` vectors that begin `stride` bytes apart; exactly.
    mb_vector_dots_fn dots;
    // Of the numbers themselves. Every kernel gives the same doubles, to the last bit.
    mb_vector_products (*products)(const float *a, const float *b, size_t dim);
    // The square of their distance; likewise.
    double (*distance2)(const float *a, const float *b, size_t dim);
    // factor * (scale * product + margin) + base + by_norm * norm
    void (*bounds)(const mb_vector_heads *heads, const mb_vector_slack *slack, size_t count,
                   float *bounds);
} mb_vector_kernel;

MB_HIDDEN_BEGIN

// The n-th of those that this processor can run, from 0, the fastest first; NULL behind the
// last. The last one is plain C.
const mb_vector_kernel *mb_vector_kernel_at(size_t n);

MB_HIDDEN_END

#endif
