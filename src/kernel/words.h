// A short string as two machine words, read without looking beyond its end.
#ifndef MB_KERNEL_WORDS_H
#define MB_KERNEL_WORDS_H

#include <string.h>

#include "kernel/common.h"

enum { MB_WORDS_LONGEST = 16 };

typedef struct mb_words {
    uint64_t head; // begins with the first bytes
    uint64_t tail; // ends with the last bytes
} mb_words;

// Reads a string of 1 to MB_WORDS_LONGEST bytes; of a longer one, its two ends. The words hold
// all its bytes, some of them more than once, and no others.
static inline mb_words mb_words_read(const char *p, size_t length)
{
    mb_words words;
    uint32_t head, tail;
    if (length >= 8) {
        memcpy(&words.head, p, 8);
        memcpy(&words.tail, p + length - 8, 8);
        return words;
    }
    if (length >= 4) {
        memcpy(&head, p, 4);
        memcpy(&tail, p + length - 4, 4);
    } else {
        const unsigned char *bytes = (const unsigned char *)p;
        head = bytes[0] | (unsigned)bytes[length / 2] << 8 | (unsigned)bytes[length - 1] << 16 |
               (unsigned)bytes[0] << 24;
        tail = head;
    }
    words.head = words.tail = head | (uint64_t)tail << 32;
    return words;
}

// Writes the string of `length` bytes, 1 to MB_WORDS_LONGEST, that the words were read from.
static inline void mb_words_write(char *out, size_t length, mb_words words)
{
    uint32_t head = (uint32_t)words.head, tail = (uint32_t)(words.head >> 32);
    if (length >= 8) {
        memcpy(out, &words.head, 8);
        memcpy(out + length - 8, &words.tail, 8);
    } else if (length >= 4) {
        memcpy(out, &head, 4);
        memcpy(out + length - 4, &tail, 4);
    } else {
        out[0] = (char)head;
        out[length / 2] = (char)(head >> 8);
        out[length - 1] = (char)(head >> 16);
    }
}

#endif
