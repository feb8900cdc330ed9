#include "kernel/vector_kernels.h"

#include <string.h>

// The doubles are summed in eight lanes whatever the processor has, which is what makes all
// kernels agree. GCC and Clang make of these types what the function's target allows.
typedef float floats __attribute__((vector_size(16)));
typedef double doubles __attribute__((vector_size(32)));
typedef float eight __attribute__((vector_size(32)));
typedef int32_t eight_integers __attribute__((vector_size(32)));

static MB_ALWAYS_INLINE void load(const float *from, doubles lanes[2])
{
    floats low, high;
    memcpy(&low, from, sizeof low);
    memcpy(&high, from + 4, sizeof high);
    lanes[0] = __builtin_convertvector(low, doubles);
    lanes[1] = __builtin_convertvector(high, doubles);
}

// Eight numbers from `from`, fewer at its end: the others are zero.
static MB_ALWAYS_INLINE void load_rest(const float *from, size_t count, doubles lanes[2])
{
    float rest[8] = { 0 };
    memcpy(rest, from, count * sizeof *rest);
    load(rest, lanes);
}

static MB_ALWAYS_INLINE double sum(const doubles lanes[2])
{
    doubles both = lanes[0] + lanes[1];
    return (both[0] + both[2]) + (both[1] + both[3]);
}

static MB_ALWAYS_INLINE void add_products(const doubles a[2], const doubles b[2], doubles ab[2],
                                          doubles bb[2])
{
    for (int i = 0; i < 2; i++) {
        ab[i] += a[i] * b[i];
        bb[i] += b[i] * b[i];
    }
}

static MB_ALWAYS_INLINE mb_vector_products products(const float *a, const float *b, size_t dim)
{
    doubles ab[2] = { { 0 } }, bb[2] = { { 0 } }, x[2], y[2];
    size_t i = 0;
    for (; i + 8 <= dim; i += 8) {
        load(a + i, x);
        load(b + i, y);
        add_products(x, y, ab, bb);
    }
    load_rest(a + i, dim - i, x);
    load_rest(b + i, dim - i, y);
    add_products(x, y, ab, bb);
    return (mb_vector_products){ .ab = sum(ab), .bb = sum(bb) };
}

static MB_ALWAYS_INLINE void add_squares(const doubles a[2], const doubles b[2],
                                         doubles squares[2])
{
    for (int i = 0; i < 2; i++)
        squares[i] += (a[i] - b[i]) * (a[i] - b[i]);
}

static MB_ALWAYS_INLINE double distance2(const float *a, const float *b, size_t dim)
{
    doubles squares[2] = { { 0 } }, x[2], y[2];
    size_t i = 0;
    for (; i + 8 <= dim; i += 8) {
        load(a + i, x);
        load(b + i, y);
        add_squares(x, y, squares);
    }
    load_rest(a + i, dim - i, x);
    load_rest(b + i, dim - i, y);
    add_squares(x, y, squares);
    return sum(squares);
}

static MB_ALWAYS_INLINE void eight_bounds(const mb_vector_heads *h, const mb_vector_slack *s,
                                          size_t i, float *out)
{
    eight_integers products;
    eight factors, norms, bases;
    memcpy(&products, h->products + i, sizeof products);
    memcpy(&factors, h->factors + i, sizeof factors);
    memcpy(&norms, h->norms + i, sizeof norms);
    memcpy(&bases, h->bases + i, sizeof bases);
    eight nearness =
        factors * (s->scale * __builtin_convertvector(products, eight) + s->margin);
    nearness += bases + s->by_norm * norms;
    memcpy(out + i, &nearness, sizeof nearness);
}

static MB_ALWAYS_INLINE void bounds(const mb_vector_heads *h, const mb_vector_slack *s,
                                    size_t count, float *out)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        eight_bounds(h, s, i, out);
    for (; i < count; i++)
        out[i] = h->factors[i] * (s->scale * (float)h->products[i] + s->margin) +
                 (h->bases[i] + s->by_norm * h->norms[i]);
}

static void plain_bounds(const mb_vector_heads *h, const mb_vector_slack *s, size_t count,
                         float *out)
{
    bounds(h, s, count, out);
}

