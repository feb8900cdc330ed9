#include "storage/vector_search.h"

#include <math.h>
#include <string.h>

// How many vectors the codes propose first: enough for all but crowded data.
#define PROPOSED(k) (2 * (k) + 40)

// Looking so many up one by one costs as much as reading all: one in...
enum { CROWD = 8 };

// Passing over all codes costs as much as looking up one vector in so many.
enum { SCANNED = 64 };

// How far the serials that are looked for may lie apart to be marked in bits.
#define MARKED ((size_t)128 * 1024 * 1024)

// The first pass keeps the best of a limited number; the second keeps all that reach a bound.
typedef struct scan {
    mb_reader *reader;
    const mb_vector_set *set;
    const mb_vector_wish *wish;
    mb_vector_top *top;      // the nearest, exactly
    mb_vector_top proposals; // by the greatest nearness that their codes allow
    double bound;            // what a proposal must reach
    size_t most;             // proposals that the second pass may make
    int32_t *products;       // of one block
    float *bounds;           // of one block: the greatest nearness that the codes allow
    mb_vector_block spare;   // for what the cache does not hold
    bool exact;              // the codes are of no use
    bool lenient;            // who has no vector is passed over
    uint8_t *marks;       // a bit for each serial from `first` to `last`; NULL: all are wanted
    uint32_t first, last; // of those that are wanted
} scan;

static bool no_vector(scan *s, uint32_t serial)
{
    return mb_reader_fail(s->reader, MB_CORRUPT, "vector %u of collection %lld is damaged",
                          serial, (long long)s->set->key);
}

// Takes the vector in the present row in.
static bool take(scan *s, int column, uint32_t serial)
{
    size_t dim = s->set->dim;
    const uint8_t *bytes = sqlite3_column_blob(s->reader->statement->handle, column);
    if (bytes == NULL && sqlite3_errcode(s->reader->link->cache.db) == SQLITE_NOMEM)
        return mb_reader_no_memory(s->reader);
    if (bytes == NULL ||
        (size_t)sqlite3_column_bytes(s->reader->statement->handle, column) != 4 * dim)
        return no_vector(s, serial);
    for (size_t i = 0; i < dim; i++)
        s->wish->row[i] = mb_read_f32(bytes + 4 * i);
    double nearness = mb_vector_nearness(s->wish->kernel, s->wish->query, s->wish->row);
    mb_vector_top_add(s->top, nearness, serial);
    return true;
}

