#include "storage/text_index.h"

#include <string.h>

#include "storage/text_merge.h"

// How much the tail, and memory, may hold.
enum { TAIL_DOCS = 64, TAIL_BYTES = 64 * 1024, BULK_ITEMS = 512 * 1024 };

bool mb_text_change_open(mb_text_change *c, mb_reader *reader, int64_t set, bool bulk)
{
    memset(c, 0, sizeof *c);
    c->reader = reader;
    c->bulk = bulk;
    return mb_text_set_read(reader, set, &c->set);
}

// Makes a segment of what is in the builder.
static bool build(mb_text_change *c)
{
    mb_text_segments segments;
    return c->builder.count == 0 ||
           (mb_text_segments_read(c->reader, c->set.key, &segments) &&
            mb_text_builder_write(c->reader, &c->builder, c->set.key, &segments) &&
            mb_text_merge(c->reader, c->set.key, &segments));
}

static bool drain(mb_text_change *c)
{
    c->set.tail_docs = c->set.tail_bytes = 0;
    return mb_text_tail_drain(c->reader, c->set.key, &c->builder);
}

static bool put_in_tail(mb_text_change *c, uint32_t serial, const mb_text_terms *terms)
{
    size_t size;
    if (!mb_text_tail_add(c->reader, c->set.key, serial, terms, &size))
        return false;
    c->set.tail_docs++;
    c->set.tail_bytes += (int64_t)size;
    return (c->set.tail_docs < TAIL_DOCS && c->set.tail_bytes < TAIL_BYTES) ||
           (drain(c) && build(c));
}

static bool put_in_bulk(mb_text_change *c, uint32_t serial, const mb_text_terms *terms)
{
    return mb_text_builder_add(c->reader, &c->builder, serial, terms) &&
           (c->builder.count < BULK_ITEMS || build(c));
}

bool mb_text_put(mb_text_change *c, uint32_t serial, const mb_text_terms *terms)
{
    if (terms->count == 0)
        return true;
    c->set.docs++;
    c->set.words += (int64_t)terms->words;
    return c->bulk ? put_in_bulk(c, serial, terms) : put_in_tail(c, serial, terms);
}

// What is being taken out of which place.
typedef struct removal {
    mb_reader *reader;
    mb_text_segment *segment;
    uint32_t serial;
    mb_text_term term;
    uint32_t words;     // of the text
    mb_text_bytes page; // of the segment, with the word
    int64_t key;        // of the page
    mb_text_postings list;
} removal;

static bool wrong_text(removal *m)
{
    return mb_reader_fail(m->reader, MB_CORRUPT, "text %u is not in the index as it was put",
                          m->serial);
}

// Takes the posting out of those of the list. False in `found` when it is not there.
static bool take_out(removal *m, mb_posting *items, size_t *count, bool *found)
{
    size_t at = 0;
    while (at < *count && items[at].serial < m->serial)
        at++;
    *found = at < *count && items[at].serial == m->serial;
    if (!*found)
        return true;
    if (items[at].count != m->term.count || items[at].words != m->words)
        return wrong_text(m);
    --*count;
    memmove(items + at, items + at + 1, (*count - at) * sizeof *items);
    return true;
}

// A page is called by its first word; by another one's, when that one is gone.
static bool write_first(removal *m, const mb_text_bytes *page)
{
    mb_text_entry first;
    int64_t key = m->key;
    if (page->length > 0) {
        if (mb_text_entry_read(page->data, page->data + page->length, &first) == NULL)
            return mb_text_damaged(m->reader);
        key = mb_text_key(m->segment->key, mb_text_place(first.hash));
    }
    return (key == m->key || mb_text_page_write(m->reader, m->key, NULL, 0)) &&
           mb_text_page_write(m->reader, key, page->data, page->length);
}

// Puts an entry with its list in the place of the one at `at`; NULL: nothing.
static bool write_page(removal *m, const uint8_t *at, const uint8_t *after,
                       const mb_text_entry *entry, const uint8_t *list)
{
    uint8_t head[MB_ENTRY_HEAD];
    mb_text_bytes page = { 0 };
    size_t before = (size_t)(at - m->page.data);
    size_t rest = m->page.length - (size_t)(after - m->page.data);
    size_t size = entry != NULL ? (size_t)(mb_text_entry_write(head, entry) - head) : 0;
    size_t listed = list != NULL && entry != NULL ? entry->size : 0;
    if (!mb_text_bytes_room(m->reader, &page, before + size + listed + rest + 1))
        return false;
    mb_text_bytes_append(&page, m->page.data, before);
    mb_text_bytes_append(&page, head, size);
    if (list != NULL)
        mb_text_bytes_append(&page, list, listed);
    mb_text_bytes_append(&page, after, rest);
    bool written = before == 0 ? write_first(m, &page)
                               : mb_text_page_write(m->reader, m->key, page.data, page.length);
    mb_text_bytes_free(&page);
    return written;
}

static bool remove_inline(removal *m, mb_text_entry *entry, const uint8_t *at,
                          const uint8_t *after, bool *found)
{
    uint8_t list[MB_TEXT_INLINE], *end = list;
    size_t count = entry->count;
    m->list.count = 0;
    if (entry->size > sizeof list)
        return mb_text_damaged(m->reader);
    if (!mb_text_postings_room(m->reader, &m->list, count))
        return false;
    mb_posting *items = m->list.items;
    if (!mb_postings_read(entry->data, entry->size, items, count))
        return mb_text_damaged(m->reader);
    if (!take_out(m, items, &count, found) || !*found)
        return mb_reader_good(m->reader);
    for (size_t i = 0; i < count; i++)
        end = mb_posting_write(end, i > 0 ? items[i - 1].serial : 0, &items[i]);
    entry->count = (uint32_t)count;
    entry->size = (size_t)(end - list);
    return write_page(m, at, after, count > 0 ? entry : NULL, list);
}