static mb_vector_products plain_products(const float *a, const float *b, size_t dim)
{
    return products(a, b, dim);
}

static double plain_distance2(const float *a, const float *b, size_t dim)
{
    return distance2(a, b, dim);
}

static void plain_dots(const uint8_t *codes, size_t stride, size_t count, const int8_t *query,
                       int32_t *out)
{
    for (size_t i = 0; i < count; i++, codes += stride) {
        int32_t total = 0;
        for (size_t j = 0; j < stride; j++)
            total += ((int32_t)codes[j] - 128) * query[j];
        out[i] = total;
    }
}

#if defined(__x86_64__)

#include <immintrin.h>

enum { AHEAD = 4096 }; // how far memory is fetched in advance

// LuaRocks compiles every file with the same flags, so the functions name the instructions they
// use.
#define WITH_AVX2 __attribute__((target("avx2")))
#define WITH_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni,avx2")))

WITH_AVX2 static mb_vector_products avx2_products(const float *a, const float *b, size_t dim)
{
    return products(a, b, dim);
}

WITH_AVX2 static double avx2_distance2(const float *a, const float *b, size_t dim)
{
    return distance2(a, b, dim);
}

WITH_AVX2 static void avx2_bounds(const mb_vector_heads *h, const mb_vector_slack *s,
                                  size_t count, float *out)
{
    bounds(h, s, count, out);
}

// The instruction multiplies unsigned bytes with signed ones and may not saturate: the sign of
// one factor moves to the other, and both stay within 127.
WITH_AVX2 static inline __m256i avx2_step(__m256i total, const uint8_t *codes, __m256i query)
{
    __m256i raw = _mm256_loadu_si256((const __m256i *)(const void *)codes);
    __m256i value = _mm256_xor_si256(raw, _mm256_set1_epi8((char)0x80));
    __m256i pairs =
        _mm256_maddubs_epi16(_mm256_abs_epi8(value), _mm256_sign_epi8(query, value));
    return _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// The sums of four totals' lanes, side by side.
WITH_AVX2 static inline __m128i avx2_sums(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i first = _mm256_hadd_epi32(a, b);
    __m256i second = _mm256_hadd_epi32(c, d);
    __m256i all = _mm256_hadd_epi32(first, second);
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

// The memory is what a scan waits for, and the processor's own guess of what comes next ends at
// each page. It does no harm to fetch what nobody owns.
static inline void fetch_ahead(const uint8_t *codes, size_t step)
{
    for (size_t v = 0; v < 4; v++)
        _mm_prefetch((const char *)codes + AHEAD + v * step, _MM_HINT_T0);
}

// The sums of four vectors that begin `step` bytes apart, and share the loads of the query.
WITH_AVX2 static inline __m128i avx2_four(const uint8_t *codes, size_t step, size_t stride,
                                          const int8_t *query)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t j = 0; j < stride; j += 32, codes += 32) {
        __m256i q = _mm256_loadu_si256((const __m256i *)(const void *)(query + j));
        a = avx2_step(a, codes, q);
        b = avx2_step(b, codes + step, q);
        c = avx2_step(c, codes + 2 * step, q);
        d = avx2_step(d, codes + 3 * step, q);
        if (j % 64 == 0)
            fetch_ahead(codes, step);
    }
    return avx2_sums(a, b, c, d);
}

WITH_AVX2 static void avx2_dots(const uint8_t *codes, size_t stride, size_t count,
                                const int8_t *query, int32_t *out)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4, codes += 4 * stride)
        _mm_storeu_si128((__m128i *)(void *)(out + i), avx2_four(codes, stride, stride, query));
    for (; i < count; i++, codes += stride)
        out[i] = _mm_cvtsi128_si32(avx2_four(codes, 0, stride, query));
}

WITH_VNNI static inline __m256i vnni_fold(__m512i total)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(total), _mm512_extracti64x4_epi64(total, 1));
}

// Unsigned codes times the signed query: 128 times the sum of the query too much.
WITH_VNNI static int32_t vnni_excess(const int8_t *query, size_t stride)
{
    __m512i total = _mm512_setzero_si512();
    for (size_t j = 0; j < stride; j += 64)
        total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8((char)0x80),
                                    _mm512_loadu_si512(query + j));
    return _mm512_reduce_add_epi32(total);
}

