// The codes of a collection's vectors, packed in blocks (table vector_blocks): a row holds the
// records of many vectors one after the other. The vectors of a collection have slots 0 to
// count - 1 without gaps, and slot s is record s % records of block s / records.
//
// A change writes one record in the place where it is, so it dirties one or two pages, not the
// block. It leaves a stamp that was never used before (table vector_stamps), by which whoever
// keeps a block in memory knows that it is out of date; see vector_cache.h.
#ifndef MB_STORAGE_VECTOR_BLOCKS_H
#define MB_STORAGE_VECTOR_BLOCKS_H

#include "kernel/vector_codes.h"
#include "storage/reader.h"

// A collection, as the reader's view of the file has it.
typedef struct mb_vector_set {
    int64_t key;         // its number; a row's key is key << 32 | the number in it
    size_t dim;          // numbers of a vector
    mb_metric metric;    // what nearness is
    size_t count;        // how many vectors there are
    const char *stamp;   // of its last change
    size_t stamp_length; // at most MB_STAMP_SIZE
} mb_vector_set;

enum { MB_STAMP_SIZE = 36 };

typedef struct mb_block_writer {
    mb_reader *reader;        // inside a transaction of its user
    const mb_vector_set *set; // the stamp is that of the change being made
    sqlite3_blob *blob;       // the block that is open; NULL: none
    size_t block;             // its number
    size_t capacity;          // how many records fit
} mb_block_writer;

MB_HIDDEN_BEGIN

// The bytes of a record, and how many of them a full block holds.
size_t mb_record_size(size_t dim);
size_t mb_block_records(size_t dim);

// The key of a row of the collection.
int64_t mb_vector_key(const mb_vector_set *set, size_t number);

void mb_blocks_open(mb_block_writer *writer, mb_reader *reader, const mb_vector_set *set);

// Writes or reads the record of a slot; a write makes the block, or makes it larger, if need
// be. False with the reader's error filled.
bool mb_blocks_write(mb_block_writer *writer, size_t slot, const uint8_t *record);
bool mb_blocks_read(mb_block_writer *writer, size_t slot, uint8_t *record);

// Removes the block of a slot that is the first one in it, being free now.
bool mb_blocks_release(mb_block_writer *writer, size_t slot);

// Ends the use. False with the reader's error filled when something went wrong, now or before.
bool mb_blocks_close(mb_block_writer *writer);

MB_HIDDEN_END

#endif
