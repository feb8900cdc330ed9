#include "storage/graph_path.h"

#include "storage/node_set.h"

// A search breadth first from one end. Nodes are numbered as they were met, so those of one
// round follow each other.
typedef struct side {
    mb_way way;
    mb_node_set set;
    mb_buffer parents; // by number: the node it was met from
    size_t begun;      // where the last round begins
    int64_t depth;     // rounds so far
} side;

static bool add(side *s, int64_t node, uint32_t parent, uint32_t *number)
{
    size_t before = s->set.count;
    *number = mb_node_set_add(&s->set, node);
    if (*number == MB_NO_NODE)
        return false;
    if (s->set.count > before)
        mb_buffer_append(&s->parents, &parent, sizeof parent);
    return !s->parents.failed;
}

static bool begin(side *s, const mb_graph *g, const mb_way *way, int64_t node)
{
    uint32_t number;
    *s = (side){ .way = *way };
    mb_node_set_init(&s->set, g->arena);
    mb_buffer_init(&s->parents, mb_arena_allocator(g->arena));
    return add(s, node, MB_NO_NODE, &number) || mb_reader_no_memory(g->reader);
}

static size_t waiting(const side *s)
{
    return s->set.count - s->begun;
}

// The nodes around the one of a number; stops at the first that the other side knows.
static bool look_around(const mb_graph *g, side *s, const side *other, uint32_t from,
                        int64_t *meeting)
{
    mb_edges e;
    mb_edges_of(&e, g, &s->way, s->set.keys[from]);
    while (mb_edges_next(&e)) {
        uint32_t number;
        if (!add(s, e.other, from, &number))
            return mb_reader_no_memory(g->reader);
        if (number >= s->begun && mb_node_set_find(&other->set, e.other) != MB_NO_NODE) {
            *meeting = e.other;
            return true;
        }
    }
    return mb_reader_good(g->reader);
}

// One round. What one side knows in a round before, the other would have met before: so
// whatever they both know first lies on a shortest way.
static bool advance(const mb_graph *g, side *s, const side *other, int64_t *meeting)
{
    size_t end = s->set.count;
    size_t i = s->begun;
    s->begun = end;
    for (; i < end && *meeting == 0; i++) {
        if (!look_around(g, s, other, (uint32_t)i, meeting))
            return false;
    }
    s->depth++;
    return true;
}

static uint32_t parent_of(const side *s, uint32_t number)
{
    return ((const uint32_t *)(const void *)s->parents.data)[number];
}

// Appends the nodes from one of them to where its side began; `place` is that of the first one.
static bool add_way(const side *s, uint32_t number, int64_t place, int stride, mb_hits *hits)
{
    for (; number != MB_NO_NODE; number = parent_of(s, number), place += stride) {
        if (!mb_hits_add(hits, s->set.keys[number], 0, -(double)place, 0))
            return false;
    }
    return true;
}

// The node where they meet comes from the first half alone.
static bool add_both(const side *from, const side *to, int64_t meeting, mb_hits *hits)
{
    uint32_t here = mb_node_set_find(&from->set, meeting);
    uint32_t there = mb_node_set_find(&to->set, meeting);
    return add_way(from, here, 0, -1, hits) && add_way(to, parent_of(to, there), 1, 1, hits);
}

mb_way mb_way_back(const mb_way *way)
{
    mb_way back = *way;
    if (way->direction != MB_BOTH)
        back.direction = way->direction == MB_OUT ? MB_IN : MB_OUT;
    return back;
}

bool mb_graph_path(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits)
{
    side from, to;
    mb_way back = mb_way_back(&wish->way);
    int64_t meeting = wish->from == wish->to ? wish->from : 0;
    if (!begin(&from, g, &wish->way, wish->from) || !begin(&to, g, &back, wish->to))
        return false;
    while (meeting == 0 && from.depth + to.depth < wish->max && waiting(&from) > 0 &&
           waiting(&to) > 0) {
        bool forward = waiting(&from) <= waiting(&to);
        if (!advance(g, forward ? &from : &to, forward ? &to : &from, &meeting))
            return false;
    }
    if (meeting == 0)
        return true;
    return add_both(&from, &to, meeting, hits) || mb_reader_no_memory(g->reader);
}
