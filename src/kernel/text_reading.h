// A closer reading of texts in the order in which they were said. What was said next to a text
// tells what it is about ("And the second one?" - "Blue."), so a text shares in the words of
// its neighbours. The numbers were chosen by measuring; docs/search.md tells how.
#ifndef MB_KERNEL_TEXT_READING_H
#define MB_KERNEL_TEXT_READING_H

#include "kernel/buffer.h"

// Neighbours on each side that share their words.
enum { MB_READING_REACH = 3 };

// A word that is looked for.
typedef struct mb_reading_word {
    uint64_t hash;
    unsigned char first;  // its first byte
    unsigned char second; // its second byte, 0 when there is none
    double rarity;        // how much it tells
} mb_reading_word;

typedef struct mb_reading {
    const mb_reading_word *words; // that are looked for
    size_t word_count;
    uint64_t begins[128]; // by the first ASCII character of a word: a bit for each second one
    mb_buffer texts;      // what was read
    size_t count;         // of the texts
} mb_reading;

MB_HIDDEN_BEGIN

// Begins to read; the words must stay where they are.
void mb_reading_open(mb_reading *reading, const mb_reading_word *words, size_t count,
                     mb_allocator allocator);

// Reads the next text, which is a neighbour of the one before or is not. False when there is no
// memory.
bool mb_reading_add(mb_reading *reading, const char *text, size_t length, bool neighbour);

// Writes for each text how much of what is looked for is in it and next to it: 0 to 1.
void mb_reading_shares(mb_reading *reading, double *shares);

// Gives the memory back.
void mb_reading_close(mb_reading *reading);

MB_HIDDEN_END

#endif
