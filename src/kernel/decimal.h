// Comparing a decimal with a binary number exactly, for the few decimals that lie so near the
// middle between two doubles that 128 bits do not tell which is nearer.
#ifndef MB_KERNEL_DECIMAL_H
#define MB_KERNEL_DECIMAL_H

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// The sign of |text| - mantissa * 2^exponent. `text` is a number in JSON's grammar, between
// 1e-345 and 1e310 in size, and the two are of about the same size (within a factor of two).
int mb_decimal_compare(const char *text, size_t length, uint64_t mantissa, int exponent);

// The value of the exponent part in a number that begins, or goes on, at `p`; 0 without one. An
// exponent too large to matter is given as some number of that sign that is too large as well.
int64_t mb_decimal_exponent(const char *p, const char *end);

MB_HIDDEN_END

#endif
