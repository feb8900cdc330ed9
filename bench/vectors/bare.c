// What the vectors part of moonbase does, as a program written for just that would do it: a
// scan of float32 numbers in memory, and the rows of ids and numbers in one commit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"

enum { DIM = 384, MOST = 100000, TOP = 10 };

static float *numbers;
static float *tops;

static float random_number(void)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (float)(state >> 8) / 16777216.0f - 0.5f;
}

static void prepare(bare *b)
{
    if (numbers != NULL)
        return;
    numbers = malloc(sizeof *numbers * DIM * (MOST + 1));
    tops = malloc(sizeof *tops * TOP);
    bare_check(b, numbers != NULL && tops != NULL, "no memory");
    for (size_t i = 0; i < (size_t)DIM * (MOST + 1); i++)
        numbers[i] = random_number();
}

typedef float lanes __attribute__((vector_size(32)));

// Two lines of eight lanes at a time keep up with the memory.
#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
static float
product(const float *a, const float *b)
{
    lanes x, y, first = { 0 }, second = { 0 };
    float sum = 0;
    for (int i = 0; i < DIM; i += 16) {
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        first += x * y;
        memcpy(&x, a + i + 8, sizeof x);
        memcpy(&y, b + i + 8, sizeof y);
        second += x * y;
    }
    first += second;
    for (int i = 0; i < 8; i++)
        sum += first[i];
    return sum;
}

static void take(float found)
{
    int at = TOP - 1;
    if (found <= tops[at])
        return;
    for (; at > 0 && tops[at - 1] < found; at--)
        tops[at] = tops[at - 1];
    tops[at] = found;
}

// vector_search COUNT SIZE: the products of a query with so many vectors, the ten greatest
// kept.
static void search(bare *b, int count, char **arguments)
{
    int size = atoi(arguments[0]);
    prepare(b);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        for (int t = 0; t < TOP; t++)
            tops[t] = -1e30f;
        for (int v = 0; v < size; v++)
            take(product(numbers + (size_t)MOST * DIM, numbers + (size_t)v * DIM));
        bare_stop(b);
    }
}

// vector_put COUNT SIZE LENGTH: so many new rows in each transaction.
static void put(bare *b, int count, char **arguments)
{
    static sqlite3_stmt *begin, *commit, *item, *vector;
    static int64_t next;
    int length = atoi(arguments[1]);
    prepare(b);
    if (begin == NULL) {
        begin = bare_prepare(b, "BEGIN IMMEDIATE");
        commit = bare_prepare(b, "COMMIT");
        item = bare_prepare(b, "INSERT INTO vector_items (key, id, metadata)"
                               " VALUES ((9 << 32) + ?, ?, '{\"n\":1}')");
        vector = bare_prepare(b, "INSERT INTO vector_floats (key, vector)"
                                 " VALUES ((9 << 32) + ?, ?)");
    }
    for (int i = 0; i < count; i++) {
        bare_start(b);
        bare_step(b, begin);
        for (int j = 0; j < length; j++) {
            char id[40];
            snprintf(id, sizeof id, "new-%lld", (long long)next);
            sqlite3_bind_int64(item, 1, next);
            bare_text(item, 2, id);
            bare_step(b, item);
            sqlite3_bind_int64(vector, 1, next);
            sqlite3_bind_blob(vector, 2, numbers + (size_t)(next++ % MOST) * DIM,
                              DIM * sizeof *numbers, SQLITE_STATIC);
            bare_step(b, vector);
        }
        bare_step(b, commit);
        bare_stop(b);
    }
}

const bare_work bare_vectors[] = {
    { "vector_search", search },
    { "vector_put", put },
    { NULL, NULL },
};
