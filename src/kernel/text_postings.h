// Postings: in which texts a word is, and how often. A list of them is bytes: for each text the
// distance from the one before, shifted by a bit that tells whether the word is there more than
// once; how often, if so; and the words of the text. All numbers take as few bytes as they
// need.
#ifndef MB_KERNEL_TEXT_POSTINGS_H
#define MB_KERNEL_TEXT_POSTINGS_H

#include "kernel/common.h"

typedef struct mb_posting {
    uint32_t serial; // of the text
    uint32_t count;  // how often the word is in it, from 1
    uint32_t words;  // how many words the text has
} mb_posting;

enum { MB_POSTING_MAX = 15, MB_VARINT_MAX = 10 };

// The pairs of count and words of which at least one weighs as much as any posting of a list,
// however long texts are on the average: none has both a smaller count and more words than
// another one. All zero: of none.
enum { MB_POSTING_PEAKS = 4 };
typedef struct mb_posting_peaks {
    uint32_t count[MB_POSTING_PEAKS]; // ascending
    uint32_t words[MB_POSTING_PEAKS]; // ascending
    uint32_t used;                    // how many
} mb_posting_peaks;

// An entry of a page: a word with its list, or with the number of its list when that is long.
typedef struct mb_text_entry {
    uint64_t hash;       // of the word
    uint32_t count;      // in how many texts it is; 0: its list is elsewhere
    const uint8_t *data; // the list
    size_t size;         // bytes of it
    uint32_t list;       // the number of a list elsewhere
} mb_text_entry;

enum { MB_ENTRY_HEAD = 8 + 5 + 5 };

MB_HIDDEN_BEGIN

// Appends a number; gives what is behind it.
uint8_t *mb_varint_write(uint8_t *out, uint64_t value);

// Reads a number of at most 32 bits. NULL when there is none before `end`.
const uint8_t *mb_varint_read(const uint8_t *p, const uint8_t *end, uint32_t *value);

// Appends a posting behind the one of serial `previous` (0: the first one), at most
// MB_POSTING_MAX bytes; gives what is behind it.
uint8_t *mb_posting_write(uint8_t *out, uint32_t previous, const mb_posting *posting);

// Reads a list of so many postings, which must take all the bytes. False when it is damaged.
bool mb_postings_read(const uint8_t *data, size_t size, mb_posting *out, size_t count);

// Takes a posting into account.
void mb_posting_peaks_add(mb_posting_peaks *peaks, uint32_t count, uint32_t words);

// Appends an entry without its list, at most MB_ENTRY_HEAD bytes; gives what is behind it.
uint8_t *mb_text_entry_write(uint8_t *out, const mb_text_entry *entry);

// Reads the entry at p. Gives what is behind it with its list, NULL when it is damaged.
const uint8_t *mb_text_entry_read(const uint8_t *p, const uint8_t *end, mb_text_entry *entry);

MB_HIDDEN_END

#endif
