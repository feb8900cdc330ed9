// Views of sets of vectors and the codes of their blocks, kept in memory per connection.
#ifndef MB_STORAGE_VECTOR_CACHE_H
#define MB_STORAGE_VECTOR_CACHE_H

#include "storage/vector_view.h"

// What the cache of a connection may hold unless it is told otherwise.
#define MB_VECTOR_CACHE_LIMIT ((size_t)128 * 1024 * 1024)

MB_HIDDEN_BEGIN

// The set in the cache, with the cards that it has in the reader's view of the file. NULL with
// the reader's error filled.
mb_vector_view *mb_vector_view_get(mb_reader *reader, const mb_vector_set *set);

// The block of a card: in the cache, or read into it; or, where it does not fit, read into
// `spare`, which the caller keeps from one to the next and frees. NULL with the reader's error
// filled.
const mb_vector_block *mb_vector_block_get(mb_reader *reader, const mb_vector_set *set,
                                           mb_vector_view *view, mb_vector_card *card,
                                           mb_vector_block *spare);

// Changes how many bytes of blocks the cache may hold. False for lack of memory.
bool mb_vector_cache_limit(mb_connection *connection, size_t bytes);

// How many it holds now.
size_t mb_vector_cache_bytes(const mb_connection *connection);

// Gives all of it back. For the end of a connection.
void mb_vector_cache_free(mb_connection *connection);

MB_HIDDEN_END

#endif
