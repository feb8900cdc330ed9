// How much a word in a text counts: BM25, as whole numbers, so that a sum is the same in
// whatever order it is made.
#ifndef MB_KERNEL_TEXT_WEIGHT_H
#define MB_KERNEL_TEXT_WEIGHT_H

#include <math.h>

#include "kernel/common.h"

// What a score of 1 is. A query of as many words as may be still has a sum of 32 bits.
#define MB_TEXT_ONE 262144.0

enum { MB_TEXT_QUERY_WORDS = 256 };

// How fast a word that is repeated counts for less, and how much longer texts count for less;
// what a word that tells nothing counts, beside others. Chosen by measuring: docs/search.md.
#define MB_TEXT_K1 0.9
#define MB_TEXT_B 0.3
#define MB_TEXT_FAINT 0.03125

// A word of a query against all texts of a set.
typedef struct mb_text_weight {
    double most;    // what any number of repetitions counts less than
    double base;    // part of what a count is set against that all texts share,
    double by_word; // and what every word of a text adds to it
} mb_text_weight;

// Of a word that is in `found` of `docs` texts, which have `words` words altogether.
static inline mb_text_weight mb_text_weigh(double docs, double words, double found)
{
    double rarity = log(1 + (docs - found + 0.5) / (found + 0.5));
    mb_text_weight weight = { .most = rarity * (MB_TEXT_K1 + 1) * MB_TEXT_ONE,
                              .base = MB_TEXT_K1 * (1 - MB_TEXT_B),
                              .by_word = MB_TEXT_K1 * MB_TEXT_B * docs / words };
    return weight;
}

// What the word counts in a text where it is `count` times, among so many words.
static inline uint32_t mb_text_score(const mb_text_weight *weight, uint32_t count,
                                     uint32_t words)
{
    double times = count;
    return (uint32_t)(weight->most * times / (times + weight->base + weight->by_word * words) +
                      0.5);
}

#endif
