// Chains of rows, stored as segments (table segments). Positions count from 1;
// positions 1..fork of a segment lie in its parent and that one's ancestors, those above in the
// segment itself. A row's key is segment << 32 | position. Whoever asks how two places lie to
// each other walks over segments, not over rows, and from jump to jump, so that thousands of
// segments are a few steps.
//
// Along a chain towards its beginning, fork and level only fall: a damaged file in which they
// do not is MB_CORRUPT, and no walk goes round in a circle.
#ifndef MB_STORAGE_CHAIN_H
#define MB_STORAGE_CHAIN_H

#include "storage/reader.h"

// The last position that a segment can have.
#define MB_LAST_POSITION 4294967295

typedef struct mb_segment {
    int64_t id;     // its number
    int64_t parent; // the segment it branches off; 0: none
    int64_t fork;   // the position it branches off at
    int64_t level;  // how many segments lie above it
    int64_t jump;   // one of them; 0: none
    int64_t owner;  // what it belongs to
    int64_t live;   // positions behind this one are tombstoned
} mb_segment;

typedef struct mb_place {
    int64_t segment;  // the one that holds the row; 0: nowhere
    int64_t position; // of the row
} mb_place;

// The rows of one segment behind position `low` and up to `high`.
typedef struct mb_range {
    int64_t segment;
    int64_t low;
    int64_t high;
} mb_range;

// A growing array; all zero is an empty one.
typedef struct mb_ranges {
    mb_range *items;
    size_t count;
    size_t capacity;
} mb_ranges;

MB_HIDDEN_BEGIN

// All of these give false with the reader's error filled when something is wrong.

// Reads a segment. One that is missing is MB_CORRUPT.
bool mb_chain_segment(mb_reader *r, int64_t id, mb_segment *segment);

// Reads the segment that `segment` branches off. It must have one. The two may be the same
// struct.
bool mb_chain_parent(mb_reader *r, const mb_segment *segment, mb_segment *parent);

// Finds the segment that holds a position, from 1, of the chain that ends in `tip`.
bool mb_chain_holder(mb_reader *r, int64_t tip, int64_t position, mb_segment *holder);

// Finds the last place that the chains to two places have in common; nowhere if there is none.
bool mb_chain_common(mb_reader *r, mb_place a, mb_place b, mb_place *common);

// Finds the segment nearest to `segment` among its ancestors that belongs to another owner; its
// id is 0 when there is none.
bool mb_chain_stranger(mb_reader *r, const mb_segment *segment, mb_segment *stranger);

// Appends the ranges of the chain that ends at a place, newest first, down to position `low`,
// which is left out. The first one may be empty.
bool mb_chain_ranges(mb_reader *r, mb_place end, int64_t low, mb_ranges *ranges);

// Appends a range.
bool mb_ranges_add(mb_reader *r, mb_ranges *ranges, mb_range range);

// Gives the memory back.
void mb_ranges_free(mb_ranges *ranges);

MB_HIDDEN_END

#endif
