// Whether a text index agrees with itself.
#ifndef MB_STORAGE_TEXT_CHECK_H
#define MB_STORAGE_TEXT_CHECK_H

#include "storage/text_rows.h"

MB_HIDDEN_BEGIN

// Reads all of a set: the order of pages, lists and chunks, that every posting is where it
// belongs, that bounds hold, and that the sums are those of the set. False with the reader's
// error filled (MB_CORRUPT) where that is not so. Memory: one list and one page of each
// segment.
bool mb_text_check(mb_reader *r, int64_t set);

MB_HIDDEN_END

#endif
