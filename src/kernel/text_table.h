// What the tokenizer knows of characters beyond ASCII, as tables that scripts/text_table.py
// writes from the Unicode database.
#ifndef MB_KERNEL_TEXT_TABLE_H
#define MB_KERNEL_TEXT_TABLE_H

#include "kernel/common.h"

// How a character takes part in words.
typedef enum mb_text_class {
    MB_TEXT_SEPARATOR, // not at all
    MB_TEXT_WORD,      // words are made of it
    MB_TEXT_SPACELESS, // its script has no spaces between words
    MB_TEXT_SKIPPED    // an accent or the like: as if it were not there
} mb_text_class;

// Large letters `first` to `last`, every `step`-th, whose small ones lie `distance` further on.
typedef struct mb_text_case_run {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t distance;
} mb_text_case_run;

// Where the two blocks of mb_text_folded lie: Latin, Greek, Cyrillic and Armenian; and letters
// of these with accents.
enum {
    MB_TEXT_BLOCK1 = 0x80,
    MB_TEXT_BLOCK1_END = 0x590,
    MB_TEXT_BLOCK2 = 0x1E00,
    MB_TEXT_BLOCK2_END = 0x2000,
    MB_TEXT_PAIRS = 0xE000 // from here on: indexes of mb_text_pairs
};

MB_HIDDEN_BEGIN

// Of each character of the blocks: 0 a separator, 1 skipped, else the letter that it stands for
// without case and accents, or the number of two.
extern const uint16_t mb_text_folded[];
extern const uint32_t mb_text_pairs[]; // the first one << 16 | the second one

// Where each class begins: character << 2 | class, ascending.
extern const uint32_t mb_text_classes[];
extern const size_t mb_text_class_count;

// In ascending order.
extern const mb_text_case_run mb_text_case_runs[];
extern const size_t mb_text_case_run_count;

MB_HIDDEN_END

#endif
