// The words of a text as numbers, each once with how often it is there: what the index takes of
// a text.
#ifndef MB_KERNEL_TEXT_TERMS_H
#define MB_KERNEL_TEXT_TERMS_H

#include "kernel/buffer.h"

typedef struct mb_text_term {
    uint64_t hash;  // of the word
    uint64_t count; // how often it is in the text
} mb_text_term;

typedef struct mb_text_terms {
    mb_buffer items; // of mb_text_term, ascending by hash
    size_t count;    // how many
    uint64_t words;  // of the text: the sum of their counts
} mb_text_terms;

MB_HIDDEN_BEGIN

// Reads a text: a document's (with `singles`, see mb_text_open) or a query's. False when memory
// runs out. The items belong to the caller, who made their buffer.
bool mb_text_terms_read(mb_text_terms *terms, const char *text, size_t length, bool singles);

MB_HIDDEN_END

// The terms.
static inline mb_text_term *mb_text_terms_items(const mb_text_terms *terms)
{
    return (mb_text_term *)(void *)terms->items.data;
}

#endif
