// Changes of a set of vectors: their exact numbers (table vector_floats) and their codes.
//
// A new vector's codes go to the tail. When that has more blocks than it should, its oldest
// vectors move into cells, each to the nearest; a cell that is full is cut in two, and what
// then lies nearer to a neighbour moves there. Each write moves little more than it brought, so
// its cost stays bounded. A set that its tail holds has no cells.
#ifndef MB_STORAGE_VECTOR_WRITE_H
#define MB_STORAGE_VECTOR_WRITE_H

#include "storage/vector_cache.h"

typedef struct mb_vector_writer {
    mb_block_writer blocks;
    mb_reader *reader;              // inside a transaction of its user
    const mb_vector_set *set;       // as it was before
    mb_vector_view *view;           // of the set, changed as the file is
    const mb_vector_kernel *kernel; // to compute with
    const char *stamp;              // of this change
    size_t stamp_length;            // at most MB_STAMP_SIZE
    size_t tail;                    // blocks that the tail should have at most
    size_t added;                   // vectors that went to the tail
    float *values;                  // room for the numbers of one
    uint8_t *record;                // room for its codes
    mb_vector_block spare;          // for what the cache does not hold
} mb_vector_writer;

MB_HIDDEN_BEGIN

// Begins a change; the reader, set and stamp stay in use until its end. False with the reader's
// error filled, as with all that follow. Needs mb_vector_writer_close then too.
bool mb_vector_writer_open(mb_vector_writer *writer, mb_reader *reader,
                           const mb_vector_set *set, const char *stamp, size_t stamp_length);

// Writes a vector, given as little-endian float32, in the place of one of that serial that
// there may be. True in 'added' when there was none.
bool mb_vector_put(mb_vector_writer *writer, uint32_t serial, const uint8_t *vector,
                   bool *added);

// Removes a vector.
bool mb_vector_remove(mb_vector_writer *writer, uint32_t serial);

// Ends the change.
bool mb_vector_writer_close(mb_vector_writer *writer);

// For vector_move.c: puts a record into a block that has room for it.
bool mb_vector_append(mb_vector_writer *writer, mb_vector_card *card, const uint8_t *record);

// Puts a record into the tail.
bool mb_vector_append_to_tail(mb_vector_writer *writer, const uint8_t *record);

// Removes a block.
bool mb_vector_drop_block(mb_vector_writer *writer, mb_vector_card *card);

MB_HIDDEN_END

#endif
