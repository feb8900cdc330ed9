// Vectors of words without a model: each word and its runs of three and four characters are
// hashed to a place and a sign. All sums are of whole numbers, so the same words give the same
// vector on every machine.
#ifndef MB_KERNEL_EMBED_HASH_H
#define MB_KERNEL_EMBED_HASH_H

#include "kernel/buffer.h"

typedef struct mb_embed_hash {
    mb_buffer table; // of features, by their hashes
    size_t count;    // features in the table
    size_t slots;    // of the table, a power of two; 0 before the first word
} mb_embed_hash;

MB_HIDDEN_BEGIN

// An embedding of no words yet.
void mb_embed_hash_init(mb_embed_hash *embed, mb_allocator allocator);

// Adds the words of a text. False when there is no memory.
bool mb_embed_hash_text(mb_embed_hash *embed, const char *text, size_t length);

// Writes the vector to `sums`, which holds `dim` zeros, and gives its length, by which the
// numbers are to be divided; 0 of a text without a word.
double mb_embed_hash_sum(const mb_embed_hash *embed, int64_t *sums, size_t dim);

// Gives the memory back.
void mb_embed_hash_free(mb_embed_hash *embed);

MB_HIDDEN_END

#endif
