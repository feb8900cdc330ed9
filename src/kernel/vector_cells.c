#include "kernel/vector_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5 }; // after which the halves hardly change any more

static void add_row(const mb_vector_rows *rows, size_t at, float *sums)
{
    const uint8_t *codes = rows->codes + at * mb_vector_stride(rows->dim);
    float factor = rows->factors[at];
    for (size_t i = 0; i < rows->dim; i++)
        sums[i] += factor * (float)((int)codes[i] - 128);
}

static double square_of(const float *values, size_t dim)
{
    double total = 0;
    for (size_t i = 0; i < dim; i++)
        total += (double)values[i] * values[i];
    return total;
}

static void scale(float *values, size_t dim, size_t count)
{
    for (size_t i = 0; i < dim; i++)
        values[i] /= (float)(count > 0 ? count : 1);
}

float mb_cell_centre(const mb_vector_rows *rows, float *centre)
{
    double squares = 0;
    memset(centre, 0, rows->dim * sizeof *centre);
    for (size_t i = 0; i < rows->count; i++) {
        add_row(rows, i, centre);
        squares += (double)rows->norms[i] * rows->norms[i];
    }
    scale(centre, rows->dim, rows->count);
    double rest = squares / (double)rows->count - square_of(centre, rows->dim);
    return rest > 0 ? (float)sqrt(rest) : 0;
}

static void project(const mb_vector_kernel *kernel, const mb_vector_rows *rows,
                    const mb_vector_query *query, int32_t *products, float *out)
{
    kernel->dots(rows->codes, mb_vector_stride(rows->dim), rows->count, query->codes, products);
    for (size_t i = 0; i < rows->count; i++)
        out[i] = rows->factors[i] * (query->scale * (float)products[i]);
}

void mb_cell_closeness(const mb_vector_kernel *kernel, const mb_vector_rows *rows,
                       const mb_vector_query *centre, int32_t *products, float *closeness)
{
    project(kernel, rows, centre, products, closeness);
    for (size_t i = 0; i < rows->count; i++)
        closeness[i] -= (float)(centre->square / 2);
}

static mb_vector_query query_of(const float *values, size_t dim, int8_t *codes)
{
    mb_vector_query query = { .values = values, .dim = dim, .metric = MB_DOT };
    mb_vector_query_encode(&query, codes);
    return query;
}

// The row that is farthest from another one.
static size_t farthest(const mb_vector_kernel *kernel, const mb_vector_rows *rows, size_t from,
                       mb_cell_room *room)
{
    mb_vector_query query = { .dim = rows->dim, .codes = room->codes };
    query.scale = rows->factors[from];
    mb_vector_rows_query(rows, from, room->codes);
    project(kernel, rows, &query, room->products, room->shares);
    size_t found = from;
    float most = -INFINITY;
    for (size_t i = 0; i < rows->count; i++) {
        float distance = rows->norms[i] * rows->norms[i] / 2 - room->shares[i];
        if (distance > most) {
            most = distance;
            found = i;
        }
    }
    return found;
}

// Two that lie far apart, to begin with.
static void first_middles(const mb_vector_kernel *kernel, const mb_vector_rows *rows,
                          mb_cell_room *room)
{
    size_t one = farthest(kernel, rows, 0, room), other = farthest(kernel, rows, one, room);
    memset(room->middles, 0, 2 * rows->dim * sizeof *room->middles);
    add_row(rows, one, room->middles);
    add_row(rows, other, room->middles + rows->dim);
}

static int compare(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

// Where the shares of the first half end, so that neither is less than a quarter.
static float balanced(const mb_vector_rows *rows, const float *shares, float *sorted, float cut)
{
    size_t count = rows->count, quarter = (count + 3) / 4;
    memcpy(sorted, shares, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    float least = sorted[quarter], most = sorted[count - quarter];
    return cut < least ? least : cut > most ? most : cut;
}

// The plane between the middles.
static void choose_sides(const mb_vector_kernel *kernel, const mb_vector_rows *rows,
                         mb_cell_room *room, uint8_t *sides)
{
    size_t dim = rows->dim;
    const float *one = room->middles, *other = one + dim;
    for (size_t i = 0; i < dim; i++)
        room->direction[i] = other[i] - one[i];
    mb_vector_query query = query_of(room->direction, dim, room->codes);
    project(kernel, rows, &query, room->products, room->shares);
    float cut = (float)((square_of(other, dim) - square_of(one, dim)) / 2);
    cut = balanced(rows, room->shares, room->shares + rows->count, cut);
    for (size_t i = 0; i < rows->count; i++)
        sides[i] = room->shares[i] >= cut;
}

static void find_middles(const mb_vector_rows *rows, const uint8_t *sides, mb_cell_room *room)
{
    size_t counts[2] = { 0, 0 }, dim = rows->dim;
    memset(room->middles, 0, 2 * dim * sizeof *room->middles);
    for (size_t i = 0; i < rows->count; i++) {
        counts[sides[i]]++;
        add_row(rows, i, room->middles + sides[i] * dim);
    }
    scale(room->middles, dim, counts[0]);
    scale(room->middles + dim, dim, counts[1]);
}

// All the same: no plane tells them apart.
static bool one_sided(const uint8_t *sides, size_t count)
{
    return memchr(sides, sides[0] ? 0 : 1, count) == NULL;
}

void mb_cell_cut(const mb_vector_kernel *kernel, const mb_vector_rows *rows, mb_cell_room *room,
                 uint8_t *sides)
{
    first_middles(kernel, rows, room);
    for (int i = 0; i < ROUNDS; i++) {
        choose_sides(kernel, rows, room, sides);
        find_middles(rows, sides, room);
    }
    if (one_sided(sides, rows->count)) {
        for (size_t i = 0; i < rows->count; i++)
            sides[i] = i % 2 == 1;
    }
}
