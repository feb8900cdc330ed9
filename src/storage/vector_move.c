#include "storage/vector_move.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vector_cells.h"
#include "storage/vector_cut.h"

// Centres that are compared with one vector after the other while they are near the processor.
enum { TOGETHER = 256 };

// Vectors on their way to cells.
typedef struct movers {
    mb_vector_block block;
    int8_t *codes;     // of one, as a query
    int32_t *products; // with some centres
    float *closeness;  // of each, to the nearest centre
    uint64_t *targets; // of each: the block of that cell, and which mover it is
    void *memory;      // holds all arrays
} movers;

static bool allocate(mb_vector_writer *w, movers *m, size_t count)
{
    size_t stride = mb_vector_stride(w->set->dim);
    size_t bytes = count * (sizeof(uint64_t) + sizeof(float)) + TOGETHER * sizeof(int32_t);
    m->memory = sqlite3_malloc64(bytes + stride);
    if (m->memory == NULL)
        return mb_reader_no_memory(w->reader);
    m->targets = m->memory;
    m->closeness = (float *)(void *)(m->targets + count);
    m->products = (int32_t *)(void *)(m->closeness + count);
    m->codes = (int8_t *)(m->products + TOGETHER);
    return mb_vector_block_reserve(w->reader, &m->block, w->set->dim, count);
}

static void free_movers(movers *m)
{
    mb_vector_block_free(&m->block);
    sqlite3_free(m->memory);
}

// The products of the codes at hand with those of some centres.
static void multiply(const mb_vector_writer *w, movers *m, size_t first, size_t count)
{
    const mb_vector_rows *cells = &w->view->cells.rows;
    size_t stride = mb_vector_stride(cells->dim);
    w->kernel->dots(cells->codes + first * stride, stride, count, m->codes, m->products);
}

// How close the mover that these are of is to one of the centres.
static float closeness_of(const mb_vector_writer *w, const movers *m, size_t mover,
                          size_t first, size_t at)
{
    const mb_vector_rows *cells = &w->view->cells.rows;
    float norm = cells->norms[first + at];
    float factor = cells->factors[first + at] * m->block.rows.factors[mover];
    return factor * (float)m->products[at] - norm * norm / 2;
}

static void compare(const mb_vector_writer *w, movers *m, size_t mover, size_t first,
                    size_t count)
{
    multiply(w, m, first, count);
    for (size_t i = 0; i < count; i++) {
        float closeness = closeness_of(w, m, mover, first, i);
        if (closeness > m->closeness[mover]) {
            uint64_t number = w->view->cells.rows.serials[first + i];
            m->closeness[mover] = closeness;
            m->targets[mover] = number << 32 | mover;
        }
    }
}

// Finds the nearest cell of each.
static void find_targets(const mb_vector_writer *w, movers *m, size_t from, size_t to)
{
    size_t cells = w->view->cells.rows.count;
    for (size_t i = from; i < to; i++)
        m->closeness[i] = -INFINITY;
    for (size_t first = 0; first < cells; first += TOGETHER) {
        size_t count = cells - first < TOGETHER ? cells - first : TOGETHER;
        for (size_t i = from; i < to; i++) {
            mb_vector_rows_query(&m->block.rows, i, m->codes);
            compare(w, m, i, first, count);
        }
    }
}

static void rank(const mb_vector_writer *w, movers *m, mb_vector_top *order)
{
    const mb_vector_rows *cells = &w->view->cells.rows;
    mb_vector_rows_query(&m->block.rows, 0, m->codes);
    for (size_t first = 0; first < cells->count; first += TOGETHER) {
        size_t rest = cells->count - first, count = rest < TOGETHER ? rest : TOGETHER;
        multiply(w, m, first, count);
        for (size_t i = 0; i < count; i++)
            mb_vector_top_add(order, (double)closeness_of(w, m, 0, first, i),
                              (uint32_t)(first + i));
    }
    mb_vector_top_sort(order);
}

bool mb_vector_rank_cells(mb_vector_writer *w, const uint8_t *record, mb_vector_top *order)
{
    movers m = { 0 };
    order->items = sqlite3_malloc64((order->limit + 1) * sizeof *order->items);
    bool good = order->items != NULL || mb_reader_no_memory(w->reader);
    good = good && allocate(w, &m, 1);
    if (good && order->limit > 0) {
        mb_vector_rows_read(&m.block.rows, 0, MB_DOT, record);
        rank(w, &m, order);
    }
    free_movers(&m);
    return good;
}

