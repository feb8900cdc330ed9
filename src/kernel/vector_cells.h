// Cells: vectors that lie near each other, of a collection that is too large to look at whole.
// A cell has a centre, the mean of its vectors (for the cosine, of their directions), and a
// spread, the root of the mean square of their distances from it.
//
// What a cell that grew too large is cut into, and that vectors which now lie nearer to a
// neighbour move there, follows SPFresh (Xu et al., SOSP 2023).
#ifndef MB_KERNEL_VECTOR_CELLS_H
#define MB_KERNEL_VECTOR_CELLS_H

#include "kernel/vector_rows.h"

// Room to compute in.
typedef struct mb_cell_room {
    float *middles;    // 2 * dim
    float *direction;  // dim
    int8_t *codes;     // mb_vector_stride(dim)
    int32_t *products; // one for each row
    float *shares;     // two for each row
} mb_cell_room;

MB_HIDDEN_BEGIN

// The mean of all rows; gives their spread.
float mb_cell_centre(const mb_vector_rows *rows, float *centre);

// Cuts a cell of at least 2 in two: sides[i] is 0 or 1. Neither is empty, and unless vectors
// are the same, less than a quarter.
void mb_cell_cut(const mb_vector_kernel *kernel, const mb_vector_rows *rows, mb_cell_room *room,
                 uint8_t *sides);

// The closeness of each row to a centre, which is given as a query by dot product: the greater
// the nearer, as half the square of the distance taken off half that of the row's length.
void mb_cell_closeness(const mb_vector_kernel *kernel, const mb_vector_rows *rows,
                       const mb_vector_query *centre, int32_t *products, float *closeness);

MB_HIDDEN_END

#endif
