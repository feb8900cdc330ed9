#include "storage/text_pages.h"

#include <string.h>

bool mb_text_bytes_room(mb_reader *r, mb_text_bytes *b, size_t extra)
{
    size_t needed = b->length + extra;
    if (needed <= b->capacity)
        return true;
    size_t capacity = needed > 2 * b->capacity ? needed : 2 * b->capacity;
    uint8_t *data = sqlite3_realloc64(b->data, capacity);
    if (data == NULL)
        return mb_reader_no_memory(r);
    b->data = data;
    b->capacity = capacity;
    return true;
}

void mb_text_bytes_append(mb_text_bytes *b, const void *data, size_t size)
{
    memcpy(b->data + b->length, data, size);
    b->length += size;
}

void mb_text_bytes_free(mb_text_bytes *b)
{
    sqlite3_free(b->data);
    memset(b, 0, sizeof *b);
}

// Copies the page of the row that the statement gives, if it does.
static bool read_page(mb_reader *r, mb_text_bytes *page, int64_t *key)
{
    size_t size;
    *key = 0;
    page->length = 0;
    if (!mb_reader_row(r))
        return mb_reader_good(r);
    const uint8_t *data = mb_text_blob(r, 1, &size);
    if (data == NULL || !mb_text_bytes_room(r, page, size + MB_TEXT_PAGE))
        return false;
    *key = mb_reader_integer(r, 0);
    mb_text_bytes_append(page, data, size);
    return true;
}

bool mb_text_page_find(mb_reader *r, int64_t segment, int64_t place, mb_text_bytes *page,
                       int64_t *key)
{
    if (!mb_reader_use(r, "SELECT key, data FROM text_pages WHERE key BETWEEN $first AND $last"
                          " ORDER BY key DESC LIMIT 1"))
        return false;
    mb_reader_bind(r, 1, mb_text_key(segment, 0));
    mb_reader_bind(r, 2, mb_text_key(segment, place));
    return read_page(r, page, key);
}

bool mb_text_page_next(mb_reader *r, int64_t segment, int64_t from, mb_text_bytes *page,
                       int64_t *key)
{
    if (!mb_reader_use(r, "SELECT key, data FROM text_pages WHERE key BETWEEN $first AND $last"
                          " ORDER BY key LIMIT 1"))
        return false;
    mb_reader_bind(r, 1, from);
    mb_reader_bind(r, 2, mb_text_key(segment, MB_TEXT_PLACES - 1));
    return read_page(r, page, key);
}

bool mb_text_page_write(mb_reader *r, int64_t key, const uint8_t *data, size_t size)
{
    if (size == 0) {
        if (!mb_reader_use(r, "DELETE FROM text_pages WHERE key = $key"))
            return false;
    } else {
        if (!mb_reader_use(r, "INSERT INTO text_pages (key, data) VALUES ($key, $data)"
                              " ON CONFLICT (key) DO UPDATE SET data = excluded.data"))
            return false;
        mb_reader_bind_blob(r, 2, data, size);
    }
    mb_reader_bind(r, 1, key);
    return mb_reader_run(r);
}

bool mb_text_page_entry(mb_reader *r, const mb_text_bytes *page, uint64_t hash,
                        mb_text_entry *entry, const uint8_t **at, const uint8_t **after)
{
    const uint8_t *p = page->data, *end = page->data + page->length;
    while (p < end) {
        *at = p;
        p = mb_text_entry_read(p, end, entry);
        if (p == NULL)
            return mb_text_damaged(r);
        if (entry->hash >= hash) {
            *after = p;
            return entry->hash == hash;
        }
    }
    return false;
}

void mb_text_writer_open(mb_text_writer *w, mb_reader *reader, mb_text_segment *segment)
{
    memset(w, 0, sizeof *w);
    w->reader = reader;
    w->segment = segment;
}

static bool finish_page(mb_text_writer *w)
{
    if (w->page.length == 0)
        return true;
    w->segment->bytes += (int64_t)w->page.length;
    bool written = mb_text_page_write(w->reader, mb_text_key(w->segment->key, w->first),
                                      w->page.data, w->page.length);
    w->page.length = 0;
    return written;
}

// Appends an entry with what follows its head. Words of one place are in one page.
static bool append(mb_text_writer *w, const mb_text_entry *entry)
{
    uint8_t head[MB_ENTRY_HEAD];
    size_t size = (size_t)(mb_text_entry_write(head, entry) - head);
    size_t rest = entry->size;
    int64_t place = mb_text_place(entry->hash);
    if (w->page.length + size + rest > MB_TEXT_PAGE && place != w->last && !finish_page(w))
        return false;
    if (!mb_text_bytes_room(w->reader, &w->page, size + rest + MB_TEXT_PAGE))
        return false;
    if (w->page.length == 0)
        w->first = place;
    w->last = place;
    mb_text_bytes_append(&w->page, head, size);
    if (rest > 0)
        mb_text_bytes_append(&w->page, entry->data, rest);
    return true;
}

// Writes a list as it is in a page. 0 when it is too long.
static size_t encode(uint8_t *out, const mb_posting *items, size_t count)
{
    uint8_t *end = out;
    for (size_t i = 0; i < count; i++) {
        if (end - out > MB_TEXT_INLINE - MB_POSTING_MAX)
            return 0;
        end = mb_posting_write(end, i > 0 ? items[i - 1].serial : 0, &items[i]);
    }
    return (size_t)(end - out);
}

bool mb_text_writer_add(mb_text_writer *w, uint64_t hash, const mb_posting *items, size_t count)
{
    uint8_t data[MB_TEXT_INLINE];
    mb_text_entry entry = { .hash = hash, .data = data };
    entry.size = encode(data, items, count);
    if (entry.size > 0) {
        entry.count = (uint32_t)count;
        return append(w, &entry);
    }
    size_t bytes = 0;
    entry.list = (uint32_t)w->segment->lists;
    if (w->segment->lists >> MB_TEXT_LIST_BITS != 0)
        return mb_reader_fail(w->reader, MB_FULL, "a set has too many words");
    bool written =
        mb_text_list_write(w->reader, w->segment->key, entry.list, items, count, &bytes);
    w->segment->lists++;
    w->segment->bytes += (int64_t)bytes;
    return written && append(w, &entry);
}

bool mb_text_writer_close(mb_text_writer *w)
{
    bool written = mb_reader_good(w->reader) && finish_page(w);
    mb_text_bytes_free(&w->page);
    return written;
}