// The first cell there is.
static bool found_cell(mb_vector_writer *w, movers *m)
{
    mb_vector_rows *rows = &m->block.rows;
    mb_vector_card *card = mb_vector_view_add(w->reader, w->view);
    if (card == NULL || !mb_block_make(&w->blocks, card->number, false))
        return false;
    float spread = mb_cell_centre(rows, w->values);
    return mb_vector_view_set_cell(w->reader, w->set, w->view, card, w->values, spread);
}

static mb_vector_card *target_of(const mb_vector_writer *w, const movers *m, size_t mover)
{
    size_t number = (size_t)(m->targets[mover] >> 32);
    mb_vector_card *card = mb_vector_view_find(w->view, number);
    return card->number == number && card->centre != NULL ? card : NULL;
}

// Puts a mover into its cell. Where that is full it is cut, and the mover's is another one then
// perhaps, as it is when the cell is gone.
static bool put(mb_vector_writer *w, movers *m, size_t mover)
{
    mb_vector_card *card = target_of(w, m, mover);
    while (card == NULL || card->records >= mb_block_records(w->set->dim)) {
        if (card != NULL && !mb_vector_cut(w, card->number))
            return false;
        find_targets(w, m, mover, mover + 1);
        card = target_of(w, m, mover);
    }
    float norm = m->block.rows.norms[mover];
    mb_vector_card_stretch(card, norm * norm - 2 * m->closeness[mover]);
    mb_vector_rows_write(&m->block.rows, mover, w->record);
    return mb_vector_append(w, card, w->record);
}

static int by_target(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

// Vectors whose norms the codes cannot deal with stay in the tail.
static bool sift(mb_vector_writer *w, mb_vector_rows *rows)
{
    size_t kept = 0;
    bool good = true;
    for (size_t i = 0; good && i < rows->count; i++) {
        if (mb_norm_is_plain(rows->norms[i])) {
            mb_vector_rows_copy(rows, kept++, rows, i);
            continue;
        }
        mb_vector_rows_write(rows, i, w->record);
        good = mb_vector_append_to_tail(w, w->record);
    }
    rows->count = kept;
    return good;
}

static bool distribute(mb_vector_writer *w, movers *m)
{
    size_t count = m->block.rows.count;
    bool good = w->view->cells.rows.count > 0 || count == 0 || found_cell(w, m);
    if (!good || count == 0)
        return good;
    find_targets(w, m, 0, count);
    uint64_t *order = sqlite3_malloc64(count * sizeof *order);
    if (order == NULL)
        return mb_reader_no_memory(w->reader);
    memcpy(order, m->targets, count * sizeof *order);
    qsort(order, count, sizeof *order, by_target);
    for (size_t i = 0; good && i < count; i++)
        good = put(w, m, (size_t)(order[i] & UINT32_MAX));
    sqlite3_free(order);
    return good;
}

// Takes the records of a block out of the file.
static bool take(mb_vector_writer *w, mb_vector_card *card, movers *m)
{
    bool plain;
    return allocate(w, m, card->records) &&
           mb_block_read(w->reader, w->set, card->number, card->records, &m->block.rows,
                         &plain) &&
           mb_vector_drop_block(w, card);
}

static bool move_block(mb_vector_writer *w, mb_vector_card *card)
{
    movers m = { 0 };
    bool good = take(w, card, &m) && sift(w, &m.block.rows) && distribute(w, &m);
    free_movers(&m);
    return good;
}

static mb_vector_card *oldest(const mb_vector_view *view)
{
    mb_vector_card *card = view->cards;
    while (card->centre != NULL)
        card++;
    return card;
}

bool mb_vector_shorten_tail(mb_vector_writer *w, size_t added)
{
    mb_vector_view *view = w->view;
    bool good = true;
    for (size_t moved = 0; good && moved < 2 * added;) {
        if (view->count - view->cells.rows.count <= w->tail)
            break;
        mb_vector_card *card = oldest(view);
        moved += card->records;
        good = move_block(w, card);
    }
    return good;
}

bool mb_vector_give_up(mb_vector_writer *w, mb_vector_card *card)
{
    movers m = { 0 };
    bool good = take(w, card, &m);
    for (size_t i = 0; good && i < m.block.rows.count; i++, w->added++) {
        mb_vector_rows_write(&m.block.rows, i, w->record);
        good = mb_vector_append_to_tail(w, w->record);
    }
    free_movers(&m);
    return good;
}
