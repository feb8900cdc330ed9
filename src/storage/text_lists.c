#include "storage/text_lists.h"

#include <string.h>

enum { PART_MAX = 4 * MB_VARINT_MAX + 1 + 2 * MB_POSTING_PEAKS * MB_VARINT_MAX, LEAST = 64 };

bool mb_text_postings_room(mb_reader *r, mb_text_postings *p, size_t extra)
{
    size_t needed = p->count + extra;
    if (needed <= p->capacity)
        return true;
    size_t capacity = needed > 2 * p->capacity ? needed + LEAST : 2 * p->capacity;
    mb_posting *items = sqlite3_realloc64(p->items, capacity * sizeof *items);
    if (items == NULL)
        return mb_reader_no_memory(r);
    p->items = items;
    p->capacity = capacity;
    return true;
}

void mb_text_postings_free(mb_text_postings *p)
{
    sqlite3_free(p->items);
    memset(p, 0, sizeof *p);
}

void mb_text_directory_free(mb_text_directory *d)
{
    sqlite3_free(d->parts);
    memset(d, 0, sizeof *d);
}

static bool add_part(mb_reader *r, mb_text_directory *d, const mb_text_part *part)
{
    if (d->count == d->capacity) {
        size_t capacity = d->capacity > 0 ? 2 * d->capacity : LEAST;
        mb_text_part *parts = sqlite3_realloc64(d->parts, capacity * sizeof *parts);
        if (parts == NULL)
            return mb_reader_no_memory(r);
        d->parts = parts;
        d->capacity = capacity;
    }
    d->parts[d->count++] = *part;
    return true;
}

static const uint8_t *read_peaks(const uint8_t *p, const uint8_t *end, mb_posting_peaks *peaks)
{
    p = mb_varint_read(p, end, &peaks->used);
    if (p == NULL || peaks->used > MB_POSTING_PEAKS)
        return NULL;
    for (uint32_t i = 0; i < peaks->used && p != NULL; i++) {
        p = mb_varint_read(p, end, &peaks->count[i]);
        p = p != NULL ? mb_varint_read(p, end, &peaks->words[i]) : NULL;
    }
    return p;
}

static bool is_good(const mb_text_directory *d, const mb_text_part *part)
{
    const mb_text_part *before = d->count > 0 ? &d->parts[d->count - 1] : NULL;
    return part->count > 0 && part->count <= MB_TEXT_COLUMNS_MAX && part->peaks.used > 0 &&
           part->number > 0 && part->number >> MB_TEXT_LIST_BITS == 0 &&
           part->first <= part->last &&
           (before == NULL || (part->number > before->number && part->first > before->last));
}

static bool parse_directory(mb_reader *r, const uint8_t *p, size_t size, mb_text_directory *d)
{
    const uint8_t *end = p + size;
    while (p < end) {
        mb_text_part part = { 0 };
        p = mb_varint_read(p, end, &part.number);
        p = p != NULL ? mb_varint_read(p, end, &part.first) : NULL;
        p = p != NULL ? mb_varint_read(p, end, &part.last) : NULL;
        p = p != NULL ? mb_varint_read(p, end, &part.count) : NULL;
        p = p != NULL ? read_peaks(p, end, &part.peaks) : NULL;
        if (p == NULL || !is_good(d, &part))
            return mb_text_damaged(r);
        if (!add_part(r, d, &part))
            return false;
    }
    return true;
}

