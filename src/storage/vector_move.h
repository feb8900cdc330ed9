// Moves the codes of vectors between the tail and the cells; see vector_write.h.
#ifndef MB_STORAGE_VECTOR_MOVE_H
#define MB_STORAGE_VECTOR_MOVE_H

#include "kernel/vector_top.h"
#include "storage/vector_write.h"

MB_HIDDEN_BEGIN

// Ranks the cells (by their place among the view's cells) for a record, the nearest first, into
// 'order', whose items the caller frees: closeness as in
// vector_cells.h. False with the reader's error filled, as with all that
// follow.
bool mb_vector_rank_cells(mb_vector_writer *writer, const uint8_t *record,
                          mb_vector_top *order);

// Moves vectors from a tail that is too long into cells, not many more than were added.
bool mb_vector_shorten_tail(mb_vector_writer *writer, size_t added);

// Moves the vectors of a cell to the tail and removes it.
bool mb_vector_give_up(mb_vector_writer *writer, mb_vector_card *card);

MB_HIDDEN_END

#endif
