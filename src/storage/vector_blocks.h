// The codes of a set's vectors in the file, packed in blocks (table vector_blocks): a row holds
// the records of many vectors one after the other, behind them zeros. How many there are says
// the block's card; see vector_view.h.
//
// A change writes one record in the place where it is, so it dirties one or two pages, not the
// block.
#ifndef MB_STORAGE_VECTOR_BLOCKS_H
#define MB_STORAGE_VECTOR_BLOCKS_H

#include "kernel/vector_rows.h"
#include "storage/reader.h"

enum { MB_STAMP_SIZE = 36 };

// A set of vectors, as the reader's view of the file has it.
typedef struct mb_vector_set {
    int64_t key;         // its number; a row's key is key << 32 | the number in it
    size_t dim;          // numbers of a vector
    mb_metric metric;    // what nearness is
    size_t count;        // how many vectors there are
    const char *stamp;   // of its last change
    size_t stamp_length; // at most MB_STAMP_SIZE
} mb_vector_set;

// Writes records one by one, into the block that it has open.
typedef struct mb_block_writer {
    mb_reader *reader;        // inside a transaction of its user
    const mb_vector_set *set; // whose blocks
    sqlite3_blob *blob;       // the block that is open; NULL: none
    size_t block;             // its number
    size_t capacity;          // how many records fit
} mb_block_writer;

MB_HIDDEN_BEGIN

// The bytes of a record, and how many of them a full block holds.
size_t mb_record_size(size_t dim);
size_t mb_block_records(size_t dim);

// The key of a row of the set.
int64_t mb_vector_key(const mb_vector_set *set, size_t number);

// Fails the reader for damage. Returns false.
bool mb_vectors_damaged(mb_reader *reader, const mb_vector_set *set);

// Reads the exact numbers of a vector from a column of the present row. False with the reader's
// error filled when they are not there.
bool mb_vector_numbers(mb_reader *reader, const mb_vector_set *set, int column, uint32_t serial,
                       float *values);

// Fails the reader for a vector that is not there whole. Returns false.
bool mb_vector_missing(mb_reader *reader, const mb_vector_set *set, uint32_t serial);

// Unpacks the first records of a block into rows that have room for them. `plain` becomes false
// when the approximation cannot deal with one of the norms.
bool mb_block_read(mb_reader *reader, const mb_vector_set *set, size_t block, size_t records,
                   mb_vector_rows *rows, bool *plain);

// Writes a whole block, in the place of one that there may be. False with the reader's error
// filled, as with all that follow.
bool mb_block_write(mb_block_writer *writer, size_t block, const mb_vector_rows *rows);

// Makes an empty block. The first one of a set begins small.
bool mb_block_make(mb_block_writer *writer, size_t block, bool first);

// Writes a record at its place; the block grows if need be.
bool mb_block_put(mb_block_writer *writer, size_t block, size_t at, const uint8_t *record);

bool mb_block_delete(mb_block_writer *writer, size_t block);

// Ends the use of what is open. False with the reader's error filled when something went wrong,
// now or before.
bool mb_block_close(mb_block_writer *writer);

MB_HIDDEN_END

#endif
