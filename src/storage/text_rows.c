#include "storage/text_rows.h"

#include <string.h>

// Keys of segments take the bits that places leave of an integer.
#define MOST_SEGMENTS (((int64_t)1 << (63 - MB_TEXT_PLACE_BITS)) - 1)

const uint8_t *mb_text_blob(mb_reader *r, int column, size_t *size)
{
    const uint8_t *data = mb_reader_blob(r, column, size);
    if (data == NULL)
        mb_text_damaged(r);
    return data;
}

bool mb_text_damaged(mb_reader *r)
{
    return mb_reader_fail(r, MB_CORRUPT, "the text index is damaged");
}

bool mb_text_set_read(mb_reader *r, int64_t key, mb_text_set *set)
{
    memset(set, 0, sizeof *set);
    set->key = key;
    if (!mb_reader_use(
            r, "SELECT docs, words, tail_docs, tail_bytes FROM text_sets WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, key);
    if (mb_reader_row(r)) {
        set->docs = mb_reader_integer(r, 0);
        set->words = mb_reader_integer(r, 1);
        set->tail_docs = mb_reader_integer(r, 2);
        set->tail_bytes = mb_reader_integer(r, 3);
        if (set->docs < 0 || set->words < set->docs || set->tail_docs < 0)
            mb_text_damaged(r);
    }
    mb_reader_done(r);
    return mb_reader_good(r);
}

bool mb_text_set_write(mb_reader *r, const mb_text_set *set)
{
    if (!mb_reader_use(r, "INSERT INTO text_sets (key, docs, words, tail_docs, tail_bytes)"
                          " VALUES ($key, $docs, $words, $tail_docs, $tail_bytes)"
                          " ON CONFLICT (key) DO UPDATE SET docs = excluded.docs,"
                          " words = excluded.words, tail_docs = excluded.tail_docs,"
                          " tail_bytes = excluded.tail_bytes"))
        return false;
    mb_reader_bind(r, 1, set->key);
    mb_reader_bind(r, 2, set->docs);
    mb_reader_bind(r, 3, set->words);
    mb_reader_bind(r, 4, set->tail_docs);
    mb_reader_bind(r, 5, set->tail_bytes);
    return mb_reader_run(r);
}

static void read_segment(const mb_reader *r, mb_text_segment *s)
{
    s->key = mb_reader_integer(r, 0);
    s->level = mb_reader_integer(r, 1);
    s->low = mb_reader_integer(r, 2);
    s->high = mb_reader_integer(r, 3);
    s->first_serial = mb_reader_integer(r, 4);
    s->last_serial = mb_reader_integer(r, 5);
    s->lists = mb_reader_integer(r, 6);
    s->bytes = mb_reader_integer(r, 7);
    s->target = mb_reader_integer(r, 8);
}

bool mb_text_segments_read(mb_reader *r, int64_t set, mb_text_segments *segments)
{
    segments->count = 0;
    if (!mb_reader_use(r,
                       "SELECT key, level, low, high, first_serial, last_serial, lists,"
                       " bytes, target FROM text_segments WHERE text_set = $set ORDER BY key"))
        return false;
    mb_reader_bind(r, 1, set);
    while (mb_reader_row(r)) {
        if (segments->count == MB_TEXT_SOURCES)
            return mb_text_damaged(r);
        read_segment(r, &segments->items[segments->count++]);
    }
    mb_reader_done(r);
    return mb_reader_good(r);
}

static void bind_segment(mb_reader *r, int index, const mb_text_segment *s)
{
    mb_reader_bind(r, index, s->low);
    mb_reader_bind(r, index + 1, s->high);
    mb_reader_bind(r, index + 2, s->first_serial);
    mb_reader_bind(r, index + 3, s->last_serial);
    mb_reader_bind(r, index + 4, s->lists);
    mb_reader_bind(r, index + 5, s->bytes);
    mb_reader_bind(r, index + 6, s->target);
}

// The key after the greatest; once these are used up, the first gap.
static bool free_key(mb_reader *r, int64_t *key)
{
    *key = 1;
    if (!mb_reader_use(r, "SELECT max(key) FROM text_segments"))
        return false;
    if (mb_reader_row(r))
        *key = mb_reader_integer(r, 0) + 1;
    if (*key <= MOST_SEGMENTS)
        return mb_reader_good(r);
    if (!mb_reader_use(r, "SELECT min(key) FROM (SELECT 1 AS key UNION ALL"
                          " SELECT key + 1 FROM text_segments) AS next WHERE NOT EXISTS"
                          " (SELECT 1 FROM text_segments s WHERE s.key = next.key)"))
        return false;
    if (mb_reader_row(r))
        *key = mb_reader_integer(r, 0);
    mb_reader_done(r);
    return mb_reader_good(r) &&
           (*key <= MOST_SEGMENTS ||
            mb_reader_fail(r, MB_FULL, "the text index has too many segments"));
}

bool mb_text_segment_add(mb_reader *r, int64_t set, mb_text_segment *s)
{
    if (!free_key(r, &s->key) ||
        !mb_reader_use(r, "INSERT INTO text_segments (key, text_set, level, low, high,"
                          " first_serial, last_serial, lists, bytes, target)"
                          " VALUES ($key, $set, $level, $low, $high, $first, $last, $lists,"
                          " $bytes, $target)"))
        return false;
    mb_reader_bind(r, 1, s->key);
    mb_reader_bind(r, 2, set);
    mb_reader_bind(r, 3, s->level);
    bind_segment(r, 4, s);
    return mb_reader_run(r);
}

bool mb_text_segment_write(mb_reader *r, const mb_text_segment *s)
{
    if (!mb_reader_use(r, "UPDATE text_segments SET low = $low, high = $high,"
                          " first_serial = $first, last_serial = $last, lists = $lists,"
                          " bytes = $bytes, target = $target WHERE key = $key"))
        return false;
    bind_segment(r, 1, s);
    mb_reader_bind(r, 8, s->key);
    return mb_reader_run(r);
}

static bool delete_range(mb_reader *r, const char *sql, int64_t segment)
{
    if (!mb_reader_use(r, sql))
        return false;
    mb_reader_bind(r, 1, mb_text_key(segment, 0));
    mb_reader_bind(r, 2, mb_text_key(segment, MB_TEXT_PLACES - 1));
    return mb_reader_run(r);
}

bool mb_text_segment_delete(mb_reader *r, int64_t key)
{
    if (!delete_range(r, "DELETE FROM text_pages WHERE key BETWEEN $first AND $last", key) ||
        !delete_range(r, "DELETE FROM text_lists WHERE key BETWEEN $first AND $last", key) ||
        !mb_reader_use(r, "DELETE FROM text_segments WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, key);
    return mb_reader_run(r);
}
