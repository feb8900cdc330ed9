#include "storage/graph_rank.h"

#include <math.h>
#include <string.h>

#include "storage/node_set.h"

// Chances that are not dealt out yet when the rest does not matter any more.
static const double REST = 1e-15;

// Scores that are equal up to this count as equal: the order of additions may not decide.
static const double GRAIN = 1.0 / 1099511627776.0;

// The part of the graph that walks come to, in memory: the edges of node i, by number, are
// those from begins[i] to begins[i + 1].
typedef struct region {
    const mb_graph *graph;
    mb_node_set set;
    mb_buffer begins; // uint32_t
    mb_buffer ends;   // uint32_t: the node that an edge leads to
    mb_buffer shares; // double: how likely it is taken
} region;

static uint32_t *numbers(const mb_buffer *buffer)
{
    return (uint32_t *)(void *)buffer->data;
}

static double *doubles(const mb_buffer *buffer)
{
    return (double *)(void *)buffer->data;
}

static size_t edge_count(const region *p)
{
    return p->ends.length / sizeof(uint32_t);
}

static bool begin_node(region *p)
{
    uint32_t begin = (uint32_t)edge_count(p);
    mb_buffer_append(&p->begins, &begin, sizeof begin);
    return !p->begins.failed && edge_count(p) < UINT32_MAX;
}

static bool add_edge(region *p, int64_t node, double weight)
{
    uint32_t number = mb_node_set_add(&p->set, node);
    mb_buffer_append(&p->ends, &number, sizeof number);
    mb_buffer_append(&p->shares, &weight, sizeof weight);
    return number != MB_NO_NODE && !p->ends.failed && !p->shares.failed;
}

// Reads the edges of a node; those without strength lead nowhere.
static bool read_node(region *p, size_t i)
{
    static const mb_way out = { .direction = MB_OUT };
    mb_reader *r = p->graph->reader;
    mb_edges e;
    if (!begin_node(p))
        return mb_reader_no_memory(r);
    mb_edges_of(&e, p->graph, &out, p->set.keys[i]);
    while (mb_edges_next(&e)) {
        if (e.weight > 0 && !add_edge(p, e.other, e.weight))
            return mb_reader_no_memory(r);
    }
    return mb_reader_good(r);
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

static bool read_region(region *p, const mb_graph *g, const int64_t *seeds, size_t count)
{
    mb_allocator allocator = mb_arena_allocator(g->arena);
    *p = (region){ .graph = g };
    mb_node_set_init(&p->set, g->arena);
    mb_buffer_init(&p->begins, allocator);
    mb_buffer_init(&p->ends, allocator);
    mb_buffer_init(&p->shares, allocator);
    for (size_t i = 0; i < count; i++) {
        if (mb_node_set_add(&p->set, seeds[i]) == MB_NO_NODE)
            return mb_reader_no_memory(g->reader);
    }
    for (size_t i = 0; i < p->set.count; i++) {
        size_t begin = edge_count(p);
        if (!read_node(p, i))
            return false;
        if (edge_count(p) > begin)
            share_out(doubles(&p->shares) + begin, edge_count(p) - begin);
    }
    return begin_node(p) || mb_reader_no_memory(g->reader);
}

// Deals out what waits at each node: some of it stays, the rest goes on over the edges. Gives
// what waits then.
static double deal(const region *p, double alpha, double *scores, double *waiting)
{
    const uint32_t *begins = numbers(&p->begins), *ends = numbers(&p->ends);
    const double *shares = doubles(&p->shares);
    double rest = 0;
    for (size_t i = 0; i < p->set.count; i++) {
        double here = waiting[i], onward = (1 - alpha) * here;
        waiting[i] = 0;
        scores[i] += here;
        for (uint32_t e = begins[i]; e < begins[i + 1]; e++)
            waiting[ends[e]] += onward * shares[e];
    }
    for (size_t i = 0; i < p->set.count; i++)
        rest += waiting[i];
    return rest;
}

// How often walks from the first `seeds` nodes come to each, before they end. One that ends
// where no edge leads on begins again at the seeds as any other does, which changes all by one
// factor.
static void spread(const region *p, size_t seeds, double alpha, double *scores, double *waiting)
{
    double sum = 0;
    for (size_t i = 0; i < seeds; i++)
        waiting[i] = 1 / (double)seeds;
    while (deal(p, alpha, scores, waiting) > REST) {
    }
    for (size_t i = 0; i < p->set.count; i++)
        sum += scores[i];
    for (size_t i = 0; i < p->set.count; i++)
        scores[i] /= sum;
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
    double *waiting = mb_arena_take(g->arena, p.set.count * sizeof *waiting);
    if (scores == NULL || waiting == NULL)
        return mb_reader_no_memory(g->reader);
    spread(&p, count, alpha, scores, waiting);
    for (size_t i = 0; i < p.set.count; i++) {
        if (scores[i] > 0 &&
            !mb_hits_add(hits, p.set.keys[i], 0, nearbyint(scores[i] / GRAIN), scores[i]))
            return mb_reader_no_memory(g->reader);
    }
    return true;
}