static bool look_up(scan *s, uint32_t serial)
{
    mb_reader *r = s->reader;
    if (!mb_reader_use(r, "SELECT vector FROM vector_floats WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(s->set, serial));
    if (mb_reader_row(r))
        return take(s, 0, serial);
    return mb_reader_good(r) && (s->lenient || no_vector(s, serial));
}

static bool read_all(scan *s)
{
    mb_reader *r = s->reader;
    size_t found = 0;
    s->top->count = 0;
    if (!mb_reader_use(r, "SELECT key & 4294967295, vector FROM vector_floats"
                          " WHERE key BETWEEN $first AND $last"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(s->set, 0));
    mb_reader_bind(r, 2, mb_vector_key(s->set, UINT32_MAX));
    for (; mb_reader_row(r); found++) {
        if (!take(s, 1, (uint32_t)mb_reader_integer(r, 0)))
            return false;
    }
    if (mb_reader_good(r) && found != s->set->count)
        return mb_reader_fail(r, MB_CORRUPT, "collection %lld has %zu vectors, not %zu",
                              (long long)s->set->key, found, s->set->count);
    return mb_reader_good(r);
}

// Looks all up that are wanted, one by one.
static bool search_among(scan *s)
{
    s->lenient = s->wish->partial;
    s->top->count = 0;
    for (size_t i = 0; i < s->wish->among_count; i++) {
        if (!look_up(s, s->wish->among[i]))
            return false;
    }
    return true;
}

static bool search_exactly(scan *s)
{
    return s->wish->among != NULL ? search_among(s) : read_all(s);
}

static bool is_wanted(const scan *s, uint32_t serial)
{
    if (s->marks == NULL)
        return true;
    if (serial < s->first || serial > s->last)
        return false;
    serial -= s->first;
    return (s->marks[serial / 8] >> (serial % 8) & 1) != 0;
}

// The greatest nearness that the codes of each vector of a block allow.
static void compute_bounds(scan *s, const mb_vector_block *b)
{
    const mb_vector_query *q = s->wish->query;
    const mb_vector_heads heads = {
        .products = s->products, .factors = b->factors, .norms = b->norms, .bases = b->bases
    };
    const mb_vector_slack slack = { .scale = q->scale,
                                    .margin = q->margin,
                                    .by_norm = q->margin_by_norm };
    s->wish->kernel->dots(b->codes, mb_vector_stride(s->set->dim), b->records, q->codes,
                          s->products);
    s->wish->kernel->bounds(&heads, &slack, b->records, s->bounds);
}

// Proposes what its codes allow to be near enough.
static void propose(scan *s, const mb_vector_block *b)
{
    float bound = (float)s->bound;
    compute_bounds(s, b);
    for (size_t i = 0; i < b->records; i++) {
        if (MB_LIKELY(s->bounds[i] < bound) || !is_wanted(s, b->serials[i]))
            continue;
        mb_vector_top_add(&s->proposals, s->bounds[i], b->serials[i]);
        if (s->most == 0 && mb_vector_top_full(&s->proposals))
            bound = (float)s->proposals.items[0].key;
    }
    s->bound = bound;
}

// Passes over all blocks. The codes turn out to be of no use when norms are extreme, or when
// the second pass proposes too many.
static bool pass(scan *s)
{
    size_t full = mb_block_records(s->set->dim);
    mb_vector_view *view = mb_vector_view_get(s->reader, s->set);
    if (view == NULL)
        return false;
    s->proposals.count = 0;
    for (size_t i = 0; i * full < s->set->count && !s->exact; i++) {
        const mb_vector_block *b = mb_vector_block_get(s->reader, s->set, view, i, &s->spare);
        if (b == NULL)
            return false;
        s->exact = !b->plain;
        propose(s, b);
        s->exact = s->exact || (s->most > 0 && s->proposals.count >= s->most);
    }
    return true;
}

// The greatest that the nearness of one must be in the codes' measure, to be among the nearest.
static double needed(const scan *s)
{
    double worst = s->top->items[0].key;
    bool euclidean = s->set->metric == MB_L2;
    return euclidean ? (s->wish->query->square + worst) / 2 : worst;
}

// Reads the exact numbers of the proposals. True in 'settled' when nothing that was not
// proposed can be among the nearest.
static bool settle(scan *s, bool *settled)
{
    mb_vector_top_sort(&s->proposals);
    s->top->count = 0;
    *settled = false;
    for (size_t i = 0; i < s->proposals.count && !*settled; i++) {
        if (mb_vector_top_full(s->top) && s->proposals.items[i].key < needed(s))
            *settled = true;
        else if (!look_up(s, s->proposals.items[i].serial))
            return false;
    }
    return true;
}

static bool make_proposals(scan *s, size_t limit)
{
    s->proposals.limit = limit;
    mb_ranked *items =
        sqlite3_realloc64(s->proposals.items, limit * sizeof *s->proposals.items);
    if (items == NULL)
        return mb_reader_no_memory(s->reader);
    s->proposals.items = items;
    return true;
}

// The data are so crowded that the first proposals may have left one out that is near: once
// more, now with all that can be near enough.
static bool settle_crowd(scan *s)
{
    bool settled;
    double bound = needed(s);
    s->bound = bound - fabs(bound) * 1e-6; // it is compared as a float
    s->most = s->set->count / CROWD + 1;
    if (s->most < s->proposals.limit || s->most < s->top->limit)
        return search_exactly(s);
    return make_proposals(s, s->most) && pass(s) && (s->exact || settle(s, &settled)) &&
           (!s->exact || search_exactly(s));
}

static bool search_codes(scan *s)
{
    bool settled;
    size_t full = mb_block_records(s->set->dim);
    s->bound = -INFINITY;
    s->products = sqlite3_malloc64(full * sizeof *s->products);
    s->bounds = sqlite3_malloc64(full * sizeof *s->bounds);
    if (s->products == NULL || s->bounds == NULL)
        return mb_reader_no_memory(s->reader);
    if (!make_proposals(s, PROPOSED(s->top->limit)) || !pass(s))
        return false;
    if (s->exact)
        return search_exactly(s);
    if (!settle(s, &settled))
        return false;
    return settled || !mb_vector_top_full(&s->proposals) || settle_crowd(s);
}

static bool mark_wanted(scan *s)
{
    const uint32_t *among = s->wish->among;
    s->first = among[0];
    s->last = among[s->wish->among_count - 1];
    size_t size = (s->last - s->first) / 8 + 1;
    s->marks = sqlite3_malloc64(size);
    if (s->marks == NULL)
        return mb_reader_no_memory(s->reader);
    memset(s->marks, 0, size);
    for (size_t i = 0; i < s->wish->among_count; i++) {
        uint32_t bit = among[i] - s->first;
        s->marks[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
    return true;
}

// Few vectors are read as soon as proposed; so are few among many.
static bool is_small(const scan *s)
{
    size_t count = s->set->count, among = s->wish->among_count;
    if (s->wish->among == NULL)
        return count <= PROPOSED(s->top->limit);
    if (among <= PROPOSED(s->top->limit) || among < count / SCANNED)
        return true;
    return s->wish->among[among - 1] - s->wish->among[0] > MARKED;
}

static bool search(scan *s)
{
    if (s->exact || is_small(s))
        return search_exactly(s);
    return (s->wish->among == NULL || mark_wanted(s)) && search_codes(s);
}

bool mb_vector_search(mb_reader *r, const mb_vector_set *set, const mb_vector_wish *wish,
                      mb_vector_top *top)
{
    scan s = { .reader = r, .set = set, .wish = wish, .top = top };
    s.exact = wish->exact || !wish->query->plain;
    bool found = search(&s);
    mb_reader_done(r);
    sqlite3_free(s.products);
    sqlite3_free(s.bounds);
    sqlite3_free(s.proposals.items);
    sqlite3_free(s.marks);
    mb_vector_block_free(&s.spare);
    if (found)
        mb_vector_top_sort(top);
    return found;
}