static bool read_part(removal *m, uint32_t list, const mb_text_part *part)
{
    mb_text_chunk *chunk = sqlite3_malloc64(sizeof *chunk);
    bool good = chunk != NULL
                    ? mb_text_chunk_read(m->reader, m->segment->key, list, part, chunk)
                    : mb_reader_no_memory(m->reader);
    m->list.count = 0;
    good = good && mb_text_postings_room(m->reader, &m->list, part->count);
    for (size_t i = 0; good && i < part->count; i++)
        m->list.items[m->list.count++] = mb_text_chunk_posting(chunk, i);
    sqlite3_free(chunk);
    return good;
}

static bool remove_from_part(removal *m, uint32_t list, mb_text_directory *d, size_t at,
                             bool *found)
{
    size_t bytes = 0, count = d->parts[at].count;
    int64_t segment = m->segment->key;
    if (!read_part(m, list, &d->parts[at]) || !take_out(m, m->list.items, &count, found))
        return false;
    if (!*found)
        return true;
    if (!mb_text_chunk_write(m->reader, segment, list, &d->parts[at], m->list.items, count,
                             false, &bytes))
        return false;
    if (count == 0) {
        d->count--;
        memmove(d->parts + at, d->parts + at + 1, (d->count - at) * sizeof *d->parts);
    }
    return d->count == 0 || mb_text_directory_write(m->reader, segment, list, d, &bytes);
}

static bool remove_listed(removal *m, const mb_text_entry *entry, const uint8_t *at,
                          const uint8_t *after, bool *found)
{
    mb_text_directory d = { 0 };
    bool good = mb_text_directory_read(m->reader, m->segment->key, entry->list, &d);
    size_t part = 0;
    while (good && part < d.count && d.parts[part].last < m->serial)
        part++;
    if (good && part < d.count)
        good = remove_from_part(m, entry->list, &d, part, found);
    if (good && d.count == 0)
        good = mb_text_list_delete(m->reader, m->segment->key, entry->list) &&
               write_page(m, at, after, NULL, NULL);
    mb_text_directory_free(&d);
    return good;
}

static bool remove_from(removal *m, bool *found)
{
    mb_text_entry entry;
    const uint8_t *at, *after;
    *found = false;
    if (!mb_text_page_find(m->reader, m->segment->key, mb_text_place(m->term.hash), &m->page,
                           &m->key))
        return false;
    if (m->key == 0 ||
        !mb_text_page_entry(m->reader, &m->page, m->term.hash, &entry, &at, &after))
        return mb_reader_good(m->reader);
    return entry.count > 0 ? remove_inline(m, &entry, at, after, found)
                           : remove_listed(m, &entry, at, after, found);
}

// Takes one word of the text out of the segment that has it.
static bool remove_word(removal *m, mb_text_segments *segments)
{
    int64_t place = mb_text_place(m->term.hash);
    bool found = false;
    for (size_t i = segments->count; i-- > 0 && !found;) {
        m->segment = &segments->items[i];
        if (place < m->segment->low || place >= m->segment->high ||
            m->serial < m->segment->first_serial || m->serial > m->segment->last_serial)
            continue;
        if (!remove_from(m, &found))
            return false;
    }
    return found || wrong_text(m);
}

static bool remove_words(mb_text_change *c, uint32_t serial, const mb_text_terms *terms)
{
    removal m = { .reader = c->reader, .serial = serial, .words = (uint32_t)terms->words };
    const mb_text_term *items = mb_text_terms_items(terms);
    mb_text_segments segments;
    bool good = mb_text_segments_read(c->reader, c->set.key, &segments);
    for (size_t i = 0; good && i < terms->count; i++) {
        m.term = items[i];
        good = remove_word(&m, &segments);
    }
    mb_text_bytes_free(&m.page);
    mb_text_postings_free(&m.list);
    return good;
}

bool mb_text_remove(mb_text_change *c, uint32_t serial, const mb_text_terms *terms)
{
    bool found;
    if (terms->count == 0)
        return true;
    c->set.docs--;
    c->set.words -= (int64_t)terms->words;
    if (!mb_text_tail_delete(c->reader, c->set.key, serial, &found))
        return false;
    if (found)
        c->set.tail_docs--;
    return found || remove_words(c, serial, terms);
}

// Leaves nothing behind of a set without texts.
bool mb_text_change_close(mb_text_change *c)
{
    bool good = mb_reader_good(c->reader) && build(c) &&
                (c->set.docs > 0 ? mb_text_set_write(c->reader, &c->set)
                                 : mb_text_drop(c->reader, c->set.key));
    mb_text_builder_free(&c->builder);
    return good;
}

static bool delete_segments(mb_reader *r, int64_t set)
{
    mb_text_segments segments;
    if (!mb_text_segments_read(r, set, &segments))
        return false;
    for (size_t i = 0; i < segments.count; i++) {
        if (!mb_text_segment_delete(r, segments.items[i].key))
            return false;
    }
    return true;
}

bool mb_text_drop(mb_reader *r, int64_t set)
{
    mb_text_builder tail = { 0 };
    bool good = delete_segments(r, set) && mb_text_tail_drain(r, set, &tail);
    mb_text_builder_free(&tail);
    if (!good || !mb_reader_use(r, "DELETE FROM text_sets WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, set);
    return mb_text_run(r);
}
