// Numbers to decimal text and back, exactly and whatever the locale.
#ifndef MB_KERNEL_NUMBER_H
#define MB_KERNEL_NUMBER_H

#include "kernel/common.h"

// Room for any number that is formatted here.
enum { MB_NUMBER_SIZE = 32 };

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

MB_HIDDEN_END

#endif
