#include "kernel/decimal.h"

// The middle between two doubles has at most 768 significant digits; further ones can only say
// that a decimal is greater than it seems. 5120 bits hold the largest product of such a
// comparison.
enum { MAX_DIGITS = 800, MAX_LIMBS = 160 };

// Beyond any length of text, so no exponent past it can be made up for by digits.
#define LARGEST_EXPONENT INT64_C(100000000000000000)

// A natural number.
typedef struct natural {
    uint32_t limbs[MAX_LIMBS]; // least significant first
    int count;                 // limbs in use
} natural;

// number = number * factor + term
static void multiply_add(natural *number, uint32_t factor, uint32_t term)
{
    uint64_t carry = term;
    for (int i = 0; i < number->count; i++) {
        carry += (uint64_t)number->limbs[i] * factor;
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0 && number->count < MAX_LIMBS) {
        number->limbs[number->count++] = (uint32_t)carry;
    }
}

static void multiply_power5(natural *number, int power)
{
    for (; power >= 13; power -= 13) {
        multiply_add(number, 1220703125, 0);
    }
    for (; power > 0; power--) {
        multiply_add(number, 5, 0);
    }
}

static void shift_left(natural *number, int bits)
{
    for (; bits >= 31; bits -= 31) {
        multiply_add(number, UINT32_C(1) << 31, 0);
    }
    multiply_add(number, UINT32_C(1) << bits, 0);
}

static int compare(const natural *a, const natural *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (int i = a->count - 1; i >= 0; i--) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}

int64_t mb_decimal_exponent(const char *p, const char *end)
{
    int64_t exponent = 0;
    bool negative = false;
    while (p < end && *p != 'e' && *p != 'E') {
        p++;
    }
    for (; p < end; p++) {
        negative = negative || *p == '-';
        if (*p >= '0' && *p <= '9' && exponent < LARGEST_EXPONENT) {
            exponent = exponent * 10 + (*p - '0');
        }
    }
    return negative ? -exponent : exponent;
}

// Reads the digits into `number` and gives the power of ten of the last one. `*more` is set
// when digits that were left out are not all zero.
static int64_t read_digits(const char *p, const char *end, natural *number, bool *more)
{
    int64_t exponent = 0;
    int digits = 0;
    bool fraction = false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
        } else if (*p != '-' && digits < MAX_DIGITS) {
            multiply_add(number, 10, (uint32_t)(*p - '0'));
            digits += number->count > 0;
            exponent -= fraction;
        } else if (*p != '-') {
            *more = *more || *p != '0';
            exponent += !fraction;
        }
    }
    return exponent + mb_decimal_exponent(p, end);
}

int mb_decimal_compare(const char *text, size_t length, uint64_t mantissa, int exponent)
{
    natural decimal = { .count = 0 };
    natural binary = { .limbs = { (uint32_t)mantissa, (uint32_t)(mantissa >> 32) },
                       .count = 2 };
    bool more = false;
    int power = (int)read_digits(text, text + length, &decimal, &more);
    binary.count -= binary.limbs[1] == 0;
    multiply_power5(power >= 0 ? &decimal : &binary, power >= 0 ? power : -power);
    int shift = power - exponent;
    shift_left(shift >= 0 ? &decimal : &binary, shift >= 0 ? shift : -shift);
    int order = compare(&decimal, &binary);
    return order == 0 && more ? 1 : order;
}
