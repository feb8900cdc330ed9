// Codes of many vectors as the kernels want them: an array for each part of their records.
#ifndef MB_KERNEL_VECTOR_ROWS_H
#define MB_KERNEL_VECTOR_ROWS_H

#include "kernel/vector_codes.h"

typedef struct mb_vector_rows {
    size_t dim;        // numbers of a vector
    size_t count;      // how many vectors there are
    uint8_t *codes;    // 128 too high, mb_vector_stride(dim) apart
    float *factors;    // see mb_record
    float *norms;      // see mb_record
    float *bases;      // what is added to a product for the nearness
    uint32_t *serials; // see mb_record
} mb_vector_rows;

MB_HIDDEN_BEGIN

// The bytes that so many take, and the arrays laid out in so many bytes of memory.
size_t mb_vector_rows_bytes(size_t dim, size_t count);
void mb_vector_rows_place(mb_vector_rows *rows, size_t dim, void *memory, size_t count);

// Takes a record in at `at`, without the codes' padding where that is there already. True when
// the approximation can deal with its norm.
bool mb_vector_rows_read(mb_vector_rows *rows, size_t at, mb_metric metric,
                         const uint8_t *record);

// Writes the record at `at`.
void mb_vector_rows_write(const mb_vector_rows *rows, size_t at, uint8_t *record);

// Copies one from elsewhere.
void mb_vector_rows_copy(mb_vector_rows *to, size_t at, const mb_vector_rows *from,
                         size_t source);

// The codes at `at` as those of a query of the stride.
void mb_vector_rows_query(const mb_vector_rows *rows, size_t at, int8_t *codes);

MB_HIDDEN_END

#endif
