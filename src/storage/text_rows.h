// The rows of a text index.
//
// A set of texts is a row of text_sets. What is put comes first into the tail (table text_tail,
// a row for each text); when that is long enough, all of it becomes a segment: pages of entries
// in the order of their words' hashes (text_pages), and the lists that are too long for a page,
// cut into chunks (text_lists). Segments of one size are merged into a larger one, a range of
// hashes after the other, a bounded part with each new segment; until that is done, the words
// below the range's end are in the new segment and the others still in the old ones. So a
// posting is always in one place, every commit does a bounded work, and what is removed is
// taken out of that place in the same transaction.
//
// A word's place in the order is the upper MB_TEXT_PLACE_BITS of its hash. Keys: of the tail
// set << 32 | serial; of a page segment << 40 | place of its first word; of a list's directory
// segment << 40 | list, so that directories lie together; of a chunk segment << 40 | list << 20
// | number. Lists and numbers count from 1.
#ifndef MB_STORAGE_TEXT_ROWS_H
#define MB_STORAGE_TEXT_ROWS_H

#include "kernel/text_postings.h"
#include "storage/reader.h"

enum {
    MB_TEXT_PLACE_BITS = 40,
    MB_TEXT_LIST_BITS = 20,
    MB_TEXT_PAGE = 4040,   // bytes of a page, so that a row fills a page of the file
    MB_TEXT_INLINE = 1320, // bytes of a list within one, at most
    MB_TEXT_SOURCES = 64   // segments of a set, at most
};

#define MB_TEXT_PLACES ((int64_t)1 << MB_TEXT_PLACE_BITS)

// A set, as the reader's view of the file has it.
typedef struct mb_text_set {
    int64_t key;        // its number
    int64_t docs;       // texts with a word
    int64_t words;      // of all of them
    int64_t tail_docs;  // texts in the tail
    int64_t tail_bytes; // of their rows
} mb_text_set;

typedef struct mb_text_segment {
    int64_t key;          // its number
    int64_t level;        // how often what is in it was merged
    int64_t low;          // it holds words from this place on,
    int64_t high;         // to before this one
    int64_t first_serial; // of its texts, about
    int64_t last_serial;  // of its texts, about
    int64_t lists;        // the next list's number
    int64_t bytes;        // of its pages and chunks, about
    int64_t target;       // the segment that it is being merged into; 0: none
} mb_text_segment;

// The segments of a set, the oldest first.
typedef struct mb_text_segments {
    mb_text_segment items[MB_TEXT_SOURCES];
    size_t count;
} mb_text_segments;

MB_HIDDEN_BEGIN

// Fills the set of that key in, all zero when it has no texts. False with the reader's error
// filled, here and below.
bool mb_text_set_read(mb_reader *r, int64_t key, mb_text_set *set);
bool mb_text_set_write(mb_reader *r, const mb_text_set *set);

bool mb_text_segments_read(mb_reader *r, int64_t set, mb_text_segments *segments);

// Adds a segment, whose key it fills in, or changes one.
bool mb_text_segment_add(mb_reader *r, int64_t set, mb_text_segment *segment);
bool mb_text_segment_write(mb_reader *r, const mb_text_segment *segment);

// Removes a segment with all that is in it.
bool mb_text_segment_delete(mb_reader *r, int64_t key);

// A blob of the present row, valid until the next one. There must be one.
const uint8_t *mb_text_blob(mb_reader *r, int column, size_t *size);

// The index is damaged. Returns false.
bool mb_text_damaged(mb_reader *r);

MB_HIDDEN_END

// The place of a word.
static inline int64_t mb_text_place(uint64_t hash)
{
    return (int64_t)(hash >> (64 - MB_TEXT_PLACE_BITS));
}

// The key of a page, or with a place of 0 where those of a segment begin.
static inline int64_t mb_text_key(int64_t segment, int64_t place)
{
    return (int64_t)((uint64_t)segment << MB_TEXT_PLACE_BITS | (uint64_t)place);
}

static inline int64_t mb_text_directory_key(int64_t segment, uint32_t list)
{
    return mb_text_key(segment, list);
}

static inline int64_t mb_text_chunk_key(int64_t segment, uint32_t list, uint32_t number)
{
    return mb_text_key(segment, (int64_t)list << MB_TEXT_LIST_BITS | number);
}

#endif
