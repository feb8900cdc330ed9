#include "storage/vector_view.h"

#include <math.h>
#include <string.h>

void mb_vector_block_free(mb_vector_block *b)
{
    sqlite3_free(b->memory);
    memset(b, 0, sizeof *b);
}

bool mb_vector_block_reserve(mb_reader *r, mb_vector_block *b, size_t dim, size_t count)
{
    size_t bytes = mb_vector_rows_bytes(dim, count);
    if (b->bytes < bytes) {
        void *memory = sqlite3_malloc64(bytes);
        if (memory == NULL)
            return mb_reader_no_memory(r);
        sqlite3_free(b->memory);
        b->memory = memory;
        b->bytes = bytes;
    }
    b->rows.count = 0;
    mb_vector_rows_place(&b->rows, dim, b->memory, count);
    return true;
}

void mb_vector_view_forget(mb_vector_view *view, mb_vector_card *card)
{
    view->bytes -= card->block.bytes;
    mb_vector_block_free(&card->block);
}

static void free_card(mb_vector_view *view, mb_vector_card *card)
{
    mb_vector_view_forget(view, card);
    sqlite3_free(card->centre);
    memset(card, 0, sizeof *card);
}

void mb_vector_view_free(mb_vector_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        free_card(view, &view->cards[i]);
    sqlite3_free(view->cards);
    mb_vector_block_free(&view->cells);
    memset(view, 0, sizeof *view);
}

mb_vector_card *mb_vector_view_add(mb_reader *r, mb_vector_view *view)
{
    if (view->count == view->capacity) {
        size_t capacity = 2 * view->capacity + 4;
        mb_vector_card *cards = sqlite3_realloc64(view->cards, capacity * sizeof *cards);
        if (cards == NULL) {
            mb_reader_no_memory(r);
            return NULL;
        }
        view->cards = cards;
        view->capacity = capacity;
    }
    mb_vector_card *card = &view->cards[view->count];
    memset(card, 0, sizeof *card);
    card->number = view->count > 0 ? card[-1].number + 1 : 0;
    card->low = UINT32_MAX;
    view->count++;
    return card;
}

mb_vector_card *mb_vector_view_find(const mb_vector_view *view, size_t number)
{
    size_t low = 0, high = view->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (view->cards[middle].number <= number)
            low = middle;
        else
            high = middle;
    }
    return &view->cards[low];
}

// Room for one more cell.
static bool grow_cells(mb_reader *r, mb_vector_view *view, size_t dim)
{
    mb_vector_block grown = { 0 };
    size_t count = view->cells.rows.count, capacity = 2 * view->cells_capacity + 16;
    if (count < view->cells_capacity)
        return true;
    if (!mb_vector_block_reserve(r, &grown, dim, capacity))
        return false;
    for (size_t i = 0; i < count; i++)
        mb_vector_rows_copy(&grown.rows, i, &view->cells.rows, i);
    grown.rows.count = count;
    mb_vector_block_free(&view->cells);
    view->cells = grown;
    view->cells_capacity = capacity;
    return true;
}

static bool add_cell(mb_reader *r, const mb_vector_set *set, mb_vector_view *view,
                     mb_vector_card *card)
{
    if (!grow_cells(r, view, set->dim))
        return false;
    card->cell = view->cells.rows.count++;
    mb_vector_rows_read(&view->cells.rows, card->cell, MB_DOT, card->centre);
    return true;
}

bool mb_vector_view_set_cell(mb_reader *r, const mb_vector_set *set, mb_vector_view *view,
                             mb_vector_card *card, const float *centre, float spread)
{
    bool known = card->centre != NULL;
    if (!known && (card->centre = sqlite3_malloc64(mb_record_size(set->dim))) == NULL)
        return mb_reader_no_memory(r);
    mb_vector_encode(centre, set->dim, MB_DOT, (uint32_t)card->number, card->centre);
    card->spread = card->reach = spread;
    if (!known)
        return add_cell(r, set, view, card);
    mb_vector_rows_read(&view->cells.rows, card->cell, MB_DOT, card->centre);
    return true;
}

void mb_vector_card_stretch(mb_vector_card *card, float square)
{
    float half = square > 0 ? sqrtf(square) / 2 : 0;
    if (half > card->reach)
        card->reach = half;
}

// The last cell takes the place that is free then.
static void remove_cell(mb_vector_view *view, const mb_vector_card *card)
{
    mb_vector_rows *cells = &view->cells.rows;
    size_t last = --cells->count;
    if (card->cell == last)
        return;
    mb_vector_rows_copy(cells, card->cell, cells, last);
    mb_vector_view_find(view, cells->serials[last])->cell = card->cell;
}

void mb_vector_view_remove(mb_vector_view *view, mb_vector_card *card)
{
    size_t at = (size_t)(card - view->cards);
    if (card->centre != NULL)
        remove_cell(view, card);
    free_card(view, card);
    view->count--;
    memmove(card, card + 1, (view->count - at) * sizeof *card);
}

