#include "storage/text_remove.h"

#include <string.h>

// The page of a segment that is being changed. Words come in the order of the pages, so each is
// read and written once.
typedef struct open_page {
    mb_text_bytes bytes;
    int64_t key;  // 0: none
    int64_t last; // place of its last word
    bool changed; // it has to be written
} open_page;

typedef struct removal {
    mb_reader *reader;
    mb_text_segments segments;
    open_page pages[MB_TEXT_SOURCES]; // of the segments
    mb_text_postings wanted;          // of one word, what is taken out
    size_t found;                     // how many of these were there
    mb_text_postings list;            // a list that is being changed
    mb_text_chunk *chunk;             // of a list
} removal;

static bool wrong_text(removal *m, uint32_t serial)
{
    return mb_reader_fail(m->reader, MB_CORRUPT, "text %u is not in the index as it was put",
                          serial);
}

// Drops what is wanted from postings; both are in the order of their serials.
static bool drop_wanted(removal *m, mb_posting *items, size_t *count)
{
    size_t kept = 0, w = 0;
    const mb_text_postings *wanted = &m->wanted;
    for (size_t i = 0; i < *count; i++) {
        while (w < wanted->count && wanted->items[w].serial < items[i].serial)
            w++;
        if (w == wanted->count || wanted->items[w].serial != items[i].serial) {
            items[kept++] = items[i];
            continue;
        }
        if (wanted->items[w].count != items[i].count ||
            wanted->items[w].words != items[i].words)
            return wrong_text(m, items[i].serial);
        m->found++;
    }
    *count = kept;
    return true;
}

// Puts bytes in the place of others in a page.
static bool splice(removal *m, open_page *page, size_t at, size_t size, const uint8_t *data,
                   size_t length)
{
    mb_text_bytes *b = &page->bytes;
    if (!mb_text_bytes_room(m->reader, b, length))
        return false;
    memmove(b->data + at + length, b->data + at + size, b->length - at - size);
    if (length > 0)
        memcpy(b->data + at, data, length);
    b->length += length - size;
    page->changed = true;
    return true;
}

// Writes an entry of a page anew with what is left of its list.
static bool replace_entry(removal *m, open_page *page, size_t at, size_t size, uint64_t hash,
                          size_t count)
{
    uint8_t list[MB_TEXT_INLINE], data[MB_ENTRY_HEAD + MB_TEXT_INLINE], *end = list;
    mb_text_entry entry = { .hash = hash, .count = (uint32_t)count, .data = list };
    const mb_posting *items = m->list.items;
    if (count == 0)
        return splice(m, page, at, size, NULL, 0);
    for (size_t i = 0; i < count; i++)
        end = mb_posting_write(end, i > 0 ? items[i - 1].serial : 0, &items[i]);
    entry.size = (size_t)(end - list);
    size_t head = (size_t)(mb_text_entry_write(data, &entry) - data);
    memcpy(data + head, list, entry.size);
    return splice(m, page, at, size, data, head + entry.size);
}

static bool change_entry(removal *m, open_page *page, const mb_text_entry *entry, size_t at,
                         size_t size)
{
    size_t count = entry->count;
    m->list.count = 0;
    if (!mb_text_postings_room(m->reader, &m->list, count))
        return false;
    if (entry->size > MB_TEXT_INLINE ||
        !mb_postings_read(entry->data, entry->size, m->list.items, count))
        return mb_text_damaged(m->reader);
    if (!drop_wanted(m, m->list.items, &count))
        return false;
    return count == entry->count || replace_entry(m, page, at, size, entry->hash, count);
}

static bool is_wanted(const removal *m, const mb_text_part *part)
{
    size_t low = 0, high = m->wanted.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->wanted.items[middle].serial < part->first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->wanted.count && m->wanted.items[low].serial <= part->last;
}

static bool change_part(removal *m, int64_t segment, uint32_t list, mb_text_part *part,
                        size_t *left)
{
    size_t bytes = 0, count = part->count;
    *left = count;
    m->list.count = 0;
    if (!mb_text_chunk_read(m->reader, segment, list, part, m->chunk) ||
        !mb_text_postings_room(m->reader, &m->list, count))
        return false;
    for (size_t i = 0; i < count; i++)
        m->list.items[i] = mb_text_chunk_posting(m->chunk, i);
    if (!drop_wanted(m, m->list.items, left))
        return false;
    return *left == count || mb_text_chunk_write(m->reader, segment, list, part, m->list.items,
                                                 *left, false, &bytes);
}

static bool change_parts(removal *m, int64_t segment, uint32_t list, mb_text_directory *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        size_t left = 1;
        if (is_wanted(m, &d->parts[i]) && !change_part(m, segment, list, &d->parts[i], &left))
            return false;
        if (left > 0)
            d->parts[kept++] = d->parts[i];
    }
    d->count = kept;
    return true;
}

