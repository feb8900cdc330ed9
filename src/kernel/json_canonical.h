// The canonical form of JSON: one text for all texts of the same document, so that documents
// compare as bytes. The keys of an object are in the order of their bytes (as JSON writes them,
// escapes and all), there is no white space, and a number is written by its value: 1.0, 1e0 and
// 1 are all 1.
#ifndef MB_KERNEL_JSON_CANONICAL_H
#define MB_KERNEL_JSON_CANONICAL_H

#include "kernel/buffer.h"
#include "kernel/common.h"

// What the work needs, to be used again and again.
typedef struct mb_json_canonical {
    mb_buffer text;   // the canonical form
    mb_buffer pieces; // keys and scalars, in the order in which they were read
    mb_buffer nodes;  // every value of the document, and how they hang together
    bool reduced;     // a double is written as an integer: reading it back gives another type
} mb_json_canonical;

MB_HIDDEN_BEGIN

// Makes a canonicalizer that owns nothing yet.
void mb_json_canonical_init(mb_json_canonical *form, mb_allocator allocator);

// Writes the canonical form of a JSON text to `form->text`. The keys of an object must differ.
// Returns NULL or what is wrong with the text; `text.failed` tells that memory ran out.
// `unescaped` is the reader's, see mb_json_read.
const char *mb_json_canonicalize(mb_json_canonical *form, const char *text, size_t length,
                                 mb_buffer *unescaped);

// Gives memory back where it is more than `keep` bytes.
void mb_json_canonical_trim(mb_json_canonical *form, size_t keep);

// Gives the memory back.
void mb_json_canonical_free(mb_json_canonical *form);

MB_HIDDEN_END

#endif
