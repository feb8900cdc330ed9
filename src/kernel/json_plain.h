// The inner loop of reading and writing JSON strings: finding the next special byte, which is a
// quote, a backslash or a control character. Sixteen at a time where every processor of the
// family can. Whether there are bytes beyond ASCII among the others is found on the way: only
// then must they be checked.
#ifndef MB_KERNEL_JSON_PLAIN_H
#define MB_KERNEL_JSON_PLAIN_H

#include <string.h>

#include "kernel/common.h"
#include "kernel/words.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { MB_JSON_BLOCK = 16 };

// What is in a block: bit i stands for byte i.
typedef struct mb_json_block {
    unsigned special; // it is special
    unsigned high;    // it is beyond ASCII
} mb_json_block;

static inline bool mb_json_is_special(char byte)
{
    return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

#if defined(__SSE2__)

static inline mb_json_block mb_json_examine_vector(__m128i block)
{
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    __m128i special = _mm_or_si128(control, _mm_or_si128(quote, backslash));
    return (mb_json_block){ (unsigned)_mm_movemask_epi8(special),
                            (unsigned)_mm_movemask_epi8(block) };
}

// Examines the block at `p`.
static inline mb_json_block mb_json_examine(const char *p)
{
    return mb_json_examine_vector(_mm_loadu_si128((const __m128i *)(const void *)p));
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

// One bit for each byte of `mask`, which is 0 or 0xFF.
static inline unsigned mb_json_bits(uint8x16_t mask)
{
    const uint8x16_t weights = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    uint8x16_t bits = vandq_u8(mask, weights);
    return vaddv_u8(vget_low_u8(bits)) | (unsigned)vaddv_u8(vget_high_u8(bits)) << 8;
}

static inline mb_json_block mb_json_examine(const char *p)
{
    uint8x16_t block = vld1q_u8((const uint8_t *)p);
    uint8x16_t special = vcltq_u8(block, vdupq_n_u8(0x20));
    special = vorrq_u8(special, vceqq_u8(block, vdupq_n_u8('"')));
    special = vorrq_u8(special, vceqq_u8(block, vdupq_n_u8('\\')));
    uint8x16_t high = vcgeq_u8(block, vdupq_n_u8(0x80));
    return (mb_json_block){ mb_json_bits(special), mb_json_bits(high) };
}

#elif defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

// The upper bit of every byte of `word` that is zero.
static inline uint64_t mb_json_zeros(uint64_t word)
{
    const uint64_t lower = UINT64_C(0x7F7F7F7F7F7F7F7F);
    return ~(((word & lower) + lower) | word | lower);
}

// The upper bits of the bytes, put together.
static inline unsigned mb_json_gather(uint64_t word)
{
    return (unsigned)((word & UINT64_C(0x8080808080808080)) * UINT64_C(0x0002040810204081) >>
                      56);
}

static inline mb_json_block mb_json_examine(const char *p)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    mb_json_block found = { 0, 0 };
    for (int half = 0; half < 2; half++) {
        uint64_t word;
        memcpy(&word, p + 8 * half, sizeof word);
        uint64_t special = mb_json_zeros(word & each * 0xE0) |
                           mb_json_zeros(word ^ each * '"') | mb_json_zeros(word ^ each * '\\');
        found.special |= mb_json_gather(special) << (8 * half);
        found.high |= mb_json_gather(word) << (8 * half);
    }
    return found;
}

#else

static inline mb_json_block mb_json_examine(const char *p)
{
    mb_json_block found = { 0, 0 };
    for (int i = 0; i < MB_JSON_BLOCK; i++) {
        found.special |= (unsigned)mb_json_is_special(p[i]) << i;
        found.high |= (unsigned)((unsigned char)p[i] >> 7) << i;
    }
    return found;
}

#endif

// Whether a short string, with `words` read from it, is ASCII without a special byte.
static inline bool mb_json_words_plain(mb_words words)
{
#if defined(__SSE2__)
    __m128i block = _mm_set_epi64x((int64_t)words.tail, (int64_t)words.head);
    mb_json_block found = mb_json_examine_vector(block);
#else
    char block[MB_JSON_BLOCK];
    memcpy(block, &words, sizeof block);
    mb_json_block found = mb_json_examine(block);
#endif
    return (found.special | found.high) == 0;
}

// The index of the lowest bit of `mask`, which is not 0.
static inline unsigned mb_json_lowest(unsigned mask)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctz(mask);
#else
    unsigned index = 0;
    for (; (mask & 1) == 0; mask >>= 1) {
        index++;
    }
    return index;
#endif
}

// The first special byte from `p` on, or `end`. `*high` becomes nonzero if there is a byte
// beyond ASCII before it.
static inline const char *mb_json_find_special(const char *p, const char *end, unsigned *high)
{
    for (; end - p >= MB_JSON_BLOCK; p += MB_JSON_BLOCK) {
        mb_json_block found = mb_json_examine(p);
        if (found.special != 0) {
            *high |= found.high & (found.special - 1) & ~found.special;
            return p + mb_json_lowest(found.special);
        }
        *high |= found.high;
    }
    for (; p < end && !mb_json_is_special(*p); p++) {
        *high |= (unsigned char)*p & 0x80u;
    }
    return p;
}

// The same, copying what lies before the special byte to `*out` and moving it on. There must be
// room for `end - p + MB_JSON_BLOCK` bytes: up to a block is written beyond the last one.
static inline const char *mb_json_copy_plain(char **out, const char *p, const char *end,
                                             unsigned *high)
{
    for (; end - p >= MB_JSON_BLOCK; p += MB_JSON_BLOCK, *out += MB_JSON_BLOCK) {
        mb_json_block found = mb_json_examine(p);
        memcpy(*out, p, MB_JSON_BLOCK);
        if (found.special != 0) {
            *high |= found.high & (found.special - 1) & ~found.special;
            *out += mb_json_lowest(found.special);
            return p + mb_json_lowest(found.special);
        }
        *high |= found.high;
    }
    for (; p < end && !mb_json_is_special(*p); p++) {
        *high |= (unsigned char)*p & 0x80u;
        *(*out)++ = *p;
    }
    return p;
}

#endif
