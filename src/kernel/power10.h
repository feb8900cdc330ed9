// Powers of ten to 128 bits: what both directions of number conversion stand on.
#ifndef MB_KERNEL_POWER10_H
#define MB_KERNEL_POWER10_H

#include "kernel/common.h"

enum { MB_POWER10_MIN = -378, MB_POWER10_MAX = 377 };

// A 10^q in [m, m + MB_POWER10_ERROR) * 2^exponent, m being the 128-bit number high:low with
// its top bit set.
typedef struct mb_power10 {
    uint64_t high; // upper half of m
    uint64_t low;  // lower half of m
    int exponent;  // of two
} mb_power10;

enum { MB_POWER10_ERROR = 3 };

// A number of 192 bits, high:middle:low.
typedef struct mb_wide {
    uint64_t high;   // bits 128 to 191
    uint64_t middle; // bits 64 to 127
    uint64_t low;    // bits 0 to 63
} mb_wide;

MB_HIDDEN_BEGIN

// 10^q for MB_POWER10_MIN <= q <= MB_POWER10_MAX.
mb_power10 mb_power10_of(int q);

// factor * m of a power.
mb_wide mb_power10_multiply(uint64_t factor, const mb_power10 *power);

MB_HIDDEN_END

// floor(value / 2^bits)
static inline int mb_floor_shift(int value, int bits)
{
    int divisor = 1 << bits;
    return value >= 0 ? value / divisor : -((divisor - 1 - value) / divisor);
}

// How many zero bits stand before the first one of `word`, which is not 0.
static inline int mb_leading_zeros(uint64_t word)
{
#if defined(__GNUC__)
    return __builtin_clzll(word);
#else
    int zeros = 0;
    for (; word >> 63 == 0; word <<= 1) {
        zeros++;
    }
    return zeros;
#endif
}

#endif
