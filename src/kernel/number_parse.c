#include <float.h>
#include <string.h>

#include "kernel/decimal.h"
#include "kernel/number.h"
#include "kernel/power10.h"

enum {
    MANTISSA_BITS = 53,
    MIN_EXPONENT = -1022 // of two, of the smallest normal double
};

// Two neighbouring doubles, or the only one it can be.
typedef struct rounding {
    uint64_t lower; // the mantissa below the number, in units of 2^unit
    int unit;       // exponent of two of the mantissa's last bit
    int binary;     // exponent of two of the number's first bit
    bool up;        // the number is nearer to lower + 1
    bool sure;      // 128 bits were enough to tell
} rounding;

// Where both the digits and the power of ten are doubles, one operation rounds once. It would
// round twice where doubles are computed with more bits.
static bool exactly(const mb_digits *n, double *value)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (FLT_EVAL_METHOD != 0 || n->more || n->value > UINT64_C(1) << MANTISSA_BITS ||
        n->exponent < -22 || n->exponent > 22) {
        return false;
    }
    double digits = (double)n->value;
    *value = n->exponent < 0 ? digits / powers[-n->exponent] : digits * powers[n->exponent];
    return true;
}

// Rounds digits * 10^exponent. The product below is known up to PRODUCT_ERROR in its last
// place.
static rounding round_product(uint64_t digits, int exponent)
{
    enum { PRODUCT_ERROR = MB_POWER10_ERROR + 1 };
    int shift = mb_leading_zeros(digits);
    mb_power10 power = mb_power10_of(exponent);
    mb_wide product = mb_power10_multiply(digits << shift, &power);
    int unit = power.exponent - shift + 64;
    rounding r = { .binary = unit + 127 - (product.high >> 63 == 0) };
    int bits =
        r.binary >= MIN_EXPONENT ? MANTISSA_BITS : MANTISSA_BITS + r.binary - MIN_EXPONENT;
    if (bits < 0) {
        return (rounding){ .binary = r.binary, .sure = true }; // less than half of the smallest
    }
    // Bits of product.high that do not belong to the mantissa: at least 10, at most 64.
    int dropped = r.binary - unit + 1 - bits - 64;
    uint64_t half = UINT64_C(1) << (dropped - 1);
    uint64_t rest = product.high & (half * 2 - 1);
    r.lower = dropped == 64 ? 0 : product.high >> dropped;
    r.unit = unit + dropped + 64;
    r.up = rest >= half;
    r.sure = !(rest == half && product.middle == 0) &&
             !(rest == half - 1 && product.middle >= UINT64_MAX - PRODUCT_ERROR);
    return r;
}

static uint64_t nearest(const rounding *r)
{
    uint64_t mantissa = r->lower + r->up;
    int biased = r->binary - MIN_EXPONENT;
    // The mantissa's top bit, or a carry out of it, adds itself to the exponent.
    return biased < 0 ? mantissa : ((uint64_t)biased << (MANTISSA_BITS - 1)) + mantissa;
}

// The bits of the double nearest to the number `text`, that is not zero.
static uint64_t round_number(const mb_digits *n, const char *text, size_t length)
{
    rounding r = round_product(n->value, (int)n->exponent);
    bool sure = r.sure;
    if (sure && n->more) {
        rounding next = round_product(n->value + 1, (int)n->exponent);
        sure = next.sure && nearest(&next) == nearest(&r);
    }
    if (!sure) {
        int order = mb_decimal_compare(text, length, r.lower * 2 + 1, r.unit - 1);
        r.up = order > 0 || (order == 0 && (r.lower & 1) != 0);
    }
    return nearest(&r);
}

bool mb_round_double(const mb_digits *n, const char *text, size_t length, double *value)
{
    const uint64_t infinity = UINT64_C(0x7FF) << 52;
    int64_t magnitude = n->exponent + n->count;
    uint64_t bits = 0;
    if (n->value == 0 || magnitude < -330) {
        *value = 0;
    } else if (magnitude > 310) {
        return false;
    } else if (!exactly(n, value)) {
        bits = round_number(n, text, length);
        memcpy(value, &bits, sizeof bits);
    }
    if (*text == '-') {
        *value = -*value;
    }
    return bits < infinity;
}

bool mb_parse_double(const char *text, size_t length, double *value)
{
    const char *end = text + length;
    mb_digits digits = { 0 };
    const char *p = mb_take_digits(text + (*text == '-'), end, false, &digits);
    if (p < end && *p == '.') {
        p = mb_take_digits(p + 1, end, true, &digits);
    }
    digits.exponent += p < end ? mb_decimal_exponent(p, end) : 0;
    return mb_round_double(&digits, text, length, value);
}
