#include "storage/graph_walk.h"

#include <stdlib.h>

#include "storage/node_set.h"

bool mb_graph_neighbors(const mb_graph *g, const mb_way *way, int64_t node, mb_hits *hits)
{
    mb_edges e;
    mb_edges_of(&e, g, way, node);
    while (mb_edges_next(&e)) {
        if (!mb_hits_add(hits, e.other, e.relation, e.weight, e.weight))
            return mb_reader_no_memory(g->reader);
    }
    return mb_reader_good(g->reader);
}

// One step being taken. What was visited is in the order of the edges from where it began, and
// those equally far in the order of the way from the beginning.
typedef struct stride {
    const mb_graph *graph;
    const mb_step *step;
    mb_node_set set;   // the nodes that were visited, numbered as in the next
    mb_buffer visited; // mb_visit
    size_t count;      // of them
    size_t first;      // of those that are near enough to be left out of the result
} stride;

static mb_visit *visits(const stride *s)
{
    return (mb_visit *)(void *)s->visited.data;
}

static bool visit(stride *s, mb_visit next)
{
    uint32_t number = mb_node_set_add(&s->set, next.node);
    if (number == MB_NO_NODE)
        return mb_reader_no_memory(s->graph->reader);
    if (number < s->count)
        return true;
    mb_buffer_append(&s->visited, &next, sizeof next);
    s->count++;
    return !s->visited.failed || mb_reader_no_memory(s->graph->reader);
}

static bool visit_around(stride *s, mb_visit from)
{
    mb_edges e;
    mb_edges_of(&e, s->graph, &s->step->way, from.node);
    while (mb_edges_next(&e)) {
        if (!visit(s, (mb_visit){ e.other, from.edges + 1, from.total + 1 }))
            return false;
    }
    return mb_reader_good(s->graph->reader);
}

// Over one edge from each of the nodes.
static bool go_once(stride *s, const mb_visit *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!visit_around(s, (mb_visit){ from[i].node, 0, from[i].total }))
            return false;
    }
    return true;
}

// Whether the nodes found before a round begins are enough.
static bool enough(const stride *s, mb_visit next, int64_t limit)
{
    return limit != MB_ALL && next.edges >= s->step->min &&
           s->count - s->first >= (size_t)limit;
}

static int compare_totals(const void *a, const void *b)
{
    const mb_visit *one = a, *other = b;
    if (one->total != other->total)
        return one->total < other->total ? -1 : 1;
    return (one->node > other->node) - (one->node < other->node);
}

// Edges are read in the order in which they are stored, as far as that is free.
static void order(mb_visit *nodes, size_t count)
{
    if (count > 1)
        qsort(nodes, count, sizeof *nodes, compare_totals);
}

// Breadth first from the nodes.
static bool go_deep(stride *s, const mb_visit *from, size_t count, int64_t limit)
{
    for (size_t i = 0; i < count; i++) {
        if (!visit(s, (mb_visit){ from[i].node, 0, from[i].total }))
            return false;
    }
    for (size_t i = 0, end = 0; i < s->count; i++) {
        mb_visit next = visits(s)[i];
        if (next.edges < s->step->min)
            s->first = i + 1;
        if (i == end) {
            if (next.edges >= s->step->max || enough(s, next, limit))
                break;
            end = s->count;
            order(visits(s) + i, end - i);
            next = visits(s)[i];
        }
        if (!visit_around(s, next))
            return false;
    }
    return true;
}

// Takes a step; what it leads to takes the place of the nodes.
static bool go(const mb_graph *g, const mb_step *step, int64_t limit, mb_visit **nodes,
               size_t *count)
{
    stride s = { .graph = g, .step = step };
    mb_node_set_init(&s.set, g->arena);
    mb_buffer_init(&s.visited, mb_arena_allocator(g->arena));
    if (!(step->deep ? go_deep(&s, *nodes, *count, limit) : go_once(&s, *nodes, *count)))
        return false;
    mb_node_set_free(&s.set);
    *nodes = visits(&s) + s.first;
    *count = s.count - s.first;
    return true;
}

bool mb_graph_walk(const mb_graph *g, mb_visit *nodes, size_t count, const mb_step *steps,
                   size_t step_count, int64_t limit, mb_hits *hits)
{
    for (size_t i = 0; i < step_count && count > 0; i++) {
        if (i > 0)
            order(nodes, count);
        if (!go(g, &steps[i], step_count == 1 ? limit : MB_ALL, &nodes, &count))
            return false;
    }
    for (size_t i = 0; i < count; i++) {
        double total = (double)nodes[i].total;
        if (!mb_hits_add(hits, nodes[i].node, 0, -total, total))
            return mb_reader_no_memory(g->reader);
    }
    return true;
}
