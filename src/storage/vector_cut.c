#include "storage/vector_cut.h"

#include <string.h>

#include "kernel/vector_cells.h"
#include "storage/vector_move.h"

// The cells around one whose vectors are looked at, and all that take part: the halves first.
enum { AROUND = 8, HALVES = 2, MOST = HALVES + AROUND };

// A vector moves when it comes nearer by so much of the square of its cell's spread: most that
// lie between two cells are found as well in either.
static const float clearly = 1.0f / 16;

// What lies so much farther from the centre, by the square, than the vectors of this cell or of
// all cells do, came here when no cell was near it: all cells are asked whether one is by now.
static const float stray = 2;

// A cell in memory while vectors move.
typedef struct cell {
    size_t number;         // of its block
    mb_vector_block block; // has room for a full one
    bool changed;          // must be written
} cell;

typedef struct cut {
    mb_vector_writer *w;
    cell cells[MOST];
    size_t count;
    mb_cell_room room;
    uint8_t *sides;   // of each row of a full block
    float usual;      // the mean square of all cells' spreads
    float *closeness; // likewise, to a centre
    float *best;      // likewise, to the best centre so far
    uint8_t *target;  // likewise: which of the cells that is
    void *memory;     // holds all arrays
} cut;

static size_t aligned(size_t bytes)
{
    return (bytes + MB_VECTOR_ALIGN - 1) / MB_VECTOR_ALIGN * MB_VECTOR_ALIGN;
}

static bool allocate(cut *c)
{
    size_t dim = c->w->set->dim, full = mb_block_records(dim);
    size_t numbers = aligned(3 * dim * sizeof(float)), rows = aligned(full * sizeof(float));
    size_t stride = mb_vector_stride(dim);
    uint8_t *at = sqlite3_malloc64(numbers + stride + 5 * rows + 2 * aligned(full));
    if (at == NULL)
        return mb_reader_no_memory(c->w->reader);
    c->memory = at;
    c->room.middles = (float *)(void *)at;
    c->room.direction = c->room.middles + 2 * dim;
    c->room.products = (int32_t *)(void *)(at += numbers);
    c->room.shares = (float *)(void *)(at += rows);
    c->closeness = (float *)(void *)(at += 2 * rows);
    c->best = (float *)(void *)(at += rows);
    c->room.codes = (int8_t *)(at += rows);
    c->sides = at += stride;
    c->target = at + aligned(full);
    return true;
}

static mb_vector_card *card_of(const cut *c, const cell *one)
{
    return mb_vector_view_find(c->w->view, one->number);
}

// Takes a cell in.
static bool load(cut *c, size_t number)
{
    mb_vector_writer *w = c->w;
    cell *one = &c->cells[c->count++];
    bool plain;
    one->number = number;
    return mb_vector_block_reserve(w->reader, &one->block, w->set->dim,
                                   mb_block_records(w->set->dim)) &&
           mb_block_read(w->reader, w->set, number,
                         mb_vector_view_find(w->view, number)->records, &one->block.rows,
                         &plain);
}

// The cells around the one that is cut.
static bool load_around(cut *c)
{
    mb_vector_writer *w = c->w;
    const mb_vector_rows *cells = &w->view->cells.rows;
    mb_vector_top order = { .limit = AROUND + 1 };
    memcpy(w->record, card_of(c, &c->cells[0])->centre, mb_record_size(w->set->dim));
    bool good = mb_vector_rank_cells(w, w->record, &order);
    for (size_t i = 0; good && i < order.count && c->count < MOST; i++) {
        size_t number = cells->serials[order.items[i].serial];
        if (number != c->cells[0].number && number != c->cells[1].number)
            good = load(c, number);
    }
    sqlite3_free(order.items);
    return good;
}

// The last row takes its place.
static void close_gap(mb_vector_rows *rows, size_t at)
{
    mb_vector_rows_copy(rows, at, rows, --rows->count);
}

static void move(cell *from, size_t at, cell *to)
{
    mb_vector_rows *rows = &from->block.rows, *others = &to->block.rows;
    mb_vector_rows_copy(others, others->count++, rows, at);
    close_gap(rows, at);
    from->changed = to->changed = true;
}

static bool set_centre(cut *c, const cell *one)
{
    mb_vector_writer *w = c->w;
    if (one->block.rows.count == 0)
        return true;
    float spread = mb_cell_centre(&one->block.rows, c->room.direction);
    return mb_vector_view_set_cell(w->reader, w->set, w->view, card_of(c, one),
                                   c->room.direction, spread);
}

// The second cell gets one side of the first.
static bool divide(cut *c)
{
    mb_vector_writer *w = c->w;
    cell *one = &c->cells[0], *other = &c->cells[1];
    mb_cell_cut(w->kernel, &one->block.rows, &c->room, c->sides);
    mb_vector_card *card = mb_vector_view_add(w->reader, w->view);
    if (card == NULL)
        return false;
    c->count++;
    other->number = card->number;
    if (!mb_vector_block_reserve(w->reader, &other->block, w->set->dim,
                                 mb_block_records(w->set->dim)))
        return false;
    for (size_t i = one->block.rows.count; i-- > 0;) {
        if (c->sides[i])
            move(one, i, other);
    }
    return true;
}

static void measure(cut *c, const cell *rows_of, const cell *centre_of)
{
    const mb_vector_rows *cells = &c->w->view->cells.rows;
    size_t at = card_of(c, centre_of)->cell;
    mb_vector_query centre = { .dim = cells->dim, .codes = c->room.codes };
    centre.scale = cells->factors[at];
    centre.square = (double)cells->norms[at] * cells->norms[at];
    mb_vector_rows_query(cells, at, c->room.codes);
    mb_cell_closeness(c->w->kernel, &rows_of->block.rows, &centre, c->room.products,
                      c->closeness);
}

