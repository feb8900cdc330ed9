// Numbers to decimal text and back, exactly and whatever the locale.
#ifndef MB_KERNEL_NUMBER_H
#define MB_KERNEL_NUMBER_H

#include <string.h>

#include "kernel/common.h"

// Room for any number that is formatted here.
enum { MB_NUMBER_SIZE = 32 };

// The digits of a number on the way from text to a double.
typedef struct mb_digits {
    uint64_t value;   // the significant ones, up to MB_MAX_DIGITS
    int count;        // how many they are
    int64_t exponent; // of ten, of the last of them
    bool more;        // further ones were left out
} mb_digits;

// As many digits as a uint64_t holds, whatever they are.
enum { MB_MAX_DIGITS = 19 };

MB_HIDDEN_BEGIN

// Writes the decimal form of `value` to `out` and returns its length. Not terminated.
size_t mb_format_integer(int64_t value, char *out);

// Writes the shortest decimal that reads back as the finite `value`, the nearest of these when
// there are several, always with a point or an exponent. Returns its length. Not terminated.
size_t mb_format_double(double value, char *out);

// Reads the number that the `length` bytes of `text` are, which follow the grammar of JSON,
// rounded to the nearest double. False when it is beyond the largest one; too small a number is
// a zero.
bool mb_parse_double(const char *text, size_t length, double *value);

// The same for a number whose digits were taken in already, together with its exponent part.
bool mb_round_double(const mb_digits *digits, const char *text, size_t length, double *value);

MB_HIDDEN_END

// The value of the eight digits at `p`, or -1 when they are not all digits.
static inline int64_t mb_eight_digits(const char *p)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t upper = UINT64_C(0xF0F0F0F0F0F0F0F0), pairs = UINT64_C(0x000000FF000000FF);
    uint64_t word;
    memcpy(&word, p, sizeof word);
    uint64_t carried = (word + UINT64_C(0x0606060606060606)) & upper;
    if (((word & upper) | carried >> 4) != UINT64_C(0x3333333333333333)) {
        return -1;
    }
    // Neighbours are put together: digits to pairs, pairs to fours, fours to the number.
    word -= UINT64_C(0x3030303030303030);
    word = word * 10 + (word >> 8);
    word = (word & pairs) * (100 + (UINT64_C(1000000) << 32)) +
           (word >> 16 & pairs) * (1 + (UINT64_C(10000) << 32));
    return (int64_t)(word >> 32);
#else
    (void)p;
    return -1;
#endif
}

// Takes in the digits from `p` on, as far as there are any before `end`, and returns the byte
// after them. `fraction` tells that they stand behind the point. `digits` begins as all zeros.
static inline const char *mb_take_digits(const char *p, const char *end, bool fraction,
                                         mb_digits *digits)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (digits->count >= MB_MAX_DIGITS) {
            digits->more = digits->more || *p != '0';
            digits->exponent += !fraction;
            continue;
        }
        bool eight = end - p >= 8 && *p != '0' && digits->count <= MB_MAX_DIGITS - 8;
        int64_t value = eight ? mb_eight_digits(p) : -1;
        int taken = value >= 0 ? 8 : 1;
        digits->value = digits->value * (value >= 0 ? 100000000 : 10) +
                        (uint64_t)(value >= 0 ? value : *p - '0');
        digits->count += digits->value != 0 ? taken : 0;
        digits->exponent -= fraction ? taken : 0;
        p += taken - 1;
    }
    return p;
}

#endif
