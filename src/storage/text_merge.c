#include "storage/text_merge.h"

#include <stdlib.h>
#include <string.h>

// So many segments of a level become one of the next. While they are merged as many more may
// come, if the work keeps up: each new byte pays for two.
enum { MERGED = 4, PACE = 2, LEAST_WORK = 16 * 1024, CROWD = MB_TEXT_SOURCES - 8 };

// Where the merging of a segment is.
typedef struct source {
    mb_text_segment *segment;
    mb_text_bytes page;  // the present page
    int64_t key;         // its key; 0: the segment is used up
    const uint8_t *at;   // the present entry in it
    const uint8_t *next; // what is behind that
    mb_text_entry entry; // the present entry
} source;

typedef struct merge {
    mb_reader *reader;
    mb_text_segment *target; // what it becomes
    source sources[MERGED];
    size_t count;          // of the sources
    mb_text_writer writer; // of the target
    mb_text_postings list; // of one word
    int64_t place;         // from here on nothing is merged yet
} merge;

static bool advance(merge *m, source *s)
{
    const uint8_t *end = s->page.data + s->page.length;
    if (s->key != 0 && s->next == end) {
        if (!mb_text_page_next(m->reader, s->segment->key, s->key + 1, &s->page, &s->key))
            return false;
        s->next = s->page.data;
        end = s->page.data + s->page.length;
    }
    if (s->key == 0)
        return true;
    s->at = s->next;
    s->next = mb_text_entry_read(s->at, end, &s->entry);
    return s->next != NULL || mb_text_damaged(m->reader);
}

static bool open_source(merge *m, source *s)
{
    int64_t from = mb_text_key(s->segment->key, 0);
    if (!mb_text_page_next(m->reader, s->segment->key, from, &s->page, &s->key))
        return false;
    s->next = s->page.data;
    return advance(m, s);
}

// The least hash that is not merged yet; false when there is none.
static bool least(const merge *m, uint64_t *hash)
{
    bool found = false;
    for (size_t i = 0; i < m->count; i++) {
        const source *s = &m->sources[i];
        if (s->key != 0 && (!found || s->entry.hash < *hash)) {
            *hash = s->entry.hash;
            found = true;
        }
    }
    return found;
}

static bool take(merge *m, source *s)
{
    mb_reader *r = m->reader;
    const mb_text_entry *e = &s->entry;
    if (e->count == 0)
        return mb_text_list_read(r, s->segment->key, e->list, &m->list) &&
               mb_text_list_delete(r, s->segment->key, e->list);
    if (!mb_text_postings_room(r, &m->list, e->count))
        return false;
    if (!mb_postings_read(e->data, e->size, m->list.items + m->list.count, e->count))
        return mb_text_damaged(r);
    m->list.count += e->count;
    return true;
}

