// The small form of a vector: a byte for each of its numbers, and what brings the product of
// two such forms near that of the vectors.
//
// Nearness is what a search ranks by, the greater the nearer: the cosine, the dot product, or
// for the Euclidean distance d from a query q, (|q|^2 - d^2) / 2.
#ifndef MB_KERNEL_VECTOR_CODES_H
#define MB_KERNEL_VECTOR_CODES_H

#include "kernel/vector_kernels.h"

typedef enum mb_metric { MB_COSINE, MB_L2, MB_DOT } mb_metric;

// A record as it is stored, little-endian: the number of its vector, factor and norm, codes.
enum { MB_RECORD_HEAD = 12 };

typedef struct mb_record {
    uint32_t serial; // the number of its vector
    float factor; // times a product of codes: that of the vectors (cosine: of their directions)
    float norm;   // the length of the vector; for the cosine 1, or 0 where there is none
} mb_record;

typedef struct mb_vector_query {
    const float *values;  // as given
    size_t dim;           // how many
    mb_metric metric;     // what nearness is
    double square;        // of its length
    int8_t *codes;        // padded with zeros
    float scale;          // times factor times a product of codes: the product of the vectors
    float margin;         // how far off that may be, per unit of a record's factor...
    float margin_by_norm; // ...and per unit of its norm
    bool plain;           // false: the lengths are so extreme that only exact numbers will do
} mb_vector_query;

MB_HIDDEN_BEGIN

// The bytes that the codes of `dim` numbers take in memory.
size_t mb_vector_stride(size_t dim);

// Little-endian numbers.
uint32_t mb_read_u32(const uint8_t *from);
float mb_read_f32(const uint8_t *from);
void mb_write_u32(uint8_t *to, uint32_t value);
void mb_write_f32(uint8_t *to, float value);

// Writes the record of a vector: MB_RECORD_HEAD + dim bytes.
void mb_vector_encode(const float *values, size_t dim, mb_metric metric, uint32_t serial,
                      uint8_t *record);

// The head of a record; its codes follow it.
mb_record mb_record_read(const uint8_t *record);

// True for a norm that the approximation can deal with.
bool mb_norm_is_plain(float norm);

// Fills in the query from its values, dim and metric, and `codes`, which has room for the
// stride.
void mb_vector_query_encode(mb_vector_query *query, int8_t *codes);

// The nearness of a vector, exactly; 'distance' as the API has it.
double mb_vector_nearness(const mb_vector_kernel *kernel, const mb_vector_query *query,
                          const float *values);
double mb_vector_distance(const mb_vector_query *query, double nearness);

MB_HIDDEN_END

#endif
