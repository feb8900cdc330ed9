// Many postings as columns of numbers of one width: the serials can be read fast, without the
// rest, and the rest at one place alone. For the chunks of long lists.
//
// A byte tells the widths, then comes the first serial, of four bytes; the distances of each
// posting from the one before (0 for the first); the counts, less one; and the words that are
// not this one.
#ifndef MB_KERNEL_TEXT_COLUMNS_H
#define MB_KERNEL_TEXT_COLUMNS_H

#include "kernel/text_postings.h"

// Postings of a chunk, and what bytes they take, at most: as many as fit into
// MB_TEXT_COLUMNS_BYTES, so that a row fills a page of the file; more only where serials were
// taken out between them, which makes distances wide.
enum {
    MB_TEXT_COLUMNS_MAX = 1536,
    MB_TEXT_COLUMNS_BYTES = 4040,
    MB_TEXT_COLUMNS_ROOM = 8 + MB_TEXT_COLUMNS_MAX * 12
};

// The columns of a chunk that is read.
typedef struct mb_text_columns {
    const uint8_t *distances;
    const uint8_t *counts;
    const uint8_t *words;
    uint32_t first;          // serial
    unsigned distance_width; // bytes
    unsigned count_bits;     // bits
    unsigned words_width;    // bytes
    size_t count;            // of postings
} mb_text_columns;

MB_HIDDEN_BEGIN

// Writes postings to `out`, which has MB_TEXT_COLUMNS_ROOM bytes: all, of which there are no
// more than MB_TEXT_COLUMNS_MAX; or, with `fit`, as many as fit. Changes `count` to how many
// were written; gives their bytes.
size_t mb_text_columns_write(uint8_t *out, const mb_posting *items, size_t *count, bool fit);

// Finds the columns of so many postings. False when the bytes cannot be theirs.
bool mb_text_columns_open(mb_text_columns *c, const uint8_t *data, size_t size, size_t count);

// Reads the serials. False when they do not ascend to `last`.
bool mb_text_columns_serials(const mb_text_columns *c, uint32_t *serials, uint32_t last);

MB_HIDDEN_END

static inline uint32_t mb_text_number(const uint8_t *p, unsigned width)
{
    uint32_t value = p[0];
    if (width > 1)
        value |= (uint32_t)p[1] << 8;
    if (width > 2)
        value |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return value;
}

// How often the word is in the text of a posting, and how many words that has.
static inline uint32_t mb_text_columns_count(const mb_text_columns *c, size_t at)
{
    if (c->count_bits == 4)
        return (uint32_t)(c->counts[at / 2] >> (at % 2 * 4) & 15) + 1;
    return c->count_bits == 0 ? 1 : mb_text_number(c->counts + 4 * at, 4) + 1;
}

static inline uint32_t mb_text_columns_words(const mb_text_columns *c, size_t at,
                                             uint32_t count)
{
    return mb_text_number(c->words + at * c->words_width, c->words_width) + count;
}

#endif
