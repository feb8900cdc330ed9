// Where in a text the words of a query are.
#ifndef MB_KERNEL_TEXT_MATCH_H
#define MB_KERNEL_TEXT_MATCH_H

#include "kernel/text_terms.h"

MB_HIDDEN_BEGIN

// Where the piece of so many bytes begins that has most of the query's words (the first 64 of
// them); of several the first. The length of the text when it has none of them.
size_t mb_text_match(const mb_text_terms *query, const char *text, size_t length, size_t piece);

MB_HIDDEN_END

#endif
