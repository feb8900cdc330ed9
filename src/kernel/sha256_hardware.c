#include "kernel/sha256_hardware.h"

#if defined(__GNUC__) && defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

// LuaRocks compiles every file with the same flags, so the functions name the instructions they
// use.
#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

// The round constants: the fractional parts of the cube roots of the first 64 primes.
// clang-format off
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
// clang-format on

bool mb_sha256_hardware_present(void)
{
    unsigned a, b, c, d;
    const unsigned sha = 1u << 29, sse41 = 1u << 19, ssse3 = 1u << 9;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & sse41) == 0 || (c & ssse3) == 0) {
        return false;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & sha) != 0;
}

// The chaining value in the order of the instructions: words A B E F and C D G H.
typedef struct halves {
    __m128i abef; // the first half
    __m128i cdgh; // the second half
} halves;

WITH_SHA static inline halves load_state(const uint32_t state[8])
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    low = _mm_shuffle_epi32(low, 0xB1);
    high = _mm_shuffle_epi32(high, 0x1B);
    return (halves){ _mm_alignr_epi8(low, high, 8), _mm_blend_epi16(high, low, 0xF0) };
}

WITH_SHA static inline void store_state(uint32_t state[8], halves h)
{
    __m128i low = _mm_shuffle_epi32(h.abef, 0x1B);
    __m128i high = _mm_shuffle_epi32(h.cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

// Rounds 4 * step to 4 * step + 3, with their four words of the schedule.
WITH_SHA static inline halves four_rounds(halves h, __m128i words, int step)
{
    const void *four = constants + 4 * step;
    __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)four));
    __m128i middle = _mm_sha256rnds2_epu32(h.cdgh, h.abef, sum);
    __m128i last = _mm_sha256rnds2_epu32(h.abef, middle, _mm_shuffle_epi32(sum, 0x0E));
    return (halves){ last, middle };
}

// The four words of the schedule that follow sixteen, which are a, b, c and d.
WITH_SHA static inline __m128i schedule(__m128i a, __m128i b, __m128i c, __m128i d)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
    return _mm_sha256msg2_epu32(sum, d);
}

WITH_SHA static inline __m128i load_words(const unsigned char *bytes)
{
    const __m128i big_endian = _mm_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203);
    __m128i words = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    return _mm_shuffle_epi8(words, big_endian);
}

WITH_SHA static inline halves one_block(halves h, const unsigned char *bytes)
{
    __m128i a = load_words(bytes), b = load_words(bytes + 16);
    __m128i c = load_words(bytes + 32), d = load_words(bytes + 48);
    for (int step = 0;; step += 4) {
        h = four_rounds(h, a, step);
        h = four_rounds(h, b, step + 1);
        h = four_rounds(h, c, step + 2);
        h = four_rounds(h, d, step + 3);
        if (step == 12) {
            return h;
        }
        a = schedule(a, b, c, d);
        b = schedule(b, c, d, a);
        c = schedule(c, d, a, b);
        d = schedule(d, a, b, c);
    }
}

WITH_SHA void mb_sha256_hardware_blocks(uint32_t state[8], const unsigned char *bytes,
                                        size_t count)
{
    halves h = load_state(state);
    for (; count > 0; count--, bytes += 64) {
        halves next = one_block(h, bytes);
        h.abef = _mm_add_epi32(h.abef, next.abef);
        h.cdgh = _mm_add_epi32(h.cdgh, next.cdgh);
    }
    store_state(state, h);
}

#else

bool mb_sha256_hardware_present(void)
{
    return false;
}

void mb_sha256_hardware_blocks(uint32_t state[8], const unsigned char *bytes, size_t count)
{
    (void)state;
    (void)bytes;
    (void)count;
}

#endif
