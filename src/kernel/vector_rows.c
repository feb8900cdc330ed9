#include "kernel/vector_rows.h"

#include <string.h>

size_t mb_vector_rows_bytes(size_t dim, size_t count)
{
    return MB_VECTOR_ALIGN + count * (mb_vector_stride(dim) + 4 * sizeof(float));
}

void mb_vector_rows_place(mb_vector_rows *rows, size_t dim, void *memory, size_t count)
{
    rows->dim = dim;
    rows->codes = (uint8_t *)memory + (-(uintptr_t)memory & (MB_VECTOR_ALIGN - 1));
    rows->factors = (float *)(void *)(rows->codes + count * mb_vector_stride(dim));
    rows->norms = rows->factors + count;
    rows->bases = rows->norms + count;
    rows->serials = (uint32_t *)(void *)(rows->bases + count);
}

// The nearness of an Euclidean distance lacks half the square of the vector's length; a little
// less, because it is a float.
static float base_of(mb_metric metric, float norm)
{
    return metric == MB_L2 ? -0.499999f * norm * norm : 0;
}

bool mb_vector_rows_read(mb_vector_rows *rows, size_t at, mb_metric metric,
                         const uint8_t *record)
{
    size_t stride = mb_vector_stride(rows->dim);
    uint8_t *codes = rows->codes + at * stride;
    mb_record head = mb_record_read(record);
    rows->serials[at] = head.serial;
    rows->factors[at] = head.factor;
    rows->norms[at] = head.norm;
    rows->bases[at] = base_of(metric, head.norm);
    memcpy(codes, record + MB_RECORD_HEAD, rows->dim);
    memset(codes + rows->dim, 128, stride - rows->dim);
    return mb_norm_is_plain(head.norm);
}

void mb_vector_rows_write(const mb_vector_rows *rows, size_t at, uint8_t *record)
{
    mb_write_u32(record, rows->serials[at]);
    mb_write_f32(record + 4, rows->factors[at]);
    mb_write_f32(record + 8, rows->norms[at]);
    memcpy(record + MB_RECORD_HEAD, rows->codes + at * mb_vector_stride(rows->dim), rows->dim);
}

void mb_vector_rows_copy(mb_vector_rows *to, size_t at, const mb_vector_rows *from,
                         size_t source)
{
    size_t stride = mb_vector_stride(to->dim);
    memmove(to->codes + at * stride, from->codes + source * stride, stride);
    to->factors[at] = from->factors[source];
    to->norms[at] = from->norms[source];
    to->bases[at] = from->bases[source];
    to->serials[at] = from->serials[source];
}

void mb_vector_rows_query(const mb_vector_rows *rows, size_t at, int8_t *codes)
{
    size_t stride = mb_vector_stride(rows->dim);
    const uint8_t *from = rows->codes + at * stride;
    for (size_t i = 0; i < stride; i++)
        codes[i] = (int8_t)(from[i] - 128);
}
