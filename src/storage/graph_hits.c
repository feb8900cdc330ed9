#include "storage/graph_hits.h"

#include <stdlib.h>
#include <string.h>

static const char NODES[] = "SELECT key, name FROM graph_nodes WHERE key >= $key ORDER BY key";
static const char RELATION[] = "SELECT key, name FROM graph_relations WHERE key = $key";

// Stepping to a key that lies so far ahead costs about as much as seeking it.
enum { NEAR = 8 };

// How many hits may be kept beyond those that are wanted.
enum { SPARE = 1000 };

void mb_hits_init(mb_hits *hits, mb_arena *arena, int64_t limit)
{
    mb_allocator allocator = mb_arena_allocator(arena);
    *hits = (mb_hits){ .limit = limit };
    hits->enough = limit == MB_ALL ? SIZE_MAX : (size_t)limit + SPARE;
    mb_buffer_init(&hits->found, allocator);
    mb_buffer_init(&hits->met, allocator);
    mb_buffer_init(&hits->text, allocator);
}

// Appends a relation unless it is the last one: edges are read relation by relation.
static bool add_relation(mb_hits *hits, int64_t key)
{
    mb_relation relation = { .key = key };
    if (hits->relation_count > 0 && hits->relations[hits->relation_count - 1].key == key)
        return true;
    mb_buffer_append(&hits->met, &relation, sizeof relation);
    if (hits->met.failed)
        return false;
    hits->relations = (void *)hits->met.data;
    hits->relation_count++;
    return true;
}

static int compare_order(const void *a, const void *b)
{
    const mb_hit *one = a, *other = b;
    return (one->order < other->order) - (one->order > other->order);
}

static void sort(mb_hits *hits, int (*compare)(const void *, const void *))
{
    if (hits->count > 1)
        qsort(hits->items, hits->count, sizeof *hits->items, compare);
}

// Leaves the first `limit` by their order alone, and those that are equal to the last of them:
// names decide which of these come in.
static void cut_early(mb_hits *hits)
{
    size_t count = (size_t)hits->limit;
    sort(hits, compare_order);
    while (count > 0 && count < hits->count &&
           hits->items[count].order == hits->items[count - 1].order)
        count++;
    hits->count = count;
    hits->found.length = count * sizeof *hits->items;
}

bool mb_hits_add(mb_hits *hits, int64_t node, int64_t relation, double order, double value)
{
    mb_hit hit = { .node = node, .order = order, .value = value };
    if (relation != 0) {
        if (!add_relation(hits, relation))
            return false;
        hit.met = hits->relation_count - 1;
    }
    mb_buffer_append(&hits->found, &hit, sizeof hit);
    if (hits->found.failed)
        return false;
    hits->items = (void *)hits->found.data;
    if (++hits->count >= hits->enough) {
        cut_early(hits);
        hits->enough = 2 * hits->count + SPARE;
    }
    return true;
}

// Copies the name in column 1 of the present row.
static bool copy_name(mb_hits *hits, mb_reader *r, mb_graph_name *name)
{
    const char *text = mb_reader_text(r, 1, &name->length);
    if (text == NULL)
        return false;
    name->text.at = hits->text.length;
    mb_buffer_append(&hits->text, text, name->length);
    return !hits->text.failed || mb_reader_no_memory(r);
}

static bool lost(mb_reader *r, const char *what, int64_t key)
{
    return mb_reader_fail(r, MB_CORRUPT, "the name of %s %lld is missing", what,
                          (long long)key);
}

static bool read_relations(mb_hits *hits, mb_reader *r)
{
    for (size_t i = 0; i < hits->relation_count; i++) {
        mb_relation *relation = &hits->relations[i];
        if (!mb_reader_use(r, RELATION))
            return false;
        mb_reader_bind(r, 1, relation->key);
        if (!mb_reader_row(r))
            return mb_reader_good(r) && lost(r, "relation", relation->key);
        if (!copy_name(hits, r, &relation->name))
            return false;
    }
    return true;
}

// A reading of names in the order of their keys.
typedef struct names {
    mb_reader *reader;
    int64_t present; // key of the present row
    bool row;        // there is one
} names;

static bool next_name(names *n)
{
    n->row = mb_reader_row(n->reader);
    n->present = n->row ? mb_reader_integer(n->reader, 0) : INT64_MAX;
    return mb_reader_good(n->reader);
}

// Goes to the row of a key, which lies behind the present one.
static bool seek_name(names *n, int64_t key)
{
    if (n->row && key - n->present <= NEAR) {
        while (n->row && n->present < key) {
            if (!next_name(n))
                return false;
        }
    } else {
        if (!mb_reader_use(n->reader, NODES))
            return false;
        mb_reader_bind(n->reader, 1, key);
        if (!next_name(n))
            return false;
    }
    return n->present == key || lost(n->reader, "node", key);
}

static int compare_keys(const void *a, const void *b)
{
    const mb_hit *one = a, *other = b;
    return (one->node > other->node) - (one->node < other->node);
}

static bool read_nodes(mb_hits *hits, mb_reader *r)
{
    names n = { .reader = r };
    for (size_t i = 0; i < hits->count; i++) {
        mb_hit *hit = &hits->items[i];
        if (i > 0 && hit[-1].node == hit->node)
            hit->name = hit[-1].name;
        else if (!seek_name(&n, hit->node) || !copy_name(hits, r, &hit->name))
            return false;
    }
    return true;
}

static void set_head(mb_hit *hit)
{
    unsigned char bytes[8] = { 0 };
    size_t length = hit->name.length < sizeof bytes ? hit->name.length : sizeof bytes;
    memcpy(bytes, hit->name.text.bytes, length);
    hit->head = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        hit->head = hit->head << 8 | bytes[i];
}

// The text does not move any more.
static void place_names(mb_hits *hits)
{
    for (size_t i = 0; i < hits->relation_count; i++) {
        mb_graph_name *name = &hits->relations[i].name;
        name->text.bytes = hits->text.data + name->text.at;
    }
    for (size_t i = 0; i < hits->count; i++) {
        mb_hit *hit = &hits->items[i];
        hit->name.text.bytes = hits->text.data + hit->name.text.at;
        hit->relation = hits->relation_count > 0 ? &hits->relations[hit->met].name : NULL;
        set_head(hit);
    }
}

static int compare_names(const mb_graph_name *a, const mb_graph_name *b)
{
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text.bytes, b->text.bytes, length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_hits(const void *a, const void *b)
{
    const mb_hit *one = a, *other = b;
    int order = compare_order(a, b);
    if (order != 0)
        return order;
    if (one->head != other->head)
        return one->head < other->head ? -1 : 1;
    order = compare_names(&one->name, &other->name);
    if (order != 0 || one->relation == NULL)
        return order;
    return compare_names(one->relation, other->relation);
}

bool mb_hits_finish(mb_hits *hits, mb_reader *r)
{
    bool cut = hits->limit != MB_ALL && hits->count > (size_t)hits->limit;
    if (cut)
        cut_early(hits);
    sort(hits, compare_keys);
    if (!read_nodes(hits, r) || !read_relations(hits, r))
        return false;
    place_names(hits);
    sort(hits, compare_hits);
    if (cut)
        hits->count = (size_t)hits->limit;
    return true;
}