static int by_serial(const void *left, const void *right)
{
    const mb_posting *a = left, *b = right;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

static size_t first_disorder(const mb_text_postings *list)
{
    size_t i = 1;
    while (i < list->count && list->items[i - 1].serial < list->items[i].serial)
        i++;
    return i;
}

// Texts come in the order of their serials, mostly.
static bool put_in_order(merge *m)
{
    if (first_disorder(&m->list) >= m->list.count)
        return true;
    qsort(m->list.items, m->list.count, sizeof *m->list.items, by_serial);
    return first_disorder(&m->list) >= m->list.count || mb_text_damaged(m->reader);
}

static bool merge_word(merge *m, uint64_t hash)
{
    m->list.count = 0;
    for (size_t i = 0; i < m->count; i++) {
        source *s = &m->sources[i];
        if (s->key != 0 && s->entry.hash == hash && (!take(m, s) || !advance(m, s)))
            return false;
    }
    return put_in_order(m) &&
           mb_text_writer_add(&m->writer, hash, m->list.items, m->list.count);
}

// Merges words until so many bytes are written, at least one place.
static bool merge_words(merge *m, int64_t work)
{
    uint64_t hash = 0;
    int64_t enough = m->target->bytes + work;
    bool more;
    while ((more = least(m, &hash))) {
        int64_t place = mb_text_place(hash);
        if (place != m->place && m->target->bytes + (int64_t)m->writer.page.length >= enough)
            break;
        m->place = place;
        if (!merge_word(m, hash))
            return false;
    }
    m->place = more ? mb_text_place(hash) : MB_TEXT_PLACES;
    return mb_reader_good(m->reader);
}

// Takes what is merged out of a segment that is not used up.
static bool cut(merge *m, const source *s)
{
    mb_reader *r = m->reader;
    int64_t key = s->segment->key;
    if (!mb_reader_use(r, "DELETE FROM text_pages WHERE key BETWEEN $first AND $last"))
        return false;
    mb_reader_bind(r, 1, mb_text_key(key, 0));
    mb_reader_bind(r, 2, s->key != 0 ? s->key : mb_text_key(key, MB_TEXT_PLACES - 1));
    if (!mb_reader_run(r))
        return false;
    s->segment->low = m->place;
    return (s->key == 0 ||
            mb_text_page_write(r, mb_text_key(key, mb_text_place(s->entry.hash)), s->at,
                               (size_t)(s->page.data + s->page.length - s->at))) &&
           mb_text_segment_write(r, s->segment);
}

static bool clear_sources(merge *m)
{
    for (size_t i = 0; i < m->count; i++) {
        source *s = &m->sources[i];
        bool cleared = m->place < MB_TEXT_PLACES
                           ? cut(m, s)
                           : mb_text_segment_delete(m->reader, s->segment->key);
        if (!cleared)
            return false;
        if (m->place == MB_TEXT_PLACES)
            s->segment->key = 0;
    }
    m->target->high = m->place;
    return mb_text_segment_write(m->reader, m->target);
}

static void drop_deleted(mb_text_segments *segments)
{
    size_t kept = 0;
    for (size_t i = 0; i < segments->count; i++) {
        if (segments->items[i].key != 0)
            segments->items[kept++] = segments->items[i];
    }
    segments->count = kept;
}

static void find_sources(merge *m, mb_text_segments *segments)
{
    for (size_t i = 0; i < segments->count && m->count < MERGED; i++) {
        if (segments->items[i].target == m->target->key)
            m->sources[m->count++].segment = &segments->items[i];
    }
}

// Goes on with the merge into a target.
static bool go_on(mb_reader *r, mb_text_segments *segments, mb_text_segment *target,
                  int64_t work)
{
    merge m = { .reader = r, .target = target, .place = -1 };
    find_sources(&m, segments);
    mb_text_writer_open(&m.writer, r, target);
    bool good = m.count > 0 || mb_text_damaged(r);
    for (size_t i = 0; i < m.count && good; i++)
        good = open_source(&m, &m.sources[i]);
    good = good && merge_words(&m, work);
    good = mb_text_writer_close(&m.writer) && good && clear_sources(&m);
    for (size_t i = 0; i < m.count; i++)
        mb_text_bytes_free(&m.sources[i].page);
    mb_text_postings_free(&m.list);
    if (good)
        drop_deleted(segments);
    return good;
}

static bool is_whole(const mb_text_segment *s)
{
    return s->target == 0 && s->low == 0 && s->high == MB_TEXT_PLACES;
}

static bool is_busy(const mb_text_segments *segments, int64_t level)
{
    for (size_t i = 0; i < segments->count; i++) {
        if (segments->items[i].level == level && segments->items[i].target != 0)
            return true;
    }
    return false;
}

// Makes the target of the segments, which become its sources.
static bool begin(mb_reader *r, int64_t set, mb_text_segments *segments,
                  mb_text_segment *const *sources)
{
    mb_text_segment *target = &segments->items[segments->count];
    *target = *sources[0];
    target->level++;
    target->high = target->bytes = 0;
    target->lists = 1;
    for (size_t i = 1; i < MERGED; i++) {
        if (sources[i]->first_serial < target->first_serial)
            target->first_serial = sources[i]->first_serial;
        if (sources[i]->last_serial > target->last_serial)
            target->last_serial = sources[i]->last_serial;
    }
    if (!mb_text_segment_add(r, set, target))
        return false;
    segments->count++;
    for (size_t i = 0; i < MERGED; i++) {
        sources[i]->target = target->key;
        if (!mb_text_segment_write(r, sources[i]))
            return false;
    }
    return true;
}

// Begins the merge of a level that has enough segments, if there is one. False in `begun` when
// there is none.
static bool begin_due(mb_reader *r, int64_t set, mb_text_segments *segments, bool *begun)
{
    *begun = false;
    for (size_t first = 0; first < segments->count; first++) {
        mb_text_segment *sources[MERGED];
        int64_t level = segments->items[first].level;
        size_t found = 0;
        for (size_t i = first; i < segments->count && found < MERGED; i++) {
            if (segments->items[i].level == level && is_whole(&segments->items[i]))
                sources[found++] = &segments->items[i];
        }
        if (found == MERGED && segments->count < MB_TEXT_SOURCES && !is_busy(segments, level)) {
            *begun = true;
            return begin(r, set, segments, sources);
        }
    }
    return true;
}

// Goes on with each merge once.
static bool go_on_all(mb_reader *r, mb_text_segments *segments, int64_t work)
{
    int64_t targets[MB_TEXT_SOURCES];
    size_t count = 0;
    for (size_t i = 0; i < segments->count; i++) {
        if (segments->items[i].high < MB_TEXT_PLACES)
            targets[count++] = segments->items[i].key;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < segments->count; j++) {
            if (segments->items[j].key != targets[i])
                continue;
            if (!go_on(r, segments, &segments->items[j], work))
                return false;
            break;
        }
    }
    return true;
}

bool mb_text_merge(mb_reader *r, int64_t set, mb_text_segments *segments)
{
    bool begun = true;
    int64_t work = PACE * segments->items[segments->count - 1].bytes;
    if (work < LEAST_WORK)
        work = LEAST_WORK;
    if (segments->count > CROWD)
        work = INT64_MAX / 2;
    while (begun) {
        if (!begin_due(r, set, segments, &begun))
            return false;
    }
    return go_on_all(r, segments, work);
}
