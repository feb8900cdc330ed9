// Merging segments of one size into one of the next.
#ifndef MB_STORAGE_TEXT_MERGE_H
#define MB_STORAGE_TEXT_MERGE_H

#include "storage/text_pages.h"

MB_HIDDEN_BEGIN

// Begins the merges that are due, and goes on with all of them by an amount of work in
// proportion to the size of the segment that was just added, the last one.
bool mb_text_merge(mb_reader *r, int64_t set, mb_text_segments *segments);

MB_HIDDEN_END

#endif
