#include "storage/vector_search.h"

#include <math.h>
#include <string.h>

#include "storage/vector_probe.h"

// How many vectors the codes propose first: enough for all but crowded data.
#define PROPOSED(k) (2 * (k) + 40)

// Looking so many up one by one costs as much as reading all: one in...
enum { CROWD = 8 };

// How many of k hits an approximate search may miss, as it estimates it.
#define LOSS(k) (0.003 * (double)(k))

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
    mb_vector_view *view;    // where the codes are
    mb_vector_top proposals; // by the greatest nearness that their codes allow
    mb_vector_top sure;      // the best by the least nearness that their codes allow
    mb_vector_probe probe;   // which cells are looked into
    double bound;            // what a proposal must reach
    size_t most;             // proposals that the second pass may make; 0 in the first
    size_t scanned;          // vectors that the first pass looked at
    int32_t *products;       // of one block
    float *bounds;           // of one block: the greatest nearness that the codes allow
    bool *visited;           // for each card
    mb_vector_block spare;   // for what the cache does not hold
    bool exact;              // the codes are of no use
    bool lenient;            // who has no vector is passed over
    uint8_t *marks;       // a bit for each serial from `first` to `last`; NULL: all are wanted
    uint32_t first, last; // of those that are wanted
} scan;

// Takes the vector in the present row in.
static bool take(scan *s, int column, uint32_t serial)
{
    if (!mb_vector_numbers(s->reader, s->set, column, serial, s->wish->row))
        return false;
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
    return mb_reader_good(r) && (s->lenient || mb_vector_missing(r, s->set, serial));
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
static void compute_bounds(scan *s, const mb_vector_rows *rows)
{
    const mb_vector_query *q = s->wish->query;
    const mb_vector_heads heads = { .products = s->products,
                                    .factors = rows->factors,
                                    .norms = rows->norms,
                                    .bases = rows->bases };
    const mb_vector_slack slack = { .scale = q->scale,
                                    .margin = q->margin,
                                    .by_norm = q->margin_by_norm };
    s->wish->kernel->dots(rows->codes, mb_vector_stride(rows->dim), rows->count, q->codes,
                          s->products);
    s->wish->kernel->bounds(&heads, &slack, rows->count, s->bounds);
}

// What a bound is above the nearness that the codes have.
static float slack_of(const scan *s, const mb_vector_rows *rows, size_t at)
{
    const mb_vector_query *q = s->wish->query;
    return rows->factors[at] * q->margin + q->margin_by_norm * rows->norms[at];
}

// Proposes what its codes allow to be near enough.
static void propose(scan *s, const mb_vector_rows *rows)
{
    float bound = (float)s->bound;
    for (size_t i = 0; i < rows->count; i++) {
        if (MB_LIKELY(s->bounds[i] < bound) || !is_wanted(s, rows->serials[i]))
            continue;
        mb_vector_top_add(&s->proposals, s->bounds[i], rows->serials[i]);
        if (s->most > 0)
            continue;
        mb_vector_top_add(&s->sure, s->bounds[i] - 2 * slack_of(s, rows, i), rows->serials[i]);
        if (mb_vector_top_full(&s->proposals))
            bound = (float)s->proposals.items[0].key;
    }
    s->bound = bound;
}

// Looks at the vectors of a block. The codes turn out to be of no use when norms are extreme,
// or when the second pass proposes too many.
static const mb_vector_rows *look_at(scan *s, mb_vector_card *card)
{
    const mb_vector_block *b = mb_vector_block_get(s->reader, s->set, s->view, card, &s->spare);
    if (b == NULL)
        return NULL;
    compute_bounds(s, &b->rows);
    propose(s, &b->rows);
    s->exact = s->exact || !b->plain || (s->most > 0 && s->proposals.count >= s->most);
    return &b->rows;
}

static bool look_into_cell(scan *s, size_t cell)
{
    mb_vector_card *card = mb_vector_view_find(s->view, s->view->cells.rows.serials[cell]);
    const mb_vector_rows *rows = look_at(s, card);
    if (rows == NULL)
        return false;
    s->visited[card - s->view->cards] = true;
    s->scanned += rows->count;
    for (size_t i = 0; i < rows->count; i++)
        s->bounds[i] -= slack_of(s, rows, i);
    mb_vector_probe_note(&s->probe, cell, s->bounds, rows->count);
    return true;
}

static double worst_sure(const scan *s)
{
    return mb_vector_top_full(&s->sure) ? s->sure.items[0].key : -INFINITY;
}

static bool look_into_cells(scan *s)
{
    mb_vector_probe *p = &s->probe;
    bool good = mb_vector_probe_open(p, s->reader, s->view, s->wish->query, s->wish->kernel,
                                     LOSS(s->top->limit));
    while (good && !s->exact && mb_vector_probe_next(p, worst_sure(s))) {
        for (size_t i = 0; i < p->chosen.count && good && !s->exact; i++)
            good = look_into_cell(s, p->chosen.items[i].serial);
    }
    mb_vector_probe_close(p);
    return good;
}

static bool look_at_tail(scan *s)
{
    for (size_t i = 0; i < s->view->count && !s->exact; i++) {
        mb_vector_card *card = &s->view->cards[i];
        if (card->centre != NULL)
            continue;
        if (look_at(s, card) == NULL)
            return false;
        s->visited[i] = true;
        s->scanned += card->records;
    }
    return true;
}

// Once more what was looked at before.
static bool look_again(scan *s)
{
    s->proposals.count = 0;
    for (size_t i = 0; i < s->view->count && !s->exact; i++) {
        if (s->visited[i] && look_at(s, &s->view->cards[i]) == NULL)
            return false;
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

static bool make_room(scan *s, mb_vector_top *top, size_t limit)
{
    mb_ranked *items = sqlite3_realloc64(top->items, limit * sizeof *items);
    if (items == NULL)
        return mb_reader_no_memory(s->reader);
    top->items = items;
    top->limit = limit;
    return true;
}

// The data are so crowded that the first proposals may have left one out that is near: once
// more, now with all that can be near enough.
static bool settle_crowd(scan *s)
{
    bool settled;
    double bound = needed(s);
    s->bound = bound - fabs(bound) * 1e-6; // it is compared as a float
    s->most = s->scanned / CROWD + 1;
    if (s->most < s->proposals.limit || s->most < s->top->limit)
        return search_exactly(s);
    return make_room(s, &s->proposals, s->most) && look_again(s) &&
           (s->exact || settle(s, &settled)) && (!s->exact || search_exactly(s));
}

static bool prepare(scan *s)
{
    size_t full = mb_block_records(s->set->dim), k = s->top->limit;
    s->bound = -INFINITY;
    s->view = mb_vector_view_get(s->reader, s->set);
    if (s->view == NULL)
        return false;
    s->products = sqlite3_malloc64(full * sizeof *s->products);
    s->bounds = sqlite3_malloc64(full * sizeof *s->bounds);
    s->visited = sqlite3_malloc64(s->view->count * sizeof *s->visited);
    if (s->products == NULL || s->bounds == NULL || s->visited == NULL)
        return mb_reader_no_memory(s->reader);
    memset(s->visited, 0, s->view->count * sizeof *s->visited);
    return make_room(s, &s->proposals, PROPOSED(k)) && make_room(s, &s->sure, k);
}

static bool search_codes(scan *s)
{
    bool settled;
    if (!prepare(s) || !look_at_tail(s) || !look_into_cells(s))
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
    sqlite3_free(s.visited);
    sqlite3_free(s.proposals.items);
    sqlite3_free(s.sure.items);
    sqlite3_free(s.marks);
    mb_vector_block_free(&s.spare);
    if (found)
        mb_vector_top_sort(top);
    return found;
}
