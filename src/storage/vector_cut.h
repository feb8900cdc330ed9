// Cuts a cell that is full in two.
#ifndef MB_STORAGE_VECTOR_CUT_H
#define MB_STORAGE_VECTOR_CUT_H

#include "storage/vector_write.h"

MB_HIDDEN_BEGIN

// Cuts the cell of that block. Vectors of its halves that lie clearly nearer to another cell
// around it move there, and those of the cells around it that lie clearly nearer to a half move
// to it. False with the reader's error filled.
bool mb_vector_cut(mb_vector_writer *writer, size_t number);

MB_HIDDEN_END

#endif
