// The postings of one word in one segment, or in the tail, while a search goes through them in
// the order of their serials.
#ifndef MB_STORAGE_TEXT_SOURCE_H
#define MB_STORAGE_TEXT_SOURCE_H

#include "kernel/text_weight.h"
#include "storage/text_lists.h"

typedef struct mb_text_source {
    mb_posting *items; // the postings; NULL: the list is long
    size_t count;      // how many, or how many of the present part
    size_t at;         // the next one
    uint64_t next;     // no posting from there on has a lower serial
    uint32_t most;     // no posting counts more, unless the list is long
    // only of a long list, which is read part by part
    mb_text_chunk *chunk;        // the present part; NULL: none was read yet
    mb_text_directory directory; // of its parts
    uint32_t *bounds;            // no posting of a part counts more
    size_t part;                 // the present part
    bool loaded;                 // it is in memory
    int64_t segment;             // where the list is
    uint32_t list;               // its number; 0: the list is not long
} mb_text_source;

// A text that may be among the best.
typedef struct mb_text_candidate {
    uint32_t serial;
    uint32_t score; // what the words counted so far give
} mb_text_candidate;

MB_HIDDEN_BEGIN

// Computes what no posting counts more than.
bool mb_text_source_weigh(mb_reader *r, mb_text_source *s, const mb_text_weight *weight);

// Goes to the first posting of serial `from` or greater, or to the part that it would be in;
// gives the serial that it has at least, `next`, and UINT32_MAX + 1 where there is none.
uint64_t mb_text_source_seek(mb_text_source *s, uint32_t from);

// What no posting up to serial `to` counts more than, from the present one on.
uint32_t mb_text_source_bound(const mb_text_source *s, uint32_t to);

// Adds what postings from the present one up to serial `to` count to those of texts `from` on.
// Parts in which none counts more than `idle` may be left out.
bool mb_text_source_add(mb_reader *r, mb_text_source *s, const mb_text_weight *weight,
                        int64_t idle, uint32_t from, uint32_t to, uint32_t *scores,
                        uint64_t *touched);

// Adds what they count to those of some texts only, whose serials ascend. Texts whose score
// does not get above `idle` by it may be left out.
bool mb_text_source_probe(mb_reader *r, mb_text_source *s, const mb_text_weight *weight,
                          int64_t idle, mb_text_candidate *texts, size_t count);

void mb_text_source_free(mb_text_source *s);

MB_HIDDEN_END

#endif