// A long list; without postings it goes, and its entry too.
static bool change_list(removal *m, int64_t segment, uint32_t list, bool *empty)
{
    size_t bytes = 0, found = m->found;
    mb_text_directory d = { 0 };
    bool good = mb_text_directory_read(m->reader, segment, list, &d) &&
                change_parts(m, segment, list, &d);
    *empty = good && d.count == 0;
    if (*empty)
        good = mb_text_list_delete(m->reader, segment, list);
    else if (good && m->found > found)
        good = mb_text_directory_write(m->reader, segment, list, &d, &bytes);
    mb_text_directory_free(&d);
    return good;
}

// A page is called by its first word; by another one's, when that one is gone.
static bool write_page(removal *m, int64_t segment, open_page *page)
{
    const mb_text_bytes *b = &page->bytes;
    mb_text_entry first;
    int64_t key = page->key;
    if (b->length > 0) {
        if (mb_text_entry_read(b->data, b->data + b->length, &first) == NULL)
            return mb_text_damaged(m->reader);
        key = mb_text_key(segment, mb_text_place(first.hash));
    }
    page->changed = false;
    return (key == page->key || mb_text_page_write(m->reader, page->key, NULL, 0)) &&
           mb_text_page_write(m->reader, key, b->data, b->length);
}

static bool find_last(removal *m, open_page *page)
{
    mb_text_entry entry = { .hash = 0 };
    const uint8_t *p = page->bytes.data, *end = p + page->bytes.length;
    while (p < end) {
        p = mb_text_entry_read(p, end, &entry);
        if (p == NULL)
            return mb_text_damaged(m->reader);
    }
    page->last = mb_text_place(entry.hash);
    return true;
}

// Turns to the page of a segment that would hold a word.
static bool turn_to(removal *m, size_t i, int64_t place)
{
    open_page *page = &m->pages[i];
    int64_t segment = m->segments.items[i].key;
    if (page->key != 0 && place <= page->last)
        return true;
    if (page->changed && !write_page(m, segment, page))
        return false;
    return mb_text_page_find(m->reader, segment, place, &page->bytes, &page->key) &&
           (page->key == 0 || find_last(m, page));
}

static bool remove_from(removal *m, size_t i, uint64_t hash)
{
    mb_text_entry entry;
    const uint8_t *p, *after;
    open_page *page = &m->pages[i];
    bool empty;
    if (!turn_to(m, i, mb_text_place(hash)))
        return false;
    if (page->key == 0 ||
        !mb_text_page_entry(m->reader, &page->bytes, hash, &entry, &p, &after))
        return mb_reader_good(m->reader);
    size_t at = (size_t)(p - page->bytes.data), size = (size_t)(after - p);
    if (entry.count > 0)
        return change_entry(m, page, &entry, at, size);
    return change_list(m, m->segments.items[i].key, entry.list, &empty) &&
           (!empty || splice(m, page, at, size, NULL, 0));
}

static bool may_hold(const removal *m, const mb_text_segment *segment, int64_t place)
{
    const mb_posting *first = m->wanted.items, *last = first + m->wanted.count - 1;
    return place >= segment->low && place < segment->high &&
           last->serial >= segment->first_serial && first->serial <= segment->last_serial;
}

static bool remove_word(removal *m, uint64_t hash)
{
    m->found = 0;
    for (size_t i = m->segments.count; i-- > 0 && m->found < m->wanted.count;) {
        if (may_hold(m, &m->segments.items[i], mb_text_place(hash)) && !remove_from(m, i, hash))
            return false;
    }
    return m->found == m->wanted.count || wrong_text(m, m->wanted.items[0].serial);
}

static bool remove_words(removal *m, const mb_text_builder *texts)
{
    for (size_t i = 0; i < texts->count;) {
        uint64_t hash = texts->items[i].hash;
        for (m->wanted.count = 0; i < texts->count && texts->items[i].hash == hash; i++) {
            if (!mb_text_postings_room(m->reader, &m->wanted, 1))
                return false;
            m->wanted.items[m->wanted.count++] = texts->items[i].posting;
        }
        if (!remove_word(m, hash))
            return false;
    }
    return true;
}

static bool write_pages(removal *m)
{
    for (size_t i = 0; i < m->segments.count; i++) {
        if (m->pages[i].changed && !write_page(m, m->segments.items[i].key, &m->pages[i]))
            return false;
    }
    return true;
}

bool mb_text_remove_all(mb_reader *r, int64_t set, mb_text_builder *texts)
{
    removal *m = sqlite3_malloc64(sizeof *m);
    if (m == NULL)
        return mb_reader_no_memory(r);
    memset(m, 0, sizeof *m);
    m->reader = r;
    m->chunk = sqlite3_malloc64(sizeof *m->chunk);
    bool good = m->chunk != NULL ? mb_text_builder_sort(r, texts) &&
                                       mb_text_segments_read(r, set, &m->segments) &&
                                       remove_words(m, texts) && write_pages(m)
                                 : mb_reader_no_memory(r);
    for (size_t i = 0; i < MB_TEXT_SOURCES; i++)
        mb_text_bytes_free(&m->pages[i].bytes);
    mb_text_postings_free(&m->wanted);
    mb_text_postings_free(&m->list);
    sqlite3_free(m->chunk);
    sqlite3_free(m);
    texts->count = 0;
    return good;
}
