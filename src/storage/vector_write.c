#include "storage/vector_write.h"

#include <math.h>
#include <string.h>

#include "storage/vector_move.h"

// A cell with less than one in so many of what it can hold is given up.
enum { SPARSE = 8 };

bool mb_vector_writer_open(mb_vector_writer *w, mb_reader *reader, const mb_vector_set *set,
                           const char *stamp, size_t stamp_length)
{
    memset(w, 0, sizeof *w);
    w->reader = w->blocks.reader = reader;
    w->set = w->blocks.set = set;
    w->kernel = mb_vector_kernel_at(0);
    w->stamp = stamp;
    w->stamp_length = stamp_length;
    w->values = sqlite3_malloc64(set->dim * sizeof *w->values);
    w->record = sqlite3_malloc64(mb_record_size(set->dim));
    if (w->values == NULL || w->record == NULL)
        return mb_reader_no_memory(reader);
    w->view = mb_vector_view_get(reader, set);
    if (w->view == NULL)
        return false;
    w->view->stamp[0] = '\0'; // until all has gone well
    return true;
}

static void note(mb_vector_writer *w, mb_vector_card *card)
{
    card->changed = true;
    mb_vector_view_forget(w->view, card);
}

bool mb_vector_append(mb_vector_writer *w, mb_vector_card *card, const uint8_t *record)
{
    uint32_t serial = mb_read_u32(record);
    if (!mb_block_put(&w->blocks, card->number, card->records, record))
        return false;
    card->records++;
    card->low = serial < card->low ? serial : card->low;
    card->high = serial > card->high ? serial : card->high;
    note(w, card);
    return true;
}

// The first block of the tail that has room.
static mb_vector_card *open_tail(mb_vector_writer *w)
{
    size_t full = mb_block_records(w->set->dim);
    for (size_t i = 0; i < w->view->count; i++) {
        mb_vector_card *card = &w->view->cards[i];
        if (card->centre == NULL && card->records < full)
            return card;
    }
    mb_vector_card *card = mb_vector_view_add(w->reader, w->view);
    bool first = w->view->count == 1;
    return card != NULL && mb_block_make(&w->blocks, card->number, first) ? card : NULL;
}

bool mb_vector_append_to_tail(mb_vector_writer *w, const uint8_t *record)
{
    mb_vector_card *card = open_tail(w);
    return card != NULL && mb_vector_append(w, card, record);
}

bool mb_vector_drop_block(mb_vector_writer *w, mb_vector_card *card)
{
    bool dropped = mb_block_delete(&w->blocks, card->number) &&
                   mb_vector_card_delete(w->reader, w->set, card->number);
    mb_vector_view_remove(w->view, card);
    return dropped;
}

static bool write_numbers(mb_vector_writer *w, const char *sql, uint32_t serial,
                          const uint8_t *vector)
{
    mb_reader *r = w->reader;
    if (!mb_reader_use(r, sql))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, serial));
    mb_reader_bind_blob(r, 2, vector, 4 * w->set->dim);
    return mb_reader_run(r);
}