static bool read_centre(mb_reader *r, const mb_vector_set *set, mb_vector_view *view,
                        mb_vector_card *card)
{
    size_t length, size = mb_record_size(set->dim);
    const uint8_t *bytes = mb_reader_blob(r, 7, &length);
    if (bytes == NULL || length != size)
        return mb_vectors_damaged(r, set);
    card->centre = sqlite3_malloc64(size);
    if (card->centre == NULL)
        return mb_reader_no_memory(r);
    memcpy(card->centre, bytes, size);
    mb_write_u32(card->centre, (uint32_t)card->number);
    card->spread = (float)mb_reader_number(r, 5);
    card->reach = (float)mb_reader_number(r, 6);
    return add_cell(r, set, view, card);
}

// Takes over what is known of the block, if it has not changed.
static bool keep(const char *stamp, size_t number, mb_vector_view *old, size_t *at,
                 mb_vector_card *card, mb_vector_view *view)
{
    while (*at < old->count && old->cards[*at].number < number)
        ++*at;
    mb_vector_card *known = *at < old->count ? &old->cards[*at] : NULL;
    if (known == NULL || known->number != number || known->changed ||
        strcmp(known->stamp, stamp) != 0)
        return false;
    card->block = known->block;
    card->used = known->used;
    view->bytes += known->block.bytes;
    old->bytes -= known->block.bytes;
    memset(&known->block, 0, sizeof known->block);
    return true;
}

static bool read_card(mb_reader *r, const mb_vector_set *set, mb_vector_view *view,
                      mb_vector_view *old, size_t *at)
{
    size_t length, number = (size_t)mb_reader_integer(r, 0);
    const char *stamp = mb_reader_text(r, 1, &length);
    int64_t records = mb_reader_integer(r, 2);
    if (stamp == NULL)
        return false;
    if (length > MB_STAMP_SIZE || records < 1 || (size_t)records > mb_block_records(set->dim))
        return mb_vectors_damaged(r, set);
    mb_vector_card *card = mb_vector_view_add(r, view);
    if (card == NULL)
        return false;
    memcpy(card->stamp, stamp, length);
    card->number = number;
    card->records = (size_t)records;
    card->low = (uint32_t)mb_reader_integer(r, 3);
    card->high = (uint32_t)mb_reader_integer(r, 4);
    keep(card->stamp, number, old, at, card, view);
    return mb_reader_is_null(r, 7) || read_centre(r, set, view, card);
}

static bool read_cards(mb_reader *r, const mb_vector_set *set, mb_vector_view *view,
                       mb_vector_view *old)
{
    size_t at = 0, found = 0;
    if (!mb_reader_use(
            r, "SELECT key & 4294967295, stamp, records, low, high, spread, reach,"
               " centre FROM vector_cards WHERE key BETWEEN $first AND $last ORDER BY key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(set, 0));
    mb_reader_bind(r, 2, mb_vector_key(set, UINT32_MAX));
    while (mb_reader_row(r) && read_card(r, set, view, old, &at))
        found += view->cards[view->count - 1].records;
    mb_reader_done(r);
    return mb_reader_good(r) && (found == set->count || mb_vectors_damaged(r, set));
}

bool mb_vector_view_load(mb_reader *r, const mb_vector_set *set, mb_vector_view *view)
{
    if (strlen(view->stamp) == set->stamp_length &&
        memcmp(view->stamp, set->stamp, set->stamp_length) == 0)
        return true;
    mb_vector_view old = *view;
    memset(view, 0, sizeof *view);
    view->key = old.key;
    view->used = old.used;
    bool read = read_cards(r, set, view, &old);
    mb_vector_view_free(&old);
    if (!read) {
        mb_vector_view_free(view);
        return false;
    }
    memcpy(view->stamp, set->stamp, set->stamp_length);
    return true;
}

bool mb_vector_card_write(mb_reader *r, const mb_vector_set *set, mb_vector_card *card,
                          const char *stamp, size_t stamp_length)
{
    if (!mb_reader_use(r, "INSERT INTO vector_cards"
                          " (key, stamp, records, low, high, spread, reach, centre)"
                          " VALUES ($key, $stamp, $records, $low, $high, $spread, $reach,"
                          " $centre)"
                          " ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp,"
                          " records = excluded.records, low = excluded.low,"
                          " high = excluded.high, spread = excluded.spread,"
                          " reach = excluded.reach, centre = excluded.centre"))
        return false;
    sqlite3_stmt *statement = r->statement->handle;
    mb_reader_bind(r, 1, mb_vector_key(set, card->number));
    mb_reader_bind_text(r, 2, stamp, stamp_length);
    mb_reader_bind(r, 3, (int64_t)card->records);
    mb_reader_bind(r, 4, card->low);
    mb_reader_bind(r, 5, card->high);
    for (int i = 6; i <= 8; i++)
        sqlite3_bind_null(statement, i);
    if (card->centre != NULL) {
        sqlite3_bind_double(statement, 6, (double)card->spread);
        sqlite3_bind_double(statement, 7, (double)card->reach);
        mb_reader_bind_blob(r, 8, card->centre, mb_record_size(set->dim));
    }
    memcpy(card->stamp, stamp, stamp_length);
    card->stamp[stamp_length] = '\0';
    card->changed = false;
    return mb_reader_run(r);
}

bool mb_vector_card_delete(mb_reader *r, const mb_vector_set *set, size_t number)
{
    if (!mb_reader_use(r, "DELETE FROM vector_cards WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(set, number));
    return mb_reader_run(r);
}
