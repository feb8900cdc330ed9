// Cells: their centres, and how they are cut; and rows against the records that they are read
// from.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vector_cells.h"

enum { DIM = 70, COUNT = 40 };

static int failures, checks;
static uint32_t state = 1;

static void expect(bool holds, const char *what)
{
    checks++;
    if (!holds) {
        fprintf(stderr, "vector_cells_test: %s\n", what);
        failures++;
    }
}

static float next_random(void)
{
    state = state * 1664525 + 1013904223;
    return (float)(state >> 8) / (float)(1 << 24) - 0.5f;
}

typedef struct cell {
    mb_vector_rows rows;
    void *memory;
} cell;

static cell make_cell(void)
{
    cell c = { .memory = malloc(mb_vector_rows_bytes(DIM, COUNT)) };
    if (c.memory == NULL)
        exit(2);
    mb_vector_rows_place(&c.rows, DIM, c.memory, COUNT);
    return c;
}

// Adds a vector around a number; gives its record.
static void add(cell *c, float around, float spread, uint8_t *record)
{
    float values[DIM];
    for (size_t i = 0; i < DIM; i++)
        values[i] = around + spread * next_random();
    mb_vector_encode(values, DIM, MB_L2, (uint32_t)c->rows.count, record);
    expect(mb_vector_rows_read(&c->rows, c->rows.count, MB_L2, record), "a norm is plain");
    c->rows.count++;
}

static void check_rows(void)
{
    uint8_t record[MB_RECORD_HEAD + DIM], again[MB_RECORD_HEAD + DIM];
    int8_t query[2 * MB_VECTOR_ALIGN];
    cell c = make_cell();
    c.rows.count = 0;
    add(&c, 0, 1, record);
    add(&c, 3, 1, record);
    mb_vector_rows_write(&c.rows, 1, again);
    expect(memcmp(record, again, sizeof record) == 0, "a record comes back as it was");
    mb_vector_rows_copy(&c.rows, 0, &c.rows, 1);
    mb_vector_rows_write(&c.rows, 0, again);
    expect(memcmp(record, again, sizeof record) == 0, "so does a copy");
    mb_vector_rows_query(&c.rows, 0, query);
    bool same = true;
    for (size_t i = 0; i < mb_vector_stride(DIM); i++)
        same = same && query[i] == (i < DIM ? (int)record[MB_RECORD_HEAD + i] - 128 : 0);
    expect(same, "its codes as a query, with zeros behind them");
    free(c.memory);
}

static void check_centre(void)
{
    uint8_t record[MB_RECORD_HEAD + DIM];
    float centre[DIM];
    cell c = make_cell();
    c.rows.count = 0;
    for (int i = 0; i < COUNT; i++)
        add(&c, i % 2 == 0 ? 1 : 3, 0, record);
    float spread = mb_cell_centre(&c.rows, centre);
    expect(fabsf(centre[0] - 2) < 0.01f && fabsf(centre[DIM - 1] - 2) < 0.01f, "the mean");
    expect(fabsf(spread - sqrtf(DIM)) < 0.1f, "the root of the mean square distance");
    free(c.memory);
}

static size_t cut(cell *c, uint8_t *sides)
{
    float middles[2 * DIM], direction[DIM], shares[2 * COUNT];
    int8_t codes[2 * MB_VECTOR_ALIGN];
    int32_t products[COUNT];
    mb_cell_room room = { middles, direction, codes, products, shares };
    mb_cell_cut(mb_vector_kernel_at(0), &c->rows, &room, sides);
    size_t ones = 0;
    for (size_t i = 0; i < c->rows.count; i++)
        ones += sides[i];
    return ones;
}

static void check_groups(void)
{
    uint8_t record[MB_RECORD_HEAD + DIM], sides[COUNT];
    cell c = make_cell();
    c.rows.count = 0;
    for (int i = 0; i < COUNT; i++)
        add(&c, i % 4 == 0 ? 1 : -1, 0.5f, record);
    size_t ones = cut(&c, sides);
    expect(ones == COUNT / 4 || ones == COUNT - COUNT / 4, "groups are cut apart");
    bool apart = true;
    for (int i = 0; i < COUNT; i++)
        apart = apart && (sides[i] == sides[0]) == (i % 4 == 0);
    expect(apart, "and each is whole");
    free(c.memory);
}

static void check_balance(float around, float spread, const char *what)
{
    uint8_t record[MB_RECORD_HEAD + DIM], sides[COUNT];
    cell c = make_cell();
    c.rows.count = 0;
    add(&c, 100, 0, record);
    for (int i = 1; i < COUNT; i++)
        add(&c, around, spread, record);
    size_t ones = cut(&c, sides);
    expect(ones > 0 && ones < COUNT, what);
    free(c.memory);
}

static void check_same(void)
{
    uint8_t record[MB_RECORD_HEAD + DIM], sides[COUNT];
    cell c = make_cell();
    c.rows.count = 0;
    for (int i = 0; i < COUNT; i++)
        add(&c, 1, 0, record);
    expect(cut(&c, sides) == COUNT / 2, "what is all the same is halved");
    free(c.memory);
}

int main(void)
{
    check_rows();
    check_centre();
    check_groups();
    check_balance(0, 1, "one far from the others leaves neither side empty");
    check_balance(1, 0, "nor does one among many that are the same");
    check_same();
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures > 0;
}
