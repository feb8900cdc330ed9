#include "kernel/vector_codes.h"

#include <math.h>
#include <string.h>

// The codes of numbers that are spread evenly between two steps are off by a step over the root
// of 12, and the errors of a product add up like those of independent ones: a product is off by
// that times the length of the other vector, times what chance makes of it. Four such
// deviations, of the vector and of the query each, are passed once in tens of thousands.
static const double margin = 4 / 3.4641016151377544;

// Squares of lengths beyond these leave what a float can hold.
static const float least_norm = 1e-15f, greatest_norm = 1e15f;

size_t mb_vector_stride(size_t dim)
{
    return (dim + MB_VECTOR_ALIGN - 1) / MB_VECTOR_ALIGN * MB_VECTOR_ALIGN;
}

uint32_t mb_read_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

void mb_write_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

float mb_read_f32(const uint8_t *from)
{
    uint32_t bits = mb_read_u32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void mb_write_f32(uint8_t *to, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    mb_write_u32(to, bits);
}

bool mb_norm_is_plain(float norm)
{
    return norm == 0 || (norm > least_norm && norm < greatest_norm);
}

static float greatest(const float *values, size_t dim)
{
    float most = 0;
    for (size_t i = 0; i < dim; i++)
        most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
    return most;
}

static double square_of(const float *values, size_t dim)
{
    double total = 0;
    for (size_t i = 0; i < dim; i++)
        total += (double)values[i] * values[i];
    return total;
}

// Rounds to the nearest step without a call: what is added moves the fraction out of the
// number.
static inline int to_code(float value, double steps)
{
    double scaled = value * steps;
    return (int)(scaled + 1024.5) - 1024;
}

static float limited(double value)
{
    return value < 3e38 ? (float)value : 3e38f;
}

void mb_vector_encode(const float *values, size_t dim, mb_metric metric, uint32_t serial,
                      uint8_t *record)
{
    double most = greatest(values, dim), length = sqrt(square_of(values, dim));
    double steps = most > 0 ? 127 / most : 0, factor = most / 127;
    bool directed = metric == MB_COSINE && length > 0;
    mb_write_u32(record, serial);
    mb_write_f32(record + 4, limited(directed ? factor / length : factor));
    mb_write_f32(record + 8, limited(directed ? 1 : length));
    for (size_t i = 0; i < dim; i++)
        record[MB_RECORD_HEAD + i] = (uint8_t)(to_code(values[i], steps) + 128);
}

mb_record mb_record_read(const uint8_t *record)
{
    return (mb_record){ .serial = mb_read_u32(record),
                        .factor = mb_read_f32(record + 4),
                        .norm = mb_read_f32(record + 8) };
}

void mb_vector_query_encode(mb_vector_query *query, int8_t *codes)
{
    double most = greatest(query->values, query->dim);
    query->square = square_of(query->values, query->dim);
    double length = sqrt(query->square), steps = most > 0 ? 127 / most : 0;
    double unit = query->metric == MB_COSINE && length > 0 ? length : 1;
    query->codes = codes;
    query->scale = limited(most / 127 / unit);
    query->margin = limited(margin * length / unit);
    query->margin_by_norm = limited(margin * most / 127 / unit);
    query->plain = mb_norm_is_plain(limited(length));
    memset(codes, 0, mb_vector_stride(query->dim));
    for (size_t i = 0; i < query->dim; i++)
        codes[i] = (int8_t)to_code(query->values[i], steps);
}

// One root, so that a vector's cosine with itself is exactly 1.
static double cosine(mb_vector_products p, double square)
{
    if (square == 0 || p.bb == 0)
        return 0;
    double value = p.ab / sqrt(square * p.bb);
    return value > 1 ? 1 : value < -1 ? -1 : value;
}

double mb_vector_nearness(const mb_vector_kernel *kernel, const mb_vector_query *query,
                          const float *values)
{
    if (query->metric == MB_L2)
        return -kernel->distance2(query->values, values, query->dim);
    mb_vector_products p = kernel->products(query->values, values, query->dim);
    return query->metric == MB_DOT ? p.ab : cosine(p, query->square);
}

double mb_vector_distance(const mb_vector_query *query, double nearness)
{
    if (query->metric == MB_L2)
        return sqrt(0 - nearness);
    return (query->metric == MB_COSINE ? 1 : 0) - nearness;
}
