// The texts that match a query best, by BM25. They are scored a window of serials after the
// other. Where what the frequent words of the query can add at most does not make a text one of
// the best, their postings are only looked at for texts that have a rarer word, if at all.
#ifndef MB_STORAGE_TEXT_SEARCH_H
#define MB_STORAGE_TEXT_SEARCH_H

#include "kernel/text_terms.h"
#include "kernel/vector_top.h"
#include "storage/text_rows.h"

// What is known of a word of a query.
typedef struct mb_text_asked {
    bool faint;    // it tells nothing, and counts next to nothing
    bool told;     // for the user's own use
    double rarity; // the fewer texts have it the greater; filled by the search
} mb_text_asked;

typedef struct mb_text_wish {
    int64_t set;                // in which texts
    const mb_text_terms *terms; // of the query; no more than MB_TEXT_QUERY_WORDS count
    mb_text_asked *asked;       // of each of these, in their order
    const uint32_t *among;      // only these serials, ascending; NULL: all
    size_t among_count;         // how many
} mb_text_wish;

MB_HIDDEN_BEGIN

// Fills 'top', which is empty, with the best texts, the best first; keys are scores. False with
// the reader's error filled.
bool mb_text_search(mb_reader *reader, const mb_text_wish *wish, mb_vector_top *top);

MB_HIDDEN_END

#endif
