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

// Most numbers people write have few decimals: m / 10^6, both of them exact as doubles, is the
// double nearest to that decimal, so when it is the value, m * 10^-6 is a decimal for it; and
// it is the only one of so few digits. Its zeros at the end go.
static bool few_decimals(double value, decimal *result)
{
    if (value < 1e15 && (double)(uint64_t)value == value) {
        *result = (decimal){ (uint64_t)value, 0 };
        return true;
    }
    double scaled = value * 1e6;
    uint64_t whole = scaled < 1e15 ? (uint64_t)(scaled + 0.5) : 0;
    if (FLT_EVAL_METHOD != 0 || (double)whole / 1e6 != value) {
        return false;
    }
    int exponent = -6;
    for (; whole % 10 == 0; whole /= 10) {
        exponent++;
    }
    *result = (decimal){ whole, exponent };
    return true;
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

// The whole numbers certainly inside the interval; and those that may be, because they are, or
// may be, its ends.
static void whole_numbers(const interval *in, bool closed, uint64_t *low, uint64_t *high)
{
    bool low_end = in->lower.fraction >= UINT64_MAX - TOLERANCE;
    bool high_end = in->upper.fraction >= UINT64_MAX - TOLERANCE;
    if (closed) {
        *low = in->lower.whole + (in->lower.fraction != 0);
        *high = in->upper.whole + high_end;
    } else {
        *low = in->lower.whole + 1 + low_end;
        *high = in->upper.whole - (in->upper.fraction == 0);
    }
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
    uint64_t low, high, low_closed, high_closed;
    whole_numbers(&in, false, &low, &high);
    whole_numbers(&in, true, &low_closed, &high_closed);
    if (MB_UNLIKELY(low != low_closed || high != high_closed)) {
        double read;
        size_t length = write_decimal(shortest_between(low_closed, high_closed, &in), out);
        if (mb_parse_double(out, length, &read) && read == value) {
            return length;
        }
    }
    return write_decimal(shortest_between(low, high, &in), out);
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
