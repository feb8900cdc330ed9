// The blocks of a set of vectors as a connection knows them. Each has a card (table
// vector_cards), which says how many records are in it, and where it is a cell (see
// vector_cells.h), what it lies around. Blocks without a centre hold vectors in the order of
// their arrival, until there are too many of them: the tail.
//
// What is kept in memory is never a second truth. A search first compares the stamp of its set,
// in its own view of the file, with the one under which the cards were read, and where it is
// another one, reads the cards again; a block whose card bears another stamp is read again. A
// stamp is unique: it is made anew for every change, so what was changed and rolled back, or
// was changed in another process, in another coroutine's transaction or in an older view of the
// file bears another one.
#ifndef MB_STORAGE_VECTOR_VIEW_H
#define MB_STORAGE_VECTOR_VIEW_H

#include "storage/vector_blocks.h"

// Rows in memory of their own. All zero: none.
typedef struct mb_vector_block {
    mb_vector_rows rows;
    void *memory; // holds all of them; NULL: not read
    size_t bytes; // its size
    bool plain;   // no norm is beyond what the approximation can deal with
} mb_vector_block;

typedef struct mb_vector_card {
    size_t number;                 // of the block
    char stamp[MB_STAMP_SIZE + 1]; // of its last change
    size_t records;                // how many are in it
    uint32_t low;                  // no serial in it is less...
    uint32_t high;                 // ...or greater
    uint8_t *centre;               // as a record, whose product with a vector is a dot product;
                                   // NULL: the block is of the tail
    float spread;                  // see vector_cells.h
    float reach;                   // that, or half the way to its farthest vector
    size_t cell;                   // which of the view's cells it is
    bool changed;                  // from what its row says
    mb_vector_block block;         // its records, where they are in memory
    uint64_t used;                 // when last
} mb_vector_card;

// A set in the cache.
typedef struct mb_vector_view {
    int64_t key;                   // of the set
    char stamp[MB_STAMP_SIZE + 1]; // under which the cards were read; "": they are not
    mb_vector_card *cards;         // ascending by number
    size_t count;                  // how many
    size_t capacity;               // how many fit
    mb_vector_block cells;         // the centres, each with its block's number as serial
    size_t cells_capacity;         // how many fit
    size_t bytes;                  // of the blocks' memory
    uint64_t used;                 // when last
} mb_vector_view;

MB_HIDDEN_BEGIN

// Memory for so many rows; what was in it is lost.
bool mb_vector_block_reserve(mb_reader *reader, mb_vector_block *block, size_t dim,
                             size_t count);
void mb_vector_block_free(mb_vector_block *block);

// Reads the cards where they are not those of the set's stamp. False with the reader's error
// filled, as with all that follow; the view is empty then.
bool mb_vector_view_load(mb_reader *reader, const mb_vector_set *set, mb_vector_view *view);

// Adds the card of a new block, empty and of the tail; NULL where that fails. Cards move.
mb_vector_card *mb_vector_view_add(mb_reader *reader, mb_vector_view *view);

// Makes the block of a card a cell around a centre, which is copied. Its reach is its spread.
bool mb_vector_view_set_cell(mb_reader *reader, const mb_vector_set *set, mb_vector_view *view,
                             mb_vector_card *card, const float *centre, float spread);

// Takes note of a vector in a cell, of which the square of its distance from the centre is
// given.
void mb_vector_card_stretch(mb_vector_card *card, float square);

// Takes a card out. Cards move.
void mb_vector_view_remove(mb_vector_view *view, mb_vector_card *card);

// The card of a block that there is.
mb_vector_card *mb_vector_view_find(const mb_vector_view *view, size_t number);

// The records of a card's block in memory are out of date.
void mb_vector_view_forget(mb_vector_view *view, mb_vector_card *card);

// Writes the row of a card under a stamp, or deletes it.
bool mb_vector_card_write(mb_reader *reader, const mb_vector_set *set, mb_vector_card *card,
                          const char *stamp, size_t stamp_length);
bool mb_vector_card_delete(mb_reader *reader, const mb_vector_set *set, size_t number);

// Gives everything back.
void mb_vector_view_free(mb_vector_view *view);

MB_HIDDEN_END

#endif
