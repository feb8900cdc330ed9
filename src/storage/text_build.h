// Making a segment out of texts, and the tail, where texts wait for that.
#ifndef MB_STORAGE_TEXT_BUILD_H
#define MB_STORAGE_TEXT_BUILD_H

#include "kernel/text_terms.h"
#include "storage/text_pages.h"

// A word in a text.
typedef struct mb_text_item {
    uint64_t hash;      // of the word
    mb_posting posting; // where, and how often
} mb_text_item;

// Texts that become a segment. All zero: none.
typedef struct mb_text_builder {
    mb_text_item *items;
    size_t count;
    size_t capacity;
    uint32_t first_serial; // the least
    uint32_t last_serial;  // the greatest
} mb_text_builder;

// A text in the tail.
typedef struct mb_text_waiting {
    uint32_t serial;     // of the text
    uint32_t words;      // how many it has
    const uint8_t *data; // its terms
    const uint8_t *end;  // of them
} mb_text_waiting;

MB_HIDDEN_BEGIN

// Takes a text in.
bool mb_text_builder_add(mb_reader *r, mb_text_builder *b, uint32_t serial,
                         const mb_text_terms *terms);

// Orders what was taken in by word, then serial.
bool mb_text_builder_sort(mb_reader *r, mb_text_builder *b);

// Writes a segment of what was taken in, of which there must be some, and adds it to those of
// the set.
bool mb_text_builder_write(mb_reader *r, mb_text_builder *b, int64_t set,
                           mb_text_segments *segments);
void mb_text_builder_free(mb_text_builder *b);

// Puts a text into the tail, and tells the size of its row.
bool mb_text_tail_add(mb_reader *r, int64_t set, uint32_t serial, const mb_text_terms *terms,
                      size_t *size);

// Takes a text out of the tail, if it is there.
bool mb_text_tail_delete(mb_reader *r, int64_t set, uint32_t serial, bool *found);

// Begins to read the tail; gives the texts, whose terms are read by the one below. A text is
// valid until the next one is asked for.
bool mb_text_tail_read(mb_reader *r, int64_t set);
bool mb_text_tail_next(mb_reader *r, mb_text_waiting *text);
bool mb_text_tail_term(mb_reader *r, mb_text_waiting *text, mb_text_term *term);

// Moves all of the tail into the builder.
bool mb_text_tail_drain(mb_reader *r, int64_t set, mb_text_builder *b);

MB_HIDDEN_END

#endif
