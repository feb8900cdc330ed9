// The inner loop of reading and writing JSON strings: finding the end of a run of plain bytes,
// which are the printable ASCII characters that need no escape. Sixteen at a time where every
// processor of the family can.
#ifndef MB_KERNEL_JSON_PLAIN_H
#define MB_KERNEL_JSON_PLAIN_H

#include <string.h>

#include "kernel/common.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

static inline bool mb_json_is_plain(char byte)
{
    return (unsigned char)byte >= 0x20 && (unsigned char)byte < 0x80 && byte != '"' &&
           byte != '\\';
}

#if defined(__SSE2__)

enum { MB_JSON_BLOCK = 16 };

// The number of plain bytes at the head of the block at `p`. A block is copied to `copy` on the
// way.
static inline unsigned mb_json_plain_block(const char *p, char *copy)
{
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
    if (copy != NULL) {
        _mm_storeu_si128((__m128i *)(void *)copy, block);
    }
    // A signed comparison takes in the bytes from 0x80 on: they are negative.
    __m128i special = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(block, _mm_set1_epi8('"')));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    unsigned mask = (unsigned)_mm_movemask_epi8(special);
    return mask == 0 ? MB_JSON_BLOCK : (unsigned)__builtin_ctz(mask);
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

enum { MB_JSON_BLOCK = 16 };

static inline unsigned mb_json_plain_block(const char *p, char *copy)
{
    uint8x16_t block = vld1q_u8((const uint8_t *)p);
    if (copy != NULL) {
        vst1q_u8((uint8_t *)copy, block);
    }
    int8x16_t as_signed = vreinterpretq_s8_u8(block);
    uint8x16_t special = vcltq_s8(as_signed, vdupq_n_s8(0x20));
    special = vorrq_u8(special, vceqq_u8(block, vdupq_n_u8('"')));
    special = vorrq_u8(special, vceqq_u8(block, vdupq_n_u8('\\')));
    // Four bits for each byte: the nearest there is to a mask of one bit each.
    uint8x8_t narrow = vshrn_n_u16(vreinterpretq_u16_u8(special), 4);
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(narrow), 0);
    return mask == 0 ? MB_JSON_BLOCK : (unsigned)__builtin_ctzll(mask) / 4;
}

#else

enum { MB_JSON_BLOCK = 8 };

static inline unsigned mb_json_plain_block(const char *p, char *copy)
{
    unsigned plain = 0;
    if (copy != NULL) {
        memcpy(copy, p, MB_JSON_BLOCK);
    }
    while (plain < MB_JSON_BLOCK && mb_json_is_plain(p[plain])) {
        plain++;
    }
    return plain;
}

#endif

// The first byte from `p` on that is not plain, or `end`.
static inline const char *mb_json_skip_plain(const char *p, const char *end)
{
    while (end - p >= MB_JSON_BLOCK) {
        unsigned plain = mb_json_plain_block(p, NULL);
        p += plain;
        if (plain < MB_JSON_BLOCK) {
            return p;
        }
    }
    while (p < end && mb_json_is_plain(*p)) {
        p++;
    }
    return p;
}

// The same, copying the plain bytes to `*out` and moving it on. There must be room for
// `end - p + MB_JSON_BLOCK` bytes: up to a block is written beyond the last plain one.
static inline const char *mb_json_copy_plain(char **out, const char *p, const char *end)
{
    while (end - p >= MB_JSON_BLOCK) {
        unsigned plain = mb_json_plain_block(p, *out);
        p += plain;
        *out += plain;
        if (plain < MB_JSON_BLOCK) {
            return p;
        }
    }
    while (p < end && mb_json_is_plain(*p)) {
        *(*out)++ = *p++;
    }
    return p;
}

#endif
