// Taking texts out of the segments of a set.
#ifndef MB_STORAGE_TEXT_REMOVE_H
#define MB_STORAGE_TEXT_REMOVE_H

#include "storage/text_build.h"

MB_HIDDEN_BEGIN

// Takes out all words of texts that the builder took in, as they were put. What several of them
// share is written once. False with the reader's error filled; MB_CORRUPT when one of the words
// is not there.
bool mb_text_remove_all(mb_reader *r, int64_t set, mb_text_builder *texts);

MB_HIDDEN_END

#endif
