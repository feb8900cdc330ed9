#include "storage/graph_path.h"
#include "storage/node_set.h"

// The number of no label.
#define NO_LABEL UINT32_MAX

// A way to a node. A node has several while it is not known which is the best; with a limit of
// edges a dearer one with fewer edges may be what leads on.
typedef struct label {
    double cost;
    uint32_t edges;
    uint32_t node;   // number of the node
    uint32_t parent; // label that it goes on from
} label;

// What is known of a node.
typedef struct best {
    double cost;      // of the cheapest label so far, and its edges
    uint32_t edges;   // of that one
    uint32_t settled; // edges of the label settled last, UINT32_MAX before
} best;

typedef struct search {
    const mb_graph *graph;
    const mb_path_wish *wish;
    mb_node_set set;
    mb_buffer bests;  // by number of the node
    mb_buffer labels; // all that were made
    mb_buffer heap;   // labels not looked at yet, the best on top
    size_t waiting;   // how many
} search;

static label *label_at(const search *s, uint32_t i)
{
    return (label *)(void *)s->labels.data + i;
}

static best *best_at(const search *s, uint32_t i)
{
    return (best *)(void *)s->bests.data + i;
}

static uint32_t *heap_of(const search *s)
{
    return (uint32_t *)(void *)s->heap.data;
}

// Whether one label is looked at before another.
static bool before(const search *s, uint32_t a, uint32_t b)
{
    const label *one = label_at(s, a), *other = label_at(s, b);
    if (one->cost != other->cost)
        return one->cost < other->cost;
    if (one->edges != other->edges)
        return one->edges < other->edges;
    return a < b;
}

static bool push(search *s, uint32_t added)
{
    mb_buffer_append(&s->heap, &added, sizeof added);
    if (s->heap.failed)
        return false;
    uint32_t *heap = heap_of(s);
    size_t i = s->waiting++;
    for (; i > 0 && before(s, added, heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = added;
    return true;
}

static uint32_t pop(search *s)
{
    uint32_t *heap = heap_of(s), top = heap[0], last = heap[--s->waiting];
    size_t i = 0, child;
    s->heap.length -= sizeof last;
    while ((child = 2 * i + 1) < s->waiting) {
        if (child + 1 < s->waiting && before(s, heap[child + 1], heap[child]))
            child++;
        if (!before(s, heap[child], last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

// The number of a node, which is new or known.
static uint32_t number_of(search *s, int64_t node)
{
    static const best unknown = { 0, UINT32_MAX, UINT32_MAX };
    size_t count = s->set.count;
    uint32_t number = mb_node_set_add(&s->set, node);
    if (number == count)
        mb_buffer_append(&s->bests, &unknown, sizeof unknown);
    return s->bests.failed ? MB_NO_NODE : number;
}

// Whether a way is no better than one that is known: neither cheaper nor shorter.
static bool is_hopeless(const search *s, const best *known, const label *way)
{
    if (known->edges == UINT32_MAX)
        return false;
    if (known->settled != UINT32_MAX && way->edges >= known->settled)
        return true;
    if (way->cost != known->cost)
        return way->cost > known->cost &&
               (way->edges >= known->edges || s->wish->max == INT64_MAX);
    return way->edges >= known->edges;
}

static bool add_label(search *s, label way)
{
    best *known = best_at(s, way.node);
    if (is_hopeless(s, known, &way))
        return true;
    if (known->edges == UINT32_MAX || way.cost <= known->cost) {
        known->cost = way.cost;
        known->edges = way.edges;
    }
    size_t count = s->labels.length / sizeof way;
    mb_buffer_append(&s->labels, &way, sizeof way);
    return !s->labels.failed && count < NO_LABEL && push(s, (uint32_t)count);
}

// Ways over each of the edges of the node that a label leads to.
static bool go_on(search *s, uint32_t from)
{
    mb_edges e;
    label start = *label_at(s, from);
    mb_edges_of(&e, s->graph, &s->wish->way, s->set.keys[start.node]);
    while (mb_edges_next(&e)) {
        label way = { start.cost + e.weight, start.edges + 1, number_of(s, e.other), from };
        if (way.node == MB_NO_NODE || !add_label(s, way))
            return mb_reader_no_memory(s->graph->reader);
    }
    return mb_reader_good(s->graph->reader);
}

// Looks at labels until one leads to the end; NO_LABEL when none does.
static bool run(search *s, uint32_t *found)
{
    *found = NO_LABEL;
    while (s->waiting > 0) {
        uint32_t next = pop(s);
        label way = *label_at(s, next);
        best *known = best_at(s, way.node);
        if (known->settled != UINT32_MAX &&
            (way.edges >= known->settled || s->wish->max == INT64_MAX))
            continue;
        known->settled = way.edges;
        if (s->set.keys[way.node] == s->wish->to) {
            *found = next;
            return true;
        }
        if ((int64_t)way.edges < s->wish->max && !go_on(s, next))
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
    mb_buffer_init(&s->heap, allocator);
    label first = { 0, 0, number_of(s, wish->from), NO_LABEL };
    return first.node != MB_NO_NODE && add_label(s, first);
}

bool mb_graph_cheapest_path(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits,
                            double *cost)
{
    search s;
    uint32_t found;
    if (!start(&s, g, wish))
        return mb_reader_no_memory(g->reader);
    if (!run(&s, &found))
        return false;
    *cost = found == NO_LABEL ? 0 : label_at(&s, found)->cost;
    for (; found != NO_LABEL; found = label_at(&s, found)->parent) {
        const label *way = label_at(&s, found);
        if (!mb_hits_add(hits, s.set.keys[way->node], 0, -(double)way->edges, 0))
            return mb_reader_no_memory(g->reader);
    }
    return true;
}
