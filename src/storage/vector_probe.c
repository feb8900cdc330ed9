#include "storage/vector_probe.h"

#include <math.h>
#include <string.h>

// How many are looked into before anything is known of the others.
enum { FIRST = 32 };

// Beyond so many deviations there is nothing to be expected.
static const double far = 8;

static void measure_cells(mb_vector_probe *p, const int32_t *products)
{
    const mb_vector_rows *cells = &p->view->cells.rows;
    const mb_vector_query *q = p->query;
    for (size_t i = 0; i < p->count; i++) {
        const mb_vector_card *card = mb_vector_view_find(p->view, cells->serials[i]);
        float spread = card->spread;
        float product = cells->factors[i] * (q->scale * (float)products[i]);
        float square = cells->norms[i] * cells->norms[i];
        bool euclidean = q->metric == MB_L2;
        p->records[i] = (float)card->records;
        // of the vectors' own squares, which the nearness loses a half of, the centre's is a
        // part
        p->nearness[i] = euclidean ? product - (square + spread * spread) / 2 : product;
        float apart = (float)q->square - 2 * product + square;
        float scale = euclidean ? sqrtf(apart > 0 ? apart : 0) : 1;
        p->spread[i] = spread * scale + 1e-20f;
        p->reach[i] = card->reach * scale + 1e-20f;
    }
}

static bool allocate(mb_vector_probe *p)
{
    size_t each = 4 * sizeof(float) + sizeof(mb_ranked) + sizeof(bool);
    p->memory = sqlite3_malloc64(p->count * each);
    if (p->memory == NULL)
        return mb_reader_no_memory(p->reader);
    memset(p->memory, 0, p->count * each);
    p->chosen.items = p->memory;
    p->nearness = (float *)(void *)(p->chosen.items + p->count);
    p->spread = p->nearness + p->count;
    p->reach = p->spread + p->count;
    p->records = p->reach + p->count;
    p->visited = (bool *)(void *)(p->records + p->count);
    return true;
}

bool mb_vector_probe_open(mb_vector_probe *p, mb_reader *reader, const mb_vector_view *view,
                          const mb_vector_query *query, const mb_vector_kernel *kernel,
                          double loss)
{
    const mb_vector_rows *cells = &view->cells.rows;
    *p = (mb_vector_probe){ .reader = reader, .view = view, .query = query, .loss = loss };
    p->count = cells->count;
    if (p->count == 0)
        return true;
    int32_t *products = sqlite3_malloc64(p->count * sizeof *products);
    if (products == NULL)
        return mb_reader_no_memory(reader);
    bool done = allocate(p);
    if (done) {
        kernel->dots(cells->codes, mb_vector_stride(cells->dim), p->count, query->codes,
                     products);
        measure_cells(p, products);
    }
    sqlite3_free(products);
    return done;
}

// How many vectors of a cell are likely nearer than the worst hit.
static double expected(const mb_vector_probe *p, size_t cell, double deviation, double worst)
{
    double z = (worst - (double)p->nearness[cell]) / (deviation * (double)p->reach[cell]);
    return z >= far ? 0 : (double)p->records[cell] * erfc(z / sqrt(2)) / 2;
}

// Ranks the cells that were not looked into; gives what they hold together.
static double rank(mb_vector_probe *p, double worst)
{
    double total = 0, deviation = p->seen > 0 ? sqrt(p->squares / (double)p->seen) : 1;
    bool blind = worst == -INFINITY;
    for (size_t i = 0; i < p->count; i++) {
        if (p->visited[i])
            continue;
        double likely = blind ? 1 : expected(p, i, deviation + 1e-12, worst);
        total += likely;
        if (likely > 0)
            mb_vector_top_add(&p->chosen, blind ? (double)p->nearness[i] : likely, (uint32_t)i);
    }
    return blind ? INFINITY : total;
}

// Leaves out those that hold next to none, together with all that were not chosen.
static void leave_out(mb_vector_probe *p, double rest)
{
    size_t count = 0;
    mb_vector_top_sort(&p->chosen);
    while (count < p->chosen.count && rest > p->loss) {
        const mb_ranked *item = &p->chosen.items[count++];
        rest -= item->key;
        p->visited[item->serial] = true;
    }
    p->chosen.count = count;
    p->visits += count;
}

bool mb_vector_probe_next(mb_vector_probe *p, double worst)
{
    size_t limit = p->visits > FIRST ? p->visits : FIRST;
    p->chosen.count = 0;
    p->chosen.limit = limit < p->count ? limit : p->count;
    if (p->visits == p->count)
        return false;
    bool first = p->visits == 0;
    leave_out(p, rank(p, first ? -INFINITY : worst));
    return p->chosen.count > 0;
}

void mb_vector_probe_note(mb_vector_probe *p, size_t cell, const float *nearness, size_t count)
{
    float centre = p->nearness[cell], spread = p->spread[cell];
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        float rest = (nearness[i] - centre) / spread;
        squares += (double)(rest * rest);
    }
    p->squares += squares;
    p->seen += count;
}

void mb_vector_probe_close(mb_vector_probe *p)
{
    sqlite3_free(p->memory);
}
