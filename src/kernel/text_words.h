// The words of a text, as the index has them: without case and accents, English endings cut.
// Of scripts without spaces, every two neighbours are a word.
//
// Everything that compares texts by their words uses this tokenizer. Whatever the bytes are, it
// ends; those that are not UTF-8 separate words.
#ifndef MB_KERNEL_TEXT_WORDS_H
#define MB_KERNEL_TEXT_WORDS_H

#include "kernel/common.h"

// Bytes of a word that count; what is longer is cut, in queries and texts alike.
enum { MB_TEXT_WORD_MAX = 64 };

typedef struct mb_text_reader {
    const char *begin;                // of the text
    const char *at;                   // where the next word is looked for
    const char *end;                  // of the text
    bool singles;                     // give every character of spaceless scripts too
    bool single_given;                // the one at `at` was given
    bool in_run;                      // the character before `at` is of a spaceless script
    size_t length;                    // bytes of the present word
    size_t first;                     // where it begins in the text
    size_t last;                      // where it ends
    char word[MB_TEXT_WORD_MAX + 16]; // the present word, not terminated
} mb_text_reader;

MB_HIDDEN_BEGIN

// Begins to read. With `singles` also each character of a spaceless script is a word, so that a
// query for one character finds it: for a text that is indexed.
void mb_text_open(mb_text_reader *reader, const char *text, size_t length, bool singles);

// The next word: false when there is none.
bool mb_text_next(mb_text_reader *reader);

// A number for a word: two words that differ share one with a probability of 2^-64.
uint64_t mb_text_hash(const char *word, size_t length);

MB_HIDDEN_END

#endif
