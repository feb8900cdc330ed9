// Changing a text index. Inside a transaction of the reader's user only.
#ifndef MB_STORAGE_TEXT_INDEX_H
#define MB_STORAGE_TEXT_INDEX_H

#include "storage/text_build.h"

// Texts that are put or taken out, one after the other; not the same ones.
typedef struct mb_text_change {
    mb_reader *reader;
    mb_text_set set;         // as it is now
    mb_text_builder builder; // for those that are more than the tail is worth
    mb_text_builder gone;    // those that are taken out of segments
    bool bulk;               // many are coming
} mb_text_change;

MB_HIDDEN_BEGIN

// Begins to change a set: many texts are coming, or few.
bool mb_text_change_open(mb_text_change *c, mb_reader *reader, int64_t set, bool bulk);

// Puts a text, by its terms as a document. One without words leaves no trace.
bool mb_text_put(mb_text_change *c, uint32_t serial, const mb_text_terms *terms);

// Takes a text out, by the same terms; some of it only at the end of the change.
bool mb_text_remove(mb_text_change *c, uint32_t serial, const mb_text_terms *terms);

// Writes what is left to write, and frees. False with the reader's error filled when something
// went wrong, now or before.
bool mb_text_change_close(mb_text_change *c);

// Removes all of a set.
bool mb_text_drop(mb_reader *r, int64_t set);

MB_HIDDEN_END

#endif