static bool read_row(mb_reader *r, int64_t key)
{
    if (!mb_reader_use(r, "SELECT data FROM text_lists WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, key);
    return mb_reader_row(r) || (mb_reader_good(r) && mb_text_damaged(r));
}

bool mb_text_directory_read(mb_reader *r, int64_t segment, uint32_t list, mb_text_directory *d)
{
    size_t size;
    d->count = 0;
    if (!read_row(r, mb_text_directory_key(segment, list)))
        return false;
    const uint8_t *data = mb_text_blob(r, 0, &size);
    bool good = data != NULL && parse_directory(r, data, size, d);
    mb_reader_done(r);
    return good;
}

size_t mb_text_directory_total(const mb_text_directory *d)
{
    size_t total = 0;
    for (size_t i = 0; i < d->count; i++)
        total += d->parts[i].count;
    return total;
}

static bool write_row(mb_reader *r, int64_t key, const uint8_t *data, size_t size)
{
    if (!mb_reader_use(r, "INSERT INTO text_lists (key, data) VALUES ($key, $data)"
                          " ON CONFLICT (key) DO UPDATE SET data = excluded.data"))
        return false;
    mb_reader_bind(r, 1, key);
    mb_reader_bind_blob(r, 2, data, size);
    return mb_reader_run(r);
}

static uint8_t *write_part(uint8_t *out, const mb_text_part *part)
{
    out = mb_varint_write(out, part->number);
    out = mb_varint_write(out, part->first);
    out = mb_varint_write(out, part->last);
    out = mb_varint_write(out, part->count);
    out = mb_varint_write(out, part->peaks.used);
    for (uint32_t i = 0; i < part->peaks.used; i++) {
        out = mb_varint_write(out, part->peaks.count[i]);
        out = mb_varint_write(out, part->peaks.words[i]);
    }
    return out;
}

bool mb_text_directory_write(mb_reader *r, int64_t segment, uint32_t list,
                             const mb_text_directory *d, size_t *bytes)
{
    uint8_t *data = sqlite3_malloc64(d->count * PART_MAX + 1), *end = data;
    if (data == NULL)
        return mb_reader_no_memory(r);
    for (size_t i = 0; i < d->count; i++)
        end = write_part(end, &d->parts[i]);
    *bytes += (size_t)(end - data);
    bool written =
        write_row(r, mb_text_directory_key(segment, list), data, (size_t)(end - data));
    sqlite3_free(data);
    return written;
}

bool mb_text_chunk_read(mb_reader *r, int64_t segment, uint32_t list, const mb_text_part *part,
                        mb_text_chunk *chunk)
{
    size_t size;
    if (!read_row(r, mb_text_chunk_key(segment, list, part->number)))
        return false;
    const uint8_t *data = mb_text_blob(r, 0, &size);
    if (data == NULL)
        return false;
    if (size > sizeof chunk->data)
        return mb_text_damaged(r);
    memcpy(chunk->data, data, size);
    return (mb_text_columns_open(&chunk->columns, chunk->data, size, part->count) &&
            mb_text_columns_serials(&chunk->columns, chunk->serials, part->last)) ||
           mb_text_damaged(r);
}

mb_posting mb_text_chunk_posting(const mb_text_chunk *chunk, size_t at)
{
    uint32_t count = mb_text_columns_count(&chunk->columns, at);
    return (mb_posting){ .serial = chunk->serials[at],
                         .count = count,
                         .words = mb_text_columns_words(&chunk->columns, at, count) };
}

static bool delete_row(mb_reader *r, int64_t key)
{
    if (!mb_reader_use(r, "DELETE FROM text_lists WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, key);
    return mb_reader_run(r);
}

static void find_peaks(mb_text_part *part, const mb_posting *items)
{
    memset(&part->peaks, 0, sizeof part->peaks);
    for (size_t i = 0; i < part->count; i++)
        mb_posting_peaks_add(&part->peaks, items[i].count, items[i].words);
}

bool mb_text_chunk_write(mb_reader *r, int64_t segment, uint32_t list, mb_text_part *part,
                         const mb_posting *items, size_t count, bool fit, size_t *bytes)
{
    uint8_t data[MB_TEXT_COLUMNS_ROOM];
    int64_t key = mb_text_chunk_key(segment, list, part->number);
    if (count == 0)
        return delete_row(r, key);
    size_t size = mb_text_columns_write(data, items, &count, fit);
    part->count = (uint32_t)count;
    part->first = items[0].serial;
    part->last = items[count - 1].serial;
    if (fit)
        find_peaks(part, items);
    *bytes += size;
    return write_row(r, key, data, size);
}

static bool write_chunks(mb_reader *r, int64_t segment, uint32_t list, const mb_posting *items,
                         size_t count, mb_text_directory *d, size_t *bytes)
{
    mb_text_part part = { .number = 0 };
    while (count > 0) {
        part.number++;
        if (part.number >> MB_TEXT_LIST_BITS != 0)
            return mb_reader_fail(r, MB_FULL, "a word is in too many texts of a set");
        if (!mb_text_chunk_write(r, segment, list, &part, items, count, true, bytes) ||
            !add_part(r, d, &part))
            return false;
        items += part.count;
        count -= part.count;
    }
    return true;
}

bool mb_text_list_write(mb_reader *r, int64_t segment, uint32_t list, const mb_posting *items,
                        size_t count, size_t *bytes)
{
    mb_text_directory d = { 0 };
    bool written = write_chunks(r, segment, list, items, count, &d, bytes) &&
                   mb_text_directory_write(r, segment, list, &d, bytes);
    mb_text_directory_free(&d);
    return written;
}

static bool read_chunks(mb_reader *r, int64_t segment, uint32_t list,
                        const mb_text_directory *d, mb_text_postings *p)
{
    if (!mb_text_postings_room(r, p, mb_text_directory_total(d)))
        return false;
    mb_text_chunk *chunk = sqlite3_malloc64(sizeof *chunk);
    if (chunk == NULL)
        return mb_reader_no_memory(r);
    bool good = true;
    for (size_t i = 0; good && i < d->count; i++) {
        good = mb_text_chunk_read(r, segment, list, &d->parts[i], chunk);
        for (size_t j = 0; good && j < d->parts[i].count; j++)
            p->items[p->count++] = mb_text_chunk_posting(chunk, j);
    }
    sqlite3_free(chunk);
    mb_reader_done(r);
    return good;
}

bool mb_text_list_read(mb_reader *r, int64_t segment, uint32_t list, mb_text_postings *p)
{
    mb_text_directory d = { 0 };
    bool good =
        mb_text_directory_read(r, segment, list, &d) && read_chunks(r, segment, list, &d, p);
    mb_text_directory_free(&d);
    return good;
}

bool mb_text_list_delete(mb_reader *r, int64_t segment, uint32_t list)
{
    if (!mb_reader_use(r, "DELETE FROM text_lists WHERE key BETWEEN $first AND $last"))
        return false;
    mb_reader_bind(r, 1, mb_text_chunk_key(segment, list, 1));
    mb_reader_bind(r, 2, mb_text_chunk_key(segment, list, (1u << MB_TEXT_LIST_BITS) - 1));
    return mb_reader_run(r) && delete_row(r, mb_text_directory_key(segment, list));
}
