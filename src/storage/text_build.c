#include "storage/text_build.h"

#include <stdlib.h>
#include <string.h>

// A segment of so many bytes is of level 1, of four times as many of level 2, and so on.
enum { LEVEL_BYTES = 64 * 1024, LEAST = 1024 };

// The sort looks at so many digits of a hash.
enum { DIGITS = 4, DIGIT_BITS = 11 };

static size_t digit(uint64_t hash, unsigned shift)
{
    return (size_t)(hash >> shift) & ((1u << DIGIT_BITS) - 1);
}

static bool room(mb_reader *r, mb_text_builder *b, size_t extra)
{
    size_t needed = b->count + extra;
    if (needed <= b->capacity)
        return true;
    size_t capacity = needed > 2 * b->capacity ? needed + LEAST : 2 * b->capacity;
    mb_text_item *items = sqlite3_realloc64(b->items, capacity * sizeof *items);
    if (items == NULL)
        return mb_reader_no_memory(r);
    b->items = items;
    b->capacity = capacity;
    return true;
}

static void note_serial(mb_text_builder *b, uint32_t serial)
{
    if (b->first_serial == 0 || serial < b->first_serial)
        b->first_serial = serial;
    if (serial > b->last_serial)
        b->last_serial = serial;
}

static void add(mb_text_builder *b, mb_text_term term, uint32_t serial, uint32_t words)
{
    mb_text_item *item = &b->items[b->count++];
    item->hash = term.hash;
    item->posting.serial = serial;
    item->posting.count = (uint32_t)term.count;
    item->posting.words = words;
}

bool mb_text_builder_add(mb_reader *r, mb_text_builder *b, uint32_t serial,
                         const mb_text_terms *terms)
{
    const mb_text_term *items = mb_text_terms_items(terms);
    if (!room(r, b, terms->count))
        return false;
    note_serial(b, serial);
    for (size_t i = 0; i < terms->count; i++)
        add(b, items[i], serial, (uint32_t)terms->words);
    return true;
}

static int compare(const void *left, const void *right)
{
    const mb_text_item *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (a->posting.serial > b->posting.serial) - (a->posting.serial < b->posting.serial);
}

// Orders by the upper bits of the hashes, digit after digit; those of one hash stay in the
// order in which they came.
static bool sort_by_digits(mb_reader *r, mb_text_builder *b)
{
    mb_text_item *other = sqlite3_malloc64(b->capacity * sizeof *other);
    if (other == NULL)
        return mb_reader_no_memory(r);
    for (unsigned shift = 64 - DIGITS * DIGIT_BITS; shift < 64; shift += DIGIT_BITS) {
        size_t starts[1 << DIGIT_BITS] = { 0 }, start = 0;
        for (size_t i = 0; i < b->count; i++)
            starts[digit(b->items[i].hash, shift)]++;
        for (size_t i = 0; i < 1 << DIGIT_BITS; i++) {
            size_t length = starts[i];
            starts[i] = start;
            start += length;
        }
        for (size_t i = 0; i < b->count; i++)
            other[starts[digit(b->items[i].hash, shift)]++] = b->items[i];
        mb_text_item *items = b->items;
        b->items = other;
        other = items;
    }
    sqlite3_free(other);
    return true;
}

// Texts come in the order of their serials, mostly; then the digits alone are enough.
bool mb_text_builder_sort(mb_reader *r, mb_text_builder *b)
{
    if (!sort_by_digits(r, b))
        return false;
    for (size_t i = 1; i < b->count; i++) {
        if (compare(&b->items[i - 1], &b->items[i]) > 0) {
            qsort(b->items, b->count, sizeof *b->items, compare);
            break;
        }
    }
    return true;
}

static bool write_words(mb_reader *r, mb_text_builder *b, mb_text_segment *segment)
{
    mb_text_writer w;
    mb_text_postings list = { 0 };
    mb_text_writer_open(&w, r, segment);
    bool good = true;
    for (size_t i = 0; good && i < b->count;) {
        uint64_t hash = b->items[i].hash;
        for (list.count = 0; good && i < b->count && b->items[i].hash == hash; i++) {
            good = mb_text_postings_room(r, &list, 1);
            if (good)
                list.items[list.count++] = b->items[i].posting;
        }
        good = good && mb_text_writer_add(&w, hash, list.items, list.count);
    }
    good = mb_text_writer_close(&w) && good;
    mb_text_postings_free(&list);
    return good;
}