// The numbers that the file has.
static bool read_numbers(mb_vector_writer *w, uint32_t serial)
{
    mb_reader *r = w->reader;
    if (!mb_reader_use(r, "SELECT vector FROM vector_floats WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, serial));
    if (mb_reader_row(r))
        mb_vector_numbers(r, w->set, 0, serial, w->values);
    else
        mb_vector_missing(r, w->set, serial);
    mb_reader_done(r);
    return mb_reader_good(r);
}

// Where the codes of a vector are.
typedef struct place {
    mb_vector_card *card;         // the block; NULL: not found
    const mb_vector_block *block; // its records
    size_t at;                    // which of them
} place;

static bool look_for(mb_vector_writer *w, uint32_t serial, mb_vector_card *card, place *found)
{
    if (serial < card->low || serial > card->high)
        return true;
    const mb_vector_block *b = mb_vector_block_get(w->reader, w->set, w->view, card, &w->spare);
    for (size_t i = 0; b != NULL && i < b->rows.count; i++) {
        if (b->rows.serials[i] == serial)
            *found = (place){ .card = card, .block = b, .at = i };
    }
    return b != NULL;
}

static bool look_in_tail(mb_vector_writer *w, uint32_t serial, place *found)
{
    bool good = true;
    for (size_t i = 0; good && i < w->view->count && found->card == NULL; i++) {
        if (w->view->cards[i].centre == NULL)
            good = look_for(w, serial, &w->view->cards[i], found);
    }
    return good;
}

// The nearest cell first: that is where it is, unless cells around it have changed much.
static bool look_in_cells(mb_vector_writer *w, uint32_t serial, place *found)
{
    const mb_vector_rows *cells = &w->view->cells.rows;
    mb_vector_top order = { .limit = cells->count };
    bool good = mb_vector_rank_cells(w, w->record, &order);
    for (size_t i = 0; good && i < order.count && found->card == NULL; i++) {
        size_t number = cells->serials[order.items[i].serial];
        good = look_for(w, serial, mb_vector_view_find(w->view, number), found);
    }
    sqlite3_free(order.items);
    return good;
}

static bool locate(mb_vector_writer *w, uint32_t serial, place *found)
{
    memset(found, 0, sizeof *found);
    if (!read_numbers(w, serial))
        return false;
    mb_vector_encode(w->values, w->set->dim, w->set->metric, serial, w->record);
    return look_in_tail(w, serial, found) &&
           (found->card != NULL || look_in_cells(w, serial, found)) &&
           (found->card != NULL || mb_vector_missing(w->reader, w->set, serial));
}

// The last record takes the place that is free; what it leaves behind is wiped.
static bool take_out(mb_vector_writer *w, const place *from)
{
    mb_vector_card *card = from->card;
    size_t last = card->records - 1, number = card->number;
    mb_vector_rows_write(&from->block->rows, last, w->record);
    if (from->at != last && !mb_block_put(&w->blocks, number, from->at, w->record))
        return false;
    memset(w->record, 0, mb_record_size(w->set->dim));
    if (!mb_block_put(&w->blocks, number, last, w->record))
        return false;
    card->records--;
    note(w, card);
    return card->records > 0 || mb_vector_drop_block(w, card);
}

// Takes a vector out of the codes.
static bool forget(mb_vector_writer *w, uint32_t serial)
{
    place found;
    if (!locate(w, serial, &found) || found.card == NULL)
        return false;
    size_t number = found.card->number;
    bool sparse = found.card->centre != NULL && found.card->records > 1 &&
                  found.card->records <= mb_block_records(w->set->dim) / SPARSE;
    return take_out(w, &found) &&
           (!sparse || mb_vector_give_up(w, mb_vector_view_find(w->view, number)));
}

bool mb_vector_put(mb_vector_writer *w, uint32_t serial, const uint8_t *vector, bool *added)
{
    if (!write_numbers(w,
                       "INSERT INTO vector_floats (key, vector) VALUES ($key, $vector)"
                       " ON CONFLICT (key) DO NOTHING",
                       serial, vector))
        return false;
    *added = sqlite3_changes(w->reader->connection->writer.cache.db) > 0;
    if (!*added &&
        (!forget(w, serial) ||
         !write_numbers(w,
                        "INSERT INTO vector_floats (key, vector) VALUES ($key, $vector)"
                        " ON CONFLICT (key) DO UPDATE SET vector = excluded.vector",
                        serial, vector)))
        return false;
    for (size_t i = 0; i < w->set->dim; i++)
        w->values[i] = mb_read_f32(vector + 4 * i);
    mb_vector_encode(w->values, w->set->dim, w->set->metric, serial, w->record);
    w->added++;
    return mb_vector_append_to_tail(w, w->record);
}

bool mb_vector_remove(mb_vector_writer *w, uint32_t serial)
{
    mb_reader *r = w->reader;
    if (!forget(w, serial) || !mb_reader_use(r, "DELETE FROM vector_floats WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, serial));
    return mb_reader_run(r);
}

static bool write_cards(mb_vector_writer *w)
{
    bool written = true;
    for (size_t i = 0; written && i < w->view->count; i++) {
        mb_vector_card *card = &w->view->cards[i];
        if (card->changed)
            written = mb_vector_card_write(w->reader, w->set, card, w->stamp, w->stamp_length);
    }
    return written;
}

static void finish(mb_vector_writer *w)
{
    memcpy(w->view->stamp, w->stamp, w->stamp_length);
    w->view->stamp[w->stamp_length] = '\0';
}

bool mb_vector_writer_close(mb_vector_writer *w)
{
    bool done = w->view != NULL && mb_reader_good(w->reader) &&
                mb_vector_shorten_tail(w, w->added) && write_cards(w);
    done = mb_block_close(&w->blocks) && done;
    if (done)
        finish(w);
    sqlite3_free(w->values);
    sqlite3_free(w->record);
    mb_vector_block_free(&w->spare);
    return done;
}
