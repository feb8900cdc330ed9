// Codes of collections kept in memory as the kernels want them, per connection.
//
// The cache is never a second truth. A search first reads the stamp of its collection in its
// own view of the file, and where that is not the one the cache was filled under, those of the
// blocks; a block that bears another one is read again. A stamp is unique: it is made anew for
// every change, so what was changed and rolled back, or was changed in another process, in
// another coroutine's transaction or in an older view of the file bears another stamp.
#ifndef MB_STORAGE_VECTOR_CACHE_H
#define MB_STORAGE_VECTOR_CACHE_H

#include "storage/vector_blocks.h"

// What the cache of a connection may hold unless it is told otherwise.
#define MB_VECTOR_CACHE_LIMIT ((size_t)128 * 1024 * 1024)

// A block, unpacked. All zero: none.
typedef struct mb_vector_block {
    char stamp[MB_STAMP_SIZE + 1]; // under which it was read
    bool plain;                    // no norm is beyond what the approximation can deal with
    size_t records;                // how many
    void *memory;                  // holds all that follows; NULL: not read yet
    size_t bytes;                  // its size
    uint8_t *codes;                // 128 too high, a stride apart
    float *factors;                // see mb_record
    float *norms;                  // see mb_record
    float *bases;                  // what is added to a product for the nearness
    uint32_t *serials;             // see mb_record
} mb_vector_block;

// A collection in the cache.
typedef struct mb_vector_view {
    int64_t key;                   // of the collection
    char stamp[MB_STAMP_SIZE + 1]; // under which the blocks' stamps were read; "": none
    mb_vector_block *blocks;       // by number
    size_t count;                  // how many
    size_t bytes;                  // of their memory
    uint64_t used;                 // when last
} mb_vector_view;

MB_HIDDEN_BEGIN

// The collection in the cache, with the blocks that it has in the reader's view of the file.
// NULL with the reader's error filled.
mb_vector_view *mb_vector_view_get(mb_reader *reader, const mb_vector_set *set);

// A block of it: in the cache, or read into it; or, where it does not fit, read into `spare`,
// which the caller keeps from one to the next and frees. NULL with the reader's error filled.
const mb_vector_block *mb_vector_block_get(mb_reader *reader, const mb_vector_set *set,
                                           mb_vector_view *view, size_t number,
                                           mb_vector_block *spare);

// Gives the memory of a block back.
void mb_vector_block_free(mb_vector_block *block);

// Changes how many bytes of blocks the cache may hold. False for lack of memory.
bool mb_vector_cache_limit(mb_connection *connection, size_t bytes);

// How many it holds now.
size_t mb_vector_cache_bytes(const mb_connection *connection);

// Gives all of it back. For the end of a connection.
void mb_vector_cache_free(mb_connection *connection);

MB_HIDDEN_END

#endif