// Finds out for the rows of a cell whether the centre of another one is clearly nearer.
static void compare(cut *c, size_t from, size_t to)
{
    measure(c, &c->cells[from], &c->cells[to]);
    for (size_t i = 0; i < c->cells[from].block.rows.count; i++) {
        if (c->closeness[i] > c->best[i]) {
            c->best[i] = c->closeness[i];
            c->target[i] = (uint8_t)to;
        }
    }
}

// What each row of a cell would gain least by moving, and where to: nowhere yet.
static void begin_to_compare(cut *c, size_t from, float least)
{
    cell *one = &c->cells[from];
    measure(c, one, one);
    for (size_t i = 0; i < one->block.rows.count; i++) {
        c->best[i] = c->closeness[i] + least;
        c->target[i] = (uint8_t)from;
    }
}

static cell *find_cell(cut *c, size_t number)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->cells[i].number == number)
            return &c->cells[i];
    }
    return NULL;
}

// Moves a row to a cell that is clearly nearer, unless that is full.
static bool move_home(cut *c, cell *from, size_t at, size_t number, float closeness)
{
    mb_vector_rows *rows = &from->block.rows;
    mb_vector_card *card = mb_vector_view_find(c->w->view, number);
    cell *to = find_cell(c, number);
    size_t full = mb_block_records(c->w->set->dim);
    size_t records = to != NULL ? to->block.rows.count : card->records;
    if (to == from || closeness <= c->best[at] || records >= full - 1)
        return true;
    if (to != NULL) {
        move(from, at, to);
        return true;
    }
    mb_vector_card_stretch(card, rows->norms[at] * rows->norms[at] - 2 * closeness);
    close_gap(rows, at);
    from->changed = true;
    return mb_vector_append(c->w, card, c->w->record);
}

// Asks all cells.
static bool send_home(cut *c, cell *from, size_t at)
{
    mb_vector_writer *w = c->w;
    mb_vector_top nearest = { .limit = 1 };
    mb_vector_rows_write(&from->block.rows, at, w->record);
    bool good = mb_vector_rank_cells(w, w->record, &nearest);
    if (good) {
        size_t number = w->view->cells.rows.serials[nearest.items[0].serial];
        good = move_home(c, from, at, number, (float)nearest.items[0].key);
    }
    sqlite3_free(nearest.items);
    return good;
}

// Moves the rows of a cell to whichever is clearly nearer: rows of the halves to any, others to
// a half.
static bool settle(cut *c, size_t from)
{
    cell *one = &c->cells[from];
    mb_vector_rows *rows = &one->block.rows;
    size_t full = mb_block_records(c->w->set->dim);
    float spread = card_of(c, one)->spread, square = spread * spread, least = clearly * square;
    float far = stray * (square < c->usual ? square : c->usual);
    begin_to_compare(c, from, least);
    for (size_t to = 0; to < (from < HALVES ? c->count : HALVES); to++) {
        if (to != from)
            compare(c, from, to);
    }
    bool good = true;
    for (size_t i = rows->count; good && i-- > 0;) {
        cell *to = &c->cells[c->target[i]];
        float apart = rows->norms[i] * rows->norms[i] - 2 * (c->best[i] - least);
        if (to != one && to->block.rows.count < full - 1)
            move(one, i, to);
        else if (to == one && from < HALVES && apart > far)
            good = send_home(c, one, i);
    }
    return good;
}

static float usual_square(const mb_vector_view *view)
{
    double squares = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (view->cards[i].centre != NULL)
            squares += (double)view->cards[i].spread * (double)view->cards[i].spread;
    }
    return (float)(squares / (double)view->cells.rows.count);
}

// Makes the card say what is in the cell now.
static void note(cut *c, const cell *one, mb_vector_card *card)
{
    const mb_vector_rows *rows = &one->block.rows;
    card->records = rows->count;
    card->low = UINT32_MAX;
    card->high = 0;
    measure(c, one, one);
    for (size_t i = 0; i < rows->count; i++) {
        card->low = rows->serials[i] < card->low ? rows->serials[i] : card->low;
        card->high = rows->serials[i] > card->high ? rows->serials[i] : card->high;
        mb_vector_card_stretch(card, rows->norms[i] * rows->norms[i] - 2 * c->closeness[i]);
    }
    card->changed = true;
    mb_vector_view_forget(c->w->view, card);
}

static bool write_cell(cut *c, const cell *one)
{
    mb_vector_writer *w = c->w;
    mb_vector_card *card = card_of(c, one);
    if (one->block.rows.count == 0)
        return mb_vector_drop_block(w, card);
    note(c, one, card);
    return mb_block_write(&w->blocks, one->number, &one->block.rows);
}

static bool write_cells(cut *c)
{
    bool good = true;
    for (size_t i = 0; good && i < c->count; i++)
        good = !c->cells[i].changed || write_cell(c, &c->cells[i]);
    return good;
}

static bool set_centres(cut *c)
{
    return set_centre(c, &c->cells[0]) && set_centre(c, &c->cells[1]);
}

static bool run(cut *c, size_t number)
{
    if (!allocate(c) || !load(c, number) || !divide(c) || !load_around(c) || !set_centres(c))
        return false;
    bool good = true;
    c->usual = usual_square(c->w->view);
    for (size_t i = 0; good && i < c->count; i++)
        good = settle(c, i);
    return good && set_centres(c) && write_cells(c);
}

bool mb_vector_cut(mb_vector_writer *w, size_t number)
{
    cut c = { .w = w };
    bool good = run(&c, number);
    for (size_t i = 0; i < c.count; i++)
        mb_vector_block_free(&c.cells[i].block);
    sqlite3_free(c.memory);
    return good;
}
