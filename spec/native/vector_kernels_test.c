// Every kernel that this processor has against plain C, with and without a rest, and the heap
// against a sort.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vector_codes.h"
#include "kernel/vector_top.h"

enum { MOST = 9, DIM = 1030 };

static int failures, checks;
static uint32_t state = 1;

static uint32_t next_random(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

static void expect(bool holds, const char *what, const char *kernel, size_t size)
{
    checks++;
    if (!holds) {
        fprintf(stderr, "vector_kernels_test: %s, %s, %zu\n", what, kernel, size);
        failures++;
    }
}

static const mb_vector_kernel *plain_kernel(void)
{
    size_t n = 0;
    while (mb_vector_kernel_at(n + 1) != NULL)
        n++;
    return mb_vector_kernel_at(n);
}

// `extreme`: the greatest products there can be.
static void check_dots(const mb_vector_kernel *kernel, size_t count, size_t stride,
                       bool extreme)
{
    uint8_t *codes = malloc(count * stride);
    int8_t *query = malloc(stride);
    int32_t found[MOST + 1], expected[MOST + 1];
    for (size_t i = 0; i < count * stride; i++)
        codes[i] = (uint8_t)(extreme ? 1 + next_random() % 2 * 254 : 1 + next_random() % 255);
    for (size_t i = 0; i < stride; i++)
        query[i] = (int8_t)(extreme ? 127 : (int)(next_random() % 255) - 127);
    found[count] = 4711;
    kernel->dots(codes, stride, count, query, found);
    plain_kernel()->dots(codes, stride, count, query, expected);
    expect(memcmp(found, expected, count * sizeof *found) == 0, "dots", kernel->name, stride);
    expect(found[count] == 4711, "dots write too much", kernel->name, count);
    free(codes);
    free(query);
}

static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)next_random() / 1e6f - 8.0f;
}

static void check_products(const mb_vector_kernel *kernel, size_t dim)
{
    float *a = malloc(dim * sizeof *a), *b = malloc(dim * sizeof *b);
    fill(a, dim);
    fill(b, dim);
    mb_vector_products found = kernel->products(a, b, dim);
    mb_vector_products expected = plain_kernel()->products(a, b, dim);
    double distance = kernel->distance2(a, b, dim);
    double exact = plain_kernel()->distance2(a, b, dim);
    expect(memcmp(&found, &expected, sizeof found) == 0, "products", kernel->name, dim);
    expect(memcmp(&distance, &exact, sizeof distance) == 0, "distance", kernel->name, dim);
    free(a);
    free(b);
}

static void check_bounds(const mb_vector_kernel *kernel, size_t count)
{
    int32_t products[40];
    float lists[3][40], found[41] = { 0 }, expected[41] = { 0 };
    for (size_t i = 0; i < count; i++)
        products[i] = (int32_t)next_random() - (1 << 23);
    for (size_t i = 0; i < 3; i++)
        fill(lists[i], count);
    mb_vector_heads heads = { products, lists[0], lists[1], lists[2] };
    mb_vector_slack slack = { 0.25f, 3, 0.5f };
    kernel->bounds(&heads, &slack, count, found);
    plain_kernel()->bounds(&heads, &slack, count, expected);
    expect(memcmp(found, expected, sizeof found) == 0, "bounds", kernel->name, count);
}

static void check_kernel(const mb_vector_kernel *kernel)
{
    for (size_t count = 0; count <= 40; count++)
        check_bounds(kernel, count);
    for (size_t stride = 64; stride <= 640; stride += 64) {
        for (size_t count = 0; count <= MOST; count++)
            check_dots(kernel, count, stride, false);
    }
    check_dots(kernel, 5, MB_VECTOR_MAX_DIM, true);
    for (size_t dim = 1; dim <= 70; dim++)
        check_products(kernel, dim);
    check_products(kernel, DIM);
}

static int by_rank(const void *left, const void *right)
{
    const mb_ranked *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? 1 : -1;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

static void check_top(size_t count, size_t limit)
{
    mb_ranked all[300], kept[300];
    mb_vector_top top = { .items = kept, .limit = limit };
    for (size_t i = 0; i < count; i++) {
        all[i] = (mb_ranked){ .key = next_random() % 20, .serial = (uint32_t)(count - i) };
        mb_vector_top_add(&top, all[i].key, all[i].serial);
    }
    mb_vector_top_sort(&top);
    qsort(all, count, sizeof *all, by_rank);
    bool same = top.count == (count < limit ? count : limit);
    for (size_t i = 0; i < top.count; i++)
        same = same && by_rank(&all[i], &kept[i]) == 0;
    expect(same, "the best", "heap", limit);
}

// The error of an approximate product must stay within what a search allows for.
static void check_margin(size_t dim)
{
    float *a = malloc(dim * sizeof *a), *b = malloc(dim * sizeof *b);
    uint8_t *record = malloc(MB_RECORD_HEAD + dim);
    int8_t *codes = malloc(mb_vector_stride(dim));
    fill(a, dim);
    fill(b, dim);
    mb_vector_encode(b, dim, MB_DOT, 7, record);
    mb_record head = mb_record_read(record);
    mb_vector_query q = { .values = a, .dim = dim, .metric = MB_DOT };
    mb_vector_query_encode(&q, codes);
    double product = 0;
    for (size_t i = 0; i < dim; i++)
        product += ((double)record[MB_RECORD_HEAD + i] - 128) * codes[i];
    product *= (double)q.scale * (double)head.factor;
    double error = product - mb_vector_nearness(plain_kernel(), &q, b);
    double margin =
        (double)q.margin * (double)head.factor + (double)q.margin_by_norm * (double)head.norm;
    expect(head.serial == 7 && error < margin && error > -margin, "margin", "codes", dim);
    free(a);
    free(b);
    free(record);
    free(codes);
}

int main(void)
{
    for (size_t n = 0; mb_vector_kernel_at(n) != NULL; n++)
        check_kernel(mb_vector_kernel_at(n));
    for (size_t count = 0; count <= 300; count += 20) {
        for (size_t limit = 1; limit <= 300; limit = limit * 3 + 1)
            check_top(count, limit < 300 ? limit : 300);
    }
    for (size_t dim = 1; dim <= 400; dim++)
        check_margin(dim);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures == 0 ? 0 : 1;
}
