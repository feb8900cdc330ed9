#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel/number.h"
#include "kernel/power10.h"

// A decimal number.
typedef struct decimal {
    uint64_t digits; // all its digits
    int exponent;    // of ten, of the last of them
} decimal;

// A number with 64 bits behind the point, known to within TOLERANCE of them, never too great.
typedef struct fixed {
    uint64_t whole;    // before the point
    uint64_t fraction; // behind it
} fixed;

enum { TOLERANCE = 2, MANTISSA_BITS = 52, EXPONENT_BIAS = 1075 };

size_t mb_format_integer(int64_t value, char *out)
{
    char digits[20];
    size_t count = 0, sign = value < 0;
    uint64_t rest = sign ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    out[0] = '-';
    for (size_t i = 0; i < count; i++) {
        out[sign + i] = digits[count - 1 - i];
    }
    return sign + count;
}

// Most numbers people write have few decimals: m / 10^k, both of them exact as doubles, is the
// double nearest to that decimal, so when it is the value, m * 10^-k is a decimal for it; the
// first one found has the fewest digits.
static bool few_decimals(double value, decimal *result)
{
    static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
    if (FLT_EVAL_METHOD != 0) {
        return false;
    }
    for (int k = 0; k < 7 && value * powers[k] < 1e15; k++) {
        uint64_t whole = (uint64_t)(value * powers[k] + 0.5);
        if ((double)whole / powers[k] == value) {
            *result = (decimal){ whole, -k };
            return true;
        }
    }
    return false;
}

// factor * power * 2^(-64 - shift), for 0 < shift < 64.
static fixed scale(uint64_t factor, const mb_power10 *power, int shift)
{
    mb_wide product = mb_power10_multiply(factor, power);
    return (fixed){ product.middle >> shift | product.high << (64 - shift),
                    product.low >> shift | product.middle << (64 - shift) };
}

// What lies between the middles to the two neighbours of a double reads back as that double,
// and so does what lies on them if its mantissa is even. All three numbers are scaled by
// 10^-exponent.
typedef struct interval {
    fixed lower;  // the middle to the neighbour below
    fixed value;  // the double, with 18 or 19 digits before the point
    fixed upper;  // the middle to the neighbour above
    int exponent; // of ten
} interval;

static interval interval_of(double value)
{
    const uint64_t hidden = UINT64_C(1) << MANTISSA_BITS;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t mantissa = bits & (hidden - 1);
    int biased = (int)(bits >> MANTISSA_BITS);
    // The neighbour below a power of two is only half as far away.
    uint64_t below = mantissa == 0 && biased > 1 ? 1 : 2;
    mantissa |= biased == 0 ? 0 : hidden;
    int unit = (biased == 0 ? 1 : biased) - EXPONENT_BIAS;
    int binary = unit + 63 - mb_leading_zeros(mantissa);
    // 78913 / 2^18 stands for log10(2): near enough for every exponent there is.
    int scaling = 17 - mb_floor_shift(binary * 78913, 18);
    mb_power10 power = mb_power10_of(scaling);
    int shift = -(unit - 2 + power.exponent) - 64;
    return (interval){ scale(mantissa * 4 - below, &power, shift),
                       scale(mantissa * 4, &power, shift),
                       scale(mantissa * 4 + 2, &power, shift), -scaling };
}

// The number with the fewest digits in low..high, the one nearest to `value` among several.
static decimal shortest_between(uint64_t low, uint64_t high, const interval *in)
{
    uint64_t unit = 1;
    int exponent = in->exponent;
    while ((low + 9) / 10 <= high / 10) {
        low = (low + 9) / 10;
        high /= 10;
        unit *= 10;
        exponent++;
    }
    uint64_t nearest = in->value.whole / unit + (in->value.whole % unit >= (unit + 1) / 2);
    nearest = nearest < low ? low : nearest > high ? high : nearest;
    return (decimal){ nearest, exponent };
}

// With the ends of the interval, or what may be its ends.
static decimal shortest_closed(const interval *in)
{
    uint64_t low = in->lower.whole + (in->lower.fraction != 0);
    uint64_t high = in->upper.whole + (in->upper.fraction >= UINT64_MAX - TOLERANCE);
    return shortest_between(low, high, in);
}

// Without them.
static decimal shortest_open(const interval *in)
{
    uint64_t low = in->lower.whole + 1 + (in->lower.fraction >= UINT64_MAX - TOLERANCE);
    uint64_t high = in->upper.whole - (in->upper.fraction == 0);
    return shortest_between(low, high, in);
}

// "1.5e-7"
static size_t write_scientific(const char *digits, size_t count, int point, char *out)
{
    size_t length = 0;
    out[length++] = digits[0];
    if (count > 1) {
        out[length++] = '.';
        memcpy(out + length, digits + 1, count - 1);
        length += count - 1;
    }
    out[length++] = 'e';
    return length + mb_format_integer(point - 1, out + length);
}

// "1500.0", "1.5", "0.0015"
static size_t write_positional(const char *digits, size_t count, int point, char *out)
{
    size_t before = point > 0 ? (size_t)point : 0, zeros = point < 0 ? (size_t)-point : 0;
    size_t whole = before < count ? before : count, length = before;
    memcpy(out, digits, whole);
    memset(out + whole, '0', before - whole);
    if (before == 0) {
        out[length++] = '0';
    }
    out[length++] = '.';
    memset(out + length, '0', zeros);
    length += zeros;
    if (whole == count) {
        out[length++] = '0';
    }
    memcpy(out + length, digits + whole, count - whole);
    return length + count - whole;
}

static size_t write_decimal(decimal number, char *out)
{
    char digits[MB_NUMBER_SIZE];
    size_t count = mb_format_integer((int64_t)number.digits, digits);
    int point = (int)count + number.exponent;
    bool positional = point > -5 && point <= 17;
    return (positional ? write_positional : write_scientific)(digits, count, point, out);
}

static size_t format_positive(double value, char *out)
{
    decimal number;
    if (few_decimals(value, &number)) {
        return write_decimal(number, out);
    }
    interval in = interval_of(value);
    double read;
    size_t length = write_decimal(shortest_closed(&in), out);
    if (mb_parse_double(out, length, &read) && read == value) {
        return length;
    }
    return write_decimal(shortest_open(&in), out);
}

size_t mb_format_double(double value, char *out)
{
    size_t sign = signbit(value) ? 1 : 0;
    out[0] = '-';
    if (value == 0) {
        memcpy(out + sign, "0.0", 3);
        return sign + 3;
    }
    return sign + format_positive(fabs(value), out + sign);
}
