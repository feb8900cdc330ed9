#include "storage/text_index.h"

#include <string.h>

#include "storage/text_merge.h"
#include "storage/text_remove.h"

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

static bool remove_all(mb_text_change *c)
{
    return c->gone.count == 0 || mb_text_remove_all(c->reader, c->set.key, &c->gone);
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
    if (found) {
        c->set.tail_docs--;
        return true;
    }
    return mb_text_builder_add(c->reader, &c->gone, serial, terms) &&
           (c->gone.count < BULK_ITEMS || remove_all(c));
}

// Leaves nothing behind of a set without texts.
bool mb_text_change_close(mb_text_change *c)
{
    bool good = mb_reader_good(c->reader) && build(c) && remove_all(c) &&
                (c->set.docs > 0 ? mb_text_set_write(c->reader, &c->set)
                                 : mb_text_drop(c->reader, c->set.key));
    mb_text_builder_free(&c->builder);
    mb_text_builder_free(&c->gone);
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
    return mb_reader_run(r);
}
