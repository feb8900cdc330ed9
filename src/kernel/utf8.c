#include "kernel/utf8.h"

#include <string.h>

#if defined(__GNUC__) && defined(__x86_64__)
#include <tmmintrin.h>
#define HAVE_SSSE3 1
#endif

// The first byte from `p` on that is not ASCII, or `end`; eight are looked at at a time.
static const char *skip_ascii(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        p += 8;
    }
    while (p < end && (unsigned char)*p < 0x80) {
        p++;
    }
    return p;
}

static bool valid_bytewise(const char *p, const char *end)
{
    for (p = skip_ascii(p, end); p < end; p = skip_ascii(p, end)) {
        do {
            size_t sequence = mb_utf8_sequence(p, end);
            if (sequence == 0) {
                return false;
            }
            p += sequence;
        } while (p < end && (unsigned char)*p >= 0x80);
    }
    return true;
}

#if HAVE_SSSE3

// The method of Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte"
// (2021). Every mistake but one shows in three half bytes: the two of a byte and the upper one
// of the byte after it. Each half allows some mistakes; those that all three allow have been
// made.
enum {
    TOO_SHORT = 0x01,  // a lead byte, and no continuation after it
    TOO_LONG = 0x02,   // an ASCII byte, and a continuation after it
    OVERLONG_3 = 0x04, // 11100000 100.....
    TOO_LARGE = 0x08,  // 11110100 1001....  11110101 and beyond
    SURROGATE = 0x10,  // 11101101 101.....
    OVERLONG_2 = 0x20, // 1100000. 10......
    OVERLONG_4 = 0x40, // 11110000 1000....  and the rest of TOO_LARGE: 111101.. 1000....
    TWO_CONTS = 0x80,  // two continuations, which is right in longer characters
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTS
};

#define WITH_SSSE3 __attribute__((target("ssse3")))

WITH_SSSE3 static inline __m128i upper_half(__m128i bytes)
{
    return _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0F));
}

WITH_SSSE3 static inline __m128i find_pairs(__m128i bytes, __m128i previous)
{
    enum { LARGE = CARRY | TOO_LARGE | OVERLONG_4, CONT = TOO_LONG | OVERLONG_2 | TWO_CONTS };
    const __m128i first_upper =
        _mm_setr_epi8(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
                      TOO_LONG, (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS,
                      (char)TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
                      TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
    const __m128i first_lower = _mm_setr_epi8(
        (char)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(CARRY | OVERLONG_2),
        (char)CARRY, (char)CARRY, (char)(CARRY | TOO_LARGE), (char)LARGE, (char)LARGE,
        (char)LARGE, (char)LARGE, (char)LARGE, (char)LARGE, (char)LARGE, (char)LARGE,
        (char)(LARGE | SURROGATE), (char)LARGE, (char)LARGE);
    const __m128i second_upper = _mm_setr_epi8(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        (char)(CONT | OVERLONG_3 | OVERLONG_4), (char)(CONT | OVERLONG_3 | TOO_LARGE),
        (char)(CONT | SURROGATE | TOO_LARGE), (char)(CONT | SURROGATE | TOO_LARGE), TOO_SHORT,
        TOO_SHORT, TOO_SHORT, TOO_SHORT);
    __m128i first = _mm_alignr_epi8(bytes, previous, 15);
    __m128i lower = _mm_and_si128(first, _mm_set1_epi8(0x0F));
    __m128i found = _mm_and_si128(_mm_shuffle_epi8(first_upper, upper_half(first)),
                                  _mm_shuffle_epi8(first_lower, lower));
    return _mm_and_si128(found, _mm_shuffle_epi8(second_upper, upper_half(bytes)));
}

// The mistakes in 16 bytes. The one that pairs do not show is a third or fourth byte that is,
// or is not, a continuation: TWO_CONTS must have been found exactly there.
WITH_SSSE3 static inline __m128i find_mistakes(__m128i bytes, __m128i previous)
{
    __m128i third = _mm_subs_epu8(_mm_alignr_epi8(bytes, previous, 14), _mm_set1_epi8(0x60));
    __m128i fourth = _mm_subs_epu8(_mm_alignr_epi8(bytes, previous, 13), _mm_set1_epi8(0x70));
    __m128i must = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)TWO_CONTS));
    return _mm_xor_si128(must, find_pairs(bytes, previous));
}

// Zeros after the end show whether the last character is whole.
WITH_SSSE3 static bool valid_blockwise(const char *p, const char *end)
{
    char last[16] = { 0 };
    __m128i previous = _mm_setzero_si128(), mistakes = previous;
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        mistakes = _mm_or_si128(mistakes, find_mistakes(bytes, previous));
        previous = bytes;
    }
    memcpy(last, p, (size_t)(end - p));
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)last);
    mistakes = _mm_or_si128(mistakes, find_mistakes(bytes, previous));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(mistakes, _mm_setzero_si128())) == 0xFFFF;
}

static bool has_ssse3(void)
{
    return __builtin_cpu_supports("ssse3") != 0;
}

#else

static bool has_ssse3(void)
{
    return false;
}

static bool valid_blockwise(const char *p, const char *end)
{
    return valid_bytewise(p, end);
}

#endif

bool mb_utf8_valid(const char *bytes, size_t length)
{
    enum { FEW = 24 };
    const char *end = bytes + length, *p = skip_ascii(bytes, end);
    return end - p > FEW && has_ssse3() ? valid_blockwise(p, end) : valid_bytewise(p, end);
}

size_t mb_utf8_write(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(code | (length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0));
    return length;
}
