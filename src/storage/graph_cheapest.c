#include "storage/cost_heap.h"
#include "storage/graph_path.h"
#include "storage/node_set.h"

// The cheapest way to a node, as far as is known.
typedef struct known {
    mb_cost cost;
    double weight;   // of its last edge
    uint32_t parent; // the node before
    bool settled;    // there is no cheaper one
} known;

// A search from one end, cheapest ways first.
typedef struct side {
    mb_way way;
    mb_node_set set;
    mb_buffer nodes;   // known, by number
    mb_cost_heap heap; // of numbers
} side;

// The cheapest way from end to end so far.
typedef struct meeting {
    mb_cost cost;
    uint32_t
        from; // the node where the two sides meet, as each knows it; MB_NO_NODE: nowhere yet
    uint32_t to;
} meeting;

static known *node_at(const side *s, uint32_t number)
{
    return (known *)(void *)s->nodes.data + number;
}

// Notes a way to a node if it is the cheapest yet. Gives the number of the node, or MB_NO_NODE
// when memory runs out.
static uint32_t note(side *s, int64_t node, known way)
{
    size_t count = s->set.count;
    uint32_t number = mb_node_set_add(&s->set, node);
    if (number == MB_NO_NODE)
        return number;
    if (number == count)
        mb_buffer_append(&s->nodes, &way, sizeof way);
    else if (mb_cost_less(way.cost, node_at(s, number)->cost))
        *node_at(s, number) = way;
    else
        return number;
    bool good =
        !s->nodes.failed && mb_cost_heap_push(&s->heap, (mb_cost_entry){ way.cost, number });
    return good ? number : MB_NO_NODE;
}

static bool begin(side *s, const mb_graph *g, const mb_way *way, int64_t node)
{
    *s = (side){ .way = *way };
    mb_node_set_init(&s->set, g->arena);
    mb_buffer_init(&s->nodes, mb_arena_allocator(g->arena));
    mb_cost_heap_init(&s->heap, g->arena);
    known start = { .parent = MB_NO_NODE };
    return note(s, node, start) != MB_NO_NODE || mb_reader_no_memory(g->reader);
}

// Takes entries away that a cheaper way has made void.
static void skip_settled(side *s)
{
    while (s->heap.count > 0 && node_at(s, mb_cost_heap_top(&s->heap)->item)->settled)
        mb_cost_heap_pop(&s->heap);
}

// Looks whether a node that one side knows is known to the other too, and leads to a cheaper
// way than the one so far.
static void meet(const side *s, const side *other, uint32_t number, bool forward, meeting *m)
{
    uint32_t there = mb_node_set_find(&other->set, s->set.keys[number]);
    if (there == MB_NO_NODE)
        return;
    mb_cost cost = mb_cost_add(node_at(s, number)->cost, node_at(other, there)->cost);
    if (m->from == MB_NO_NODE || mb_cost_less(cost, m->cost))
        *m = (meeting){ cost, forward ? number : there, forward ? there : number };
}

// Settles the next node of a side, and looks at what is around it.
static bool advance(const mb_graph *g, side *s, const side *other, bool forward, meeting *m)
{
    uint32_t number = mb_cost_heap_pop(&s->heap).item;
    mb_cost here = node_at(s, number)->cost;
    mb_edges e;
    node_at(s, number)->settled = true;
    mb_edges_of(&e, g, &s->way, s->set.keys[number]);
    while (mb_edges_next(&e)) {
        mb_cost cost = mb_cost_add(here, (mb_cost){ e.weight, 1 });
        uint32_t next = note(s, e.other, (known){ cost, e.weight, number, false });
        if (next == MB_NO_NODE)
            return mb_reader_no_memory(g->reader);
        meet(s, other, next, forward, m);
    }
    return mb_reader_good(g->reader);
}

// Whether nothing cheaper can be found any more.
static bool is_over(side *from, side *to, const meeting *m)
{
    skip_settled(from);
    skip_settled(to);
    if (from->heap.count == 0 || to->heap.count == 0)
        return true;
    mb_cost least =
        mb_cost_add(mb_cost_heap_top(&from->heap)->cost, mb_cost_heap_top(&to->heap)->cost);
    return m->from != MB_NO_NODE && !mb_cost_less(least, m->cost);
}

// Appends the way, and adds its weights up from its beginning.
static bool add_way(const side *from, const side *to, const meeting *m, mb_hits *hits,
                    double *cost)
{
    double place = node_at(from, m->from)->cost.edges;
    *cost = node_at(from, m->from)->cost.sum;
    for (uint32_t at = m->from; at != MB_NO_NODE; at = node_at(from, at)->parent) {
        if (!mb_hits_add(hits, from->set.keys[at], 0, -(double)node_at(from, at)->cost.edges,
                         0))
            return false;
    }
    for (uint32_t at = m->to; node_at(to, at)->parent != MB_NO_NODE;) {
        *cost += node_at(to, at)->weight;
        at = node_at(to, at)->parent;
        place++;
        if (!mb_hits_add(hits, to->set.keys[at], 0, -place, 0))
            return false;
    }
    return true;
}

bool mb_graph_cheapest(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits, double *cost)
{
    side from, to;
    meeting m = { .from = MB_NO_NODE };
    mb_way back = mb_way_back(&wish->way);
    if (!begin(&from, g, &wish->way, wish->from) || !begin(&to, g, &back, wish->to))
        return false;
    meet(&from, &to, 0, true, &m);
    while (!is_over(&from, &to, &m)) {
        bool forward = from.heap.count <= to.heap.count;
        if (!advance(g, forward ? &from : &to, forward ? &to : &from, forward, &m))
            return false;
    }
    return m.from == MB_NO_NODE || add_way(&from, &to, &m, hits, cost) ||
           mb_reader_no_memory(g->reader);
}
