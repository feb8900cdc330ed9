#include "storage/graph_edges.h"

static const char NODE[] = "SELECT key FROM graph_nodes WHERE scope = $scope AND name = $name";
static const char RELATION[] =
    "SELECT key FROM graph_relations WHERE scope = $scope AND name = $name";

#define EDGE ", rel, weight, since, until FROM graph_edges WHERE scope = $scope AND "

static const char OUT[] = "SELECT dst" EDGE "src = $node";
static const char OUT_REL[] = "SELECT dst" EDGE "src = $node AND rel = $rel";
static const char IN[] = "SELECT src" EDGE "dst = $node";
static const char IN_REL[] = "SELECT src" EDGE "dst = $node AND rel = $rel";

// Edges with all that belongs to them.
#define FULL_EDGE                                                                              \
    ", e.rel, e.weight, e.since, e.until, s.name, r.name, d.name, x.source, x.data"            \
    " FROM graph_edges e"                                                                      \
    " LEFT JOIN graph_nodes s ON s.key = e.src LEFT JOIN graph_relations r ON r.key = e.rel"   \
    " LEFT JOIN graph_nodes d ON d.key = e.dst LEFT JOIN graph_details x ON x.key = e.detail"  \
    " WHERE e.scope = $scope AND "

static const char FULL_OUT[] = "SELECT e.dst" FULL_EDGE "e.src = $node";
static const char FULL_OUT_REL[] = "SELECT e.dst" FULL_EDGE "e.src = $node AND e.rel = $rel";
static const char FULL_IN[] = "SELECT e.src" FULL_EDGE "e.dst = $node";
static const char FULL_IN_REL[] = "SELECT e.src" FULL_EDGE "e.dst = $node AND e.rel = $rel";

// By fullness, direction (in or not) and relation (given or not).
static const char *const EDGES[2][2][2] = {
    { { OUT, OUT_REL }, { IN, IN_REL } },
    { { FULL_OUT, FULL_OUT_REL }, { FULL_IN, FULL_IN_REL } },
};

static bool find_name(const mb_graph *g, const char *sql, const char *name, size_t length,
                      int64_t *key)
{
    mb_reader *r = g->reader;
    *key = 0;
    if (!mb_reader_use(r, sql))
        return false;
    mb_reader_bind(r, 1, g->scope);
    mb_reader_bind_text(r, 2, name, length);
    if (mb_reader_row(r))
        *key = mb_reader_integer(r, 0);
    return mb_reader_good(r);
}

bool mb_graph_node(const mb_graph *g, const char *name, size_t length, int64_t *key)
{
    return find_name(g, NODE, name, length, key);
}

bool mb_graph_relation(const mb_graph *g, const char *name, size_t length, int64_t *key)
{
    return find_name(g, RELATION, name, length, key);
}

bool mb_graph_has(const mb_graph *g, int64_t node, bool *found)
{
    static const mb_way all = { .direction = MB_BOTH };
    mb_edges e;
    mb_edges_of(&e, g, &all, node);
    *found = mb_edges_next(&e);
    return mb_reader_good(g->reader);
}

void mb_edges_of(mb_edges *e, const mb_graph *g, const mb_way *way, int64_t node)
{
    *e = (mb_edges){ .graph = g, .way = way, .node = node };
    e->left = way->relation == MB_NO_RELATION ? 0 : (unsigned)way->direction;
}

// Puts the statement for the next direction to use; false when none is left.
static bool open_next(mb_edges *e)
{
    mb_reader *r = e->graph->reader;
    const mb_way *way = e->way;
    if (e->left == 0)
        return false;
    bool in = (e->left & MB_OUT) == 0, related = way->relation != MB_ANY_RELATION;
    e->left &= in ? 0u : (unsigned)MB_IN;
    e->second = in && way->direction == MB_BOTH;
    if (!mb_reader_use(r, EDGES[way->accept != NULL][in][related]))
        return false;
    mb_reader_bind(r, 1, e->graph->scope);
    mb_reader_bind(r, 2, e->node);
    if (related)
        mb_reader_bind(r, 3, way->relation);
    e->open = true;
    return true;
}

static bool is_valid(const mb_edges *e, const mb_reader *r)
{
    int64_t since, until, at = e->graph->at;
    if (!e->graph->timed)
        return true;
    since = mb_reader_integer(r, MB_EDGE_SINCE);
    until = mb_reader_integer(r, MB_EDGE_UNTIL);
    return (since == 0 || since <= at) && (until == 0 || until > at);
}

// Whether the present row is an edge to be followed.
static bool take(mb_edges *e, mb_reader *r)
{
    bool accepted = true;
    e->other = mb_reader_integer(r, 0);
    if ((e->second && e->other == e->node) || !is_valid(e, r))
        return false;
    e->relation = mb_reader_integer(r, 1);
    e->weight = mb_reader_number(r, MB_EDGE_WEIGHT);
    if (e->way->accept == NULL)
        return true;
    return e->way->accept(e->way->judge, r, &accepted) && accepted;
}

bool mb_edges_next(mb_edges *e)
{
    mb_reader *r = e->graph->reader;
    do {
        while (e->open && mb_reader_row(r)) {
            if (take(e, r))
                return true;
        }
        e->open = false;
    } while (mb_reader_good(r) && open_next(e));
    return false;
}