WITH_VNNI static inline __m512i vnni_step(__m512i total, const uint8_t *codes, __m512i query)
{
    return _mm512_dpbusd_epi32(total, _mm512_loadu_si512(codes), query);
}

WITH_VNNI static inline __m128i vnni_four(const uint8_t *codes, size_t step, size_t stride,
                                          const int8_t *query)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t j = 0; j < stride; j += 64, codes += 64) {
        __m512i q = _mm512_loadu_si512(query + j);
        a = vnni_step(a, codes, q);
        b = vnni_step(b, codes + step, q);
        c = vnni_step(c, codes + 2 * step, q);
        d = vnni_step(d, codes + 3 * step, q);
        fetch_ahead(codes, step);
    }
    return avx2_sums(vnni_fold(a), vnni_fold(b), vnni_fold(c), vnni_fold(d));
}

WITH_VNNI static void vnni_dots(const uint8_t *codes, size_t stride, size_t count,
                                const int8_t *query, int32_t *out)
{
    const __m128i excess = _mm_set1_epi32(vnni_excess(query, stride));
    size_t i = 0;
    for (; i + 4 <= count; i += 4, codes += 4 * stride) {
        __m128i sums = vnni_four(codes, stride, stride, query);
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm_sub_epi32(sums, excess));
    }
    for (; i < count; i++, codes += stride) {
        __m128i sums = vnni_four(codes, 0, stride, query);
        out[i] = _mm_cvtsi128_si32(_mm_sub_epi32(sums, excess));
    }
}

static const mb_vector_kernel vnni = { "AVX-512 VNNI", vnni_dots, avx2_products, avx2_distance2,
                                       avx2_bounds };
static const mb_vector_kernel avx2 = { "AVX2", avx2_dots, avx2_products, avx2_distance2,
                                       avx2_bounds };

static size_t own_kernels(const mb_vector_kernel *found[2])
{
    size_t count = 0;
    __builtin_cpu_init();
    bool has_avx2 = __builtin_cpu_supports("avx2");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vnni"))
        found[count++] = &vnni;
    if (has_avx2)
        found[count++] = &avx2;
    return count;
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

#include <arm_neon.h>

static inline int32x4_t neon_step(int32x4_t total, const uint8_t *codes, const int8_t *query)
{
    int8x16_t value = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes), vdupq_n_u8(0x80)));
    int8x16_t factor = vld1q_s8(query);
    int16x8_t low = vmull_s8(vget_low_s8(value), vget_low_s8(factor));
    int16x8_t high = vmull_s8(vget_high_s8(value), vget_high_s8(factor));
    return vpadalq_s16(vpadalq_s16(total, low), high);
}

static void neon_dots(const uint8_t *codes, size_t stride, size_t count, const int8_t *query,
                      int32_t *out)
{
    for (size_t i = 0; i < count; i++, codes += stride) {
        int32x4_t first = vdupq_n_s32(0), second = vdupq_n_s32(0);
        for (size_t j = 0; j < stride; j += 32) {
            first = neon_step(first, codes + j, query + j);
            second = neon_step(second, codes + j + 16, query + j + 16);
        }
        out[i] = vaddvq_s32(vaddq_s32(first, second));
    }
}

static const mb_vector_kernel neon = { "NEON", neon_dots, plain_products, plain_distance2,
                                       plain_bounds };

static size_t own_kernels(const mb_vector_kernel *found[2])
{
    found[0] = &neon;
    return 1;
}

#else

static size_t own_kernels(const mb_vector_kernel *found[2])
{
    (void)found;
    return 0;
}

#endif

static const mb_vector_kernel plain = { "plain C", plain_dots, plain_products, plain_distance2,
                                        plain_bounds };

const mb_vector_kernel *mb_vector_kernel_at(size_t n)
{
    const mb_vector_kernel *found[2];
    size_t count = own_kernels(found);
    if (n < count)
        return found[n];
    return n == count ? &plain : NULL;
}
