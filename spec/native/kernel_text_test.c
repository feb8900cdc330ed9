// UTF-8 validation by blocks against validation byte by byte, at every place of a block;
// doubles against the C library's, including those half way between two.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/number.h"
#include "kernel/utf8.h"

static int failures;

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * UINT64_C(0x2545F4914F6CDD1D);
}

static bool valid_slowly(const char *p, const char *end)
{
    while (p < end) {
        size_t length = (unsigned char)*p < 0x80 ? 1 : mb_utf8_sequence(p, end);
        if (length == 0) {
            return false;
        }
        p += length;
    }
    return true;
}

static void check_utf8(const char *text, size_t length)
{
    if (mb_utf8_valid(text, length) != valid_slowly(text, text + length)) {
        fprintf(stderr, "kernel_text_test: UTF-8 of %zu bytes\n", length);
        failures++;
    }
}

// Four bytes of every interesting kind at every place of the first two blocks.
static void check_sequences(void)
{
    static const unsigned char kinds[] = { 0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                           0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
                                           0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF };
    enum { KINDS = sizeof kinds, ALL = KINDS * KINDS * KINDS * KINDS };
    char text[64];
    for (size_t place = 0; place < 20; place++) {
        memset(text, 'x', sizeof text);
        memcpy(text, "\xC3\xA9",
               place >= 2 ? 2 : 0); // blocks begin at the first such character
        for (int i = 0; i < ALL; i++) {
            for (int k = 0, rest = i; k < 4; k++, rest /= KINDS) {
                text[place + (size_t)k] = (char)kinds[rest % KINDS];
            }
            check_utf8(text, 40);
            check_utf8(text, place + 4);
        }
    }
}

static void check_parse(const char *text)
{
    double value = 0, expected = strtod(text, NULL);
    bool fits = mb_parse_double(text, strlen(text), &value);
    if (fits == isinf(expected) || (fits && memcmp(&value, &expected, sizeof value) != 0)) {
        fprintf(stderr, "kernel_text_test: %s is not %a\n", text, value);
        failures++;
    }
}

static void check_random_decimal(void)
{
    char text[80];
    int length = 0, digits = 1 + (int)(next_random() % 40);
    int point = (int)(next_random() % (unsigned)digits);
    for (int i = 0; i < digits; i++) {
        if (i == point && i > 0) {
            text[length++] = '.';
        }
        text[length++] = (char)('0' + next_random() % 10);
    }
    int exponent = (int)(next_random() % 700) - 350;
    snprintf(text + length, sizeof text - (size_t)length, "e%d", exponent);
    check_parse(text);
}

static double next_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits++;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The middle between a double and the next, exactly; a little below and above it. The digits of
// the middle are at most 1100, and a long double of 64 bits holds it.
static void check_middle(double value)
{
    char text[1400], other[1420];
    long double middle = ((long double)value + (long double)next_double(value)) / 2;
    snprintf(text, sizeof text, "%.1100Le", middle);
    check_parse(text);
    char *exponent = strchr(text, 'e'), *last = exponent - 1;
    while (*last == '0') {
        last--;
    }
    int digits = (int)(last - text);
    snprintf(other, sizeof other, "%.*s0001%s", digits + 1, text, exponent);
    check_parse(other);
    if (*last >= '1') {
        snprintf(other, sizeof other, "%.*s%c999%s", digits, text, *last - 1, exponent);
        check_parse(other);
    }
}

static void check_format(double value)
{
    char text[MB_NUMBER_SIZE + 1];
    text[mb_format_double(value, text)] = '\0';
    double back = strtod(text, NULL);
    if (memcmp(&back, &value, sizeof value) != 0 || strpbrk(text, ".e") == NULL) {
        fprintf(stderr, "kernel_text_test: %a is written as %s\n", value, text);
        failures++;
    }
}

int main(void)
{
    check_sequences();
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next_random() & (UINT64_MAX >> 1);
        double value;
        bits >>= i % 3 == 0 ? next_random() % 64 : 0; // subnormal numbers too
        memcpy(&value, &bits, sizeof value);
        check_random_decimal();
        if (isfinite(value)) {
            check_format(value);
            check_format(-value);
        }
        if (isfinite(value) && value > 0 && i % 20 == 0) {
            check_middle(value);
        }
    }
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