bool mb_text_builder_write(mb_reader *r, mb_text_builder *b, int64_t set,
                           mb_text_segments *segments)
{
    if (segments->count == MB_TEXT_SOURCES)
        return mb_text_damaged(r);
    mb_text_segment *segment = &segments->items[segments->count];
    memset(segment, 0, sizeof *segment);
    segment->high = MB_TEXT_PLACES;
    segment->lists = 1;
    segment->first_serial = b->first_serial;
    segment->last_serial = b->last_serial;
    for (size_t size = 4 * b->count; size >= LEVEL_BYTES; size /= 4)
        segment->level++;
    if (!mb_text_builder_sort(r, b) || !mb_text_segment_add(r, set, segment) ||
        !write_words(r, b, segment) || !mb_text_segment_write(r, segment))
        return false;
    segments->count++;
    b->count = 0;
    b->first_serial = b->last_serial = 0;
    return true;
}

void mb_text_builder_free(mb_text_builder *b)
{
    sqlite3_free(b->items);
    memset(b, 0, sizeof *b);
}

static int64_t tail_key(int64_t set, uint32_t serial)
{
    return (int64_t)((uint64_t)set << 32 | serial);
}

static size_t encode(uint8_t *out, const mb_text_terms *terms)
{
    const mb_text_term *items = mb_text_terms_items(terms);
    uint8_t *end = mb_varint_write(out, terms->words);
    for (size_t i = 0; i < terms->count; i++) {
        for (int j = 0; j < 8; j++)
            *end++ = (uint8_t)(items[i].hash >> (8 * j));
        end = mb_varint_write(end, items[i].count);
    }
    return (size_t)(end - out);
}

bool mb_text_tail_add(mb_reader *r, int64_t set, uint32_t serial, const mb_text_terms *terms,
                      size_t *size)
{
    uint8_t *data = sqlite3_malloc64(MB_VARINT_MAX + terms->count * (8 + 5));
    if (data == NULL)
        return mb_reader_no_memory(r);
    *size = encode(data, terms);
    bool added = mb_reader_use(r, "INSERT INTO text_tail (key, data) VALUES ($key, $data)");
    if (added) {
        mb_reader_bind(r, 1, tail_key(set, serial));
        mb_reader_bind_blob(r, 2, data, *size);
        added = mb_reader_run(r);
    }
    sqlite3_free(data);
    return added;
}

bool mb_text_tail_delete(mb_reader *r, int64_t set, uint32_t serial, bool *found)
{
    if (!mb_reader_use(r, "DELETE FROM text_tail WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, tail_key(set, serial));
    bool done = mb_reader_run(r);
    *found = done && sqlite3_changes64(r->link->cache.db) > 0;
    return done;
}

static void bind_tail(mb_reader *r, int64_t set)
{
    mb_reader_bind(r, 1, tail_key(set, 0));
    mb_reader_bind(r, 2, tail_key(set, UINT32_MAX));
}

bool mb_text_tail_read(mb_reader *r, int64_t set)
{
    if (!mb_reader_use(r, "SELECT key & 4294967295, data FROM text_tail"
                          " WHERE key BETWEEN $first AND $last ORDER BY key"))
        return false;
    bind_tail(r, set);
    return true;
}

bool mb_text_tail_next(mb_reader *r, mb_text_waiting *text)
{
    size_t size;
    if (!mb_reader_row(r)) {
        mb_reader_done(r);
        return false;
    }
    const uint8_t *data = mb_text_blob(r, 1, &size);
    if (data == NULL)
        return false;
    text->serial = (uint32_t)mb_reader_integer(r, 0);
    text->end = data + size;
    text->data = mb_varint_read(data, text->end, &text->words);
    return text->data != NULL || mb_text_damaged(r);
}

bool mb_text_tail_term(mb_reader *r, mb_text_waiting *text, mb_text_term *term)
{
    uint32_t count = 0;
    if (text->data == text->end)
        return false;
    const uint8_t *p = text->data;
    text->data = text->end - p >= 9 ? mb_varint_read(p + 8, text->end, &count) : NULL;
    if (text->data == NULL || count == 0 || count > text->words) {
        text->data = text->end;
        mb_text_damaged(r);
        return false;
    }
    term->hash = 0;
    for (int i = 0; i < 8; i++)
        term->hash |= (uint64_t)p[i] << (8 * i);
    term->count = count;
    return true;
}

bool mb_text_tail_drain(mb_reader *r, int64_t set, mb_text_builder *b)
{
    mb_text_waiting text;
    mb_text_term term;
    if (!mb_text_tail_read(r, set))
        return false;
    while (mb_text_tail_next(r, &text)) {
        if (!room(r, b, (size_t)(text.end - text.data) / 9))
            return false;
        note_serial(b, text.serial);
        while (mb_text_tail_term(r, &text, &term))
            add(b, term, text.serial, text.words);
    }
    if (!mb_reader_good(r) ||
        !mb_reader_use(r, "DELETE FROM text_tail WHERE key BETWEEN $first AND $last"))
        return false;
    bind_tail(r, set);
    return mb_reader_run(r);
}
