#include "storage/cost_heap.h"
#include "storage/graph_path.h"
#include "storage/node_set.h"

// The number of no label.
#define NO_LABEL UINT32_MAX

// A way to a node. A node has several, for a dearer one with fewer edges may be what leads on.
typedef struct label {
    mb_cost cost;
    uint32_t node;   // number of the node
    uint32_t parent; // label that it goes on from
} label;

// What is known of a node. Its edges are UNKNOWN before there is any way to it.
typedef struct best {
    mb_cost cost;     // of the cheapest label so far
    uint32_t settled; // edges of the label settled last, UNKNOWN before
} best;

#define UNKNOWN UINT32_MAX

typedef struct search {
    const mb_graph *graph;
    const mb_path_wish *wish;
    mb_node_set set;
    mb_buffer bests;   // by number of the node
    mb_buffer labels;  // all that were made
    mb_cost_heap heap; // of those not looked at yet
} search;

static label *label_at(const search *s, uint32_t i)
{
    return (label *)(void *)s->labels.data + i;
}

static best *best_at(const search *s, uint32_t i)
{
    return (best *)(void *)s->bests.data + i;
}

// The number of a node, which is new or known.
static uint32_t number_of(search *s, int64_t node)
{
    static const best unknown = { { 0, UNKNOWN }, UNKNOWN };
    size_t count = s->set.count;
    uint32_t number = mb_node_set_add(&s->set, node);
    if (number == count)
        mb_buffer_append(&s->bests, &unknown, sizeof unknown);
    return s->bests.failed ? MB_NO_NODE : number;
}

// Whether a way is no better than one that is known: neither cheaper nor shorter.
static bool is_hopeless(const best *known, mb_cost way)
{
    if (known->cost.edges == UNKNOWN)
        return false;
    if (known->settled != UNKNOWN && way.edges >= known->settled)
        return true;
    return way.edges >= known->cost.edges && way.sum >= known->cost.sum;
}

static bool add_label(search *s, label way)
{
    best *known = best_at(s, way.node);
    if (is_hopeless(known, way.cost))
        return true;
    if (known->cost.edges == UNKNOWN || mb_cost_less(way.cost, known->cost))
        known->cost = way.cost;
    size_t count = s->labels.length / sizeof way;
    mb_buffer_append(&s->labels, &way, sizeof way);
    return !s->labels.failed && count < NO_LABEL &&
           mb_cost_heap_push(&s->heap, (mb_cost_entry){ way.cost, (uint32_t)count });
}

// Ways over each of the edges of the node that a label leads to.
static bool go_on(search *s, uint32_t from)
{
    mb_edges e;
    label start = *label_at(s, from);
    mb_edges_of(&e, s->graph, &s->wish->way, s->set.keys[start.node]);
    while (mb_edges_next(&e)) {
        mb_cost cost = mb_cost_add(start.cost, (mb_cost){ e.weight, 1 });
        label way = { cost, number_of(s, e.other), from };
        if (way.node == MB_NO_NODE || !add_label(s, way))
            return mb_reader_no_memory(s->graph->reader);
    }
    return mb_reader_good(s->graph->reader);
}

// Looks at labels until one leads to the end; NO_LABEL when none does.
static bool run(search *s, uint32_t *found)
{
    for (*found = NO_LABEL; s->heap.count > 0;) {
        uint32_t next = mb_cost_heap_pop(&s->heap).item;
        label way = *label_at(s, next);
        best *known = best_at(s, way.node);
        if (known->settled != UNKNOWN && way.cost.edges >= known->settled)
            continue;
        known->settled = way.cost.edges;
        if (s->set.keys[way.node] == s->wish->to) {
            *found = next;
            return true;
        }
        if ((int64_t)way.cost.edges < s->wish->max && !go_on(s, next))
            return false;
    }
    return true;
}

static bool start(search *s, const mb_graph *g, const mb_path_wish *wish)
{
    mb_allocator allocator = mb_arena_allocator(g->arena);
    *s = (search){ .graph = g, .wish = wish };
    mb_node_set_init(&s->set, g->arena);
    mb_buffer_init(&s->bests, allocator);
    mb_buffer_init(&s->labels, allocator);
    mb_cost_heap_init(&s->heap, g->arena);
    label first = { { 0, 0 }, number_of(s, wish->from), NO_LABEL };
    return first.node != MB_NO_NODE && add_label(s, first);
}

bool mb_graph_cheapest_within(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits,
                              double *cost)
{
    search s;
    uint32_t found;
    if (!start(&s, g, wish))
        return mb_reader_no_memory(g->reader);
    if (!run(&s, &found))
        return false;
    *cost = found == NO_LABEL ? 0 : label_at(&s, found)->cost.sum;
    for (; found != NO_LABEL; found = label_at(&s, found)->parent) {
        const label *way = label_at(&s, found);
        if (!mb_hits_add(hits, s.set.keys[way->node], 0, -(double)way->cost.edges, 0))
            return mb_reader_no_memory(g->reader);
    }
    return true;
}
