#include "storage/graph_rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/node_set.h"

// What a step may still change in the end.
static const double STILL = 1e-14;

// Each step leaves less than the share 1 - alpha of a change: so many, divided by alpha, leave
// none that a number holds.
static const double STEPS = 36;

// Scores that are equal up to this count as equal: the order of additions may not decide.
static const double GRAIN = 1.0 / 1099511627776.0;

// A node of the region, with the place of its edges.
typedef struct place {
    int64_t key;
    uint32_t number;
    uint32_t begin; // its first edge
    uint32_t end;   // one behind its last
} place;

// The part of the graph that walks come to, in memory.
typedef struct region {
    const mb_graph *graph;
    mb_node_set set;
    place *places;    // in the order in which they are read
    mb_buffer known;  // where the places are
    mb_buffer ends;   // uint32_t: the node that an edge leads to
    mb_buffer shares; // double: how likely it is taken
} region;

static uint32_t *ends_of(const region *p)
{
    return (uint32_t *)(void *)p->ends.data;
}

static double *shares_of(const region *p)
{
    return (double *)(void *)p->shares.data;
}

static uint32_t edge_count(const region *p)
{
    return (uint32_t)(p->ends.length / sizeof(uint32_t));
}

static bool add_edge(region *p, int64_t node, double weight)
{
    uint32_t number = mb_node_set_add(&p->set, node);
    mb_buffer_append(&p->ends, &number, sizeof number);
    mb_buffer_append(&p->shares, &weight, sizeof weight);
    return number != MB_NO_NODE && !p->ends.failed && !p->shares.failed &&
           p->ends.length / sizeof number < UINT32_MAX;
}

// Reads the edges of a node; those without strength lead nowhere.
static bool read_edges(region *p, int64_t key)
{
    static const mb_way out = { .direction = MB_OUT };
    mb_reader *r = p->graph->reader;
    mb_edges e;
    mb_edges_of(&e, p->graph, &out, key);
    while (mb_edges_next(&e)) {
        if (e.weight > 0 && !add_edge(p, e.other, e.weight))
            return mb_reader_no_memory(r);
    }
    return mb_reader_good(r);
}

static int by_key(const void *a, const void *b)
{
    const place *one = a, *other = b;
    return (one->key > other->key) - (one->key < other->key);
}

// Turns weights into shares of their sum. Divided by the greatest first they can be added up.
static void share_out(double *weights, size_t count)
{
    double most = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        most = weights[i] > most ? weights[i] : most;
    for (size_t i = 0; i < count; i++)
        sum += weights[i] /= most;
    for (size_t i = 0; i < count; i++)
        weights[i] /= sum;
}

// Makes a place for each node that has none yet, in the order in which they are stored.
static bool add_places(region *p, size_t count)
{
    for (size_t i = count; i < p->set.count; i++) {
        place added = { .key = p->set.keys[i], .number = (uint32_t)i };
        mb_buffer_append(&p->known, &added, sizeof added);
    }
    if (p->known.failed)
        return mb_reader_no_memory(p->graph->reader);
    p->places = (void *)p->known.data;
    qsort(p->places + count, p->set.count - count, sizeof *p->places, by_key);
    return true;
}

// Reads the edges of the nodes from one place on.
static bool read_places(region *p, size_t from, size_t count)
{
    for (size_t i = from; i < count; i++) {
        uint32_t begin = edge_count(p);
        if (!read_edges(p, p->places[i].key))
            return false;
        p->places[i].begin = begin;
        p->places[i].end = edge_count(p);
        if (p->places[i].end > begin)
            share_out(shares_of(p) + begin, p->places[i].end - begin);
    }
    return true;
}

static bool read_region(region *p, const mb_graph *g, const int64_t *seeds, size_t count)
{
    mb_allocator allocator = mb_arena_allocator(g->arena);
    *p = (region){ .graph = g };
    mb_node_set_init(&p->set, g->arena);
    mb_buffer_init(&p->known, allocator);
    mb_buffer_init(&p->ends, allocator);
    mb_buffer_init(&p->shares, allocator);
    for (size_t i = 0; i < count; i++) {
        if (mb_node_set_add(&p->set, seeds[i]) == MB_NO_NODE)
            return mb_reader_no_memory(g->reader);
    }
    for (size_t from = 0; from < p->set.count;) {
        size_t end = p->set.count;
        if (!add_places(p, from) || !read_places(p, from, end))
            return false;
        from = end;
    }
    return true;
}

// Where all walks are one step later. Gives how much that changes. One that no edge leads on
// begins again at the seeds, as some of the others do.
static double step(const region *p, size_t seeds, double alpha, const double *scores,
                   double *next)
{
    const uint32_t *ends = ends_of(p);
    const double *shares = shares_of(p);
    double lost = 0, change = 0;
    memset(next, 0, p->set.count * sizeof *next);
    for (const place *at = p->places, *last = at + p->set.count; at < last; at++) {
        double onward = (1 - alpha) * scores[at->number];
        if (at->begin == at->end)
            lost += scores[at->number];
        for (uint32_t e = at->begin; e < at->end; e++)
            next[ends[e]] += onward * shares[e];
    }
    for (size_t i = 0; i < seeds; i++)
        next[i] += (alpha * (1 - lost) + lost) / (double)seeds;
    for (size_t i = 0; i < p->set.count; i++)
        change += fabs(next[i] - scores[i]);
    return change;
}

// Walks from the first `seeds` nodes, step by step, until no step changes where they are; by so
// many steps there is no change left in any graph. Gives the scores, in one of the two arrays.
static double *settle(const region *p, size_t seeds, double alpha, double *scores, double *next)
{
    double sum = 0, change = 1;
    for (size_t i = 0; i < seeds; i++)
        scores[i] = 1 / (double)seeds;
    for (int steps = (int)(STEPS / alpha); change > STILL && steps > 0; steps--) {
        change = step(p, seeds, alpha, scores, next);
        double *swapped = scores;
        scores = next;
        next = swapped;
    }
    for (size_t i = 0; i < p->set.count; i++)
        sum += scores[i];
    for (size_t i = 0; i < p->set.count; i++)
        scores[i] /= sum;
    return scores;
}

bool mb_graph_rank(const mb_graph *g, const int64_t *seeds, size_t count, double alpha,
                   mb_hits *hits)
{
    region p;
    if (count == 0)
        return true;
    if (!read_region(&p, g, seeds, count))
        return false;
    double *scores = mb_arena_take(g->arena, p.set.count * sizeof *scores);
    double *next = mb_arena_take(g->arena, p.set.count * sizeof *next);
    if (scores == NULL || next == NULL)
        return mb_reader_no_memory(g->reader);
    scores = settle(&p, count, alpha, scores, next);
    for (size_t i = 0; i < p.set.count; i++) {
        if (scores[i] > 0 &&
            !mb_hits_add(hits, p.set.keys[i], 0, nearbyint(scores[i] / GRAIN), scores[i]))
            return mb_reader_no_memory(g->reader);
    }
    return true;
}
