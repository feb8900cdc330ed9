// Walks through the property graph: a node's neighbours, and steps from nodes to nodes, each
// along one kind of edges, once or breadth first.
#ifndef MB_STORAGE_GRAPH_WALK_H
#define MB_STORAGE_GRAPH_WALK_H

#include "storage/graph_hits.h"

typedef struct mb_step {
    mb_way way;
    bool deep;   // breadth first, edge after edge; else over exactly one
    int64_t min; // of a deep one: how many edges lie between the nodes before it and after it
    int64_t max;
} mb_step;

// A node on the way.
typedef struct mb_visit {
    int64_t node;
    int64_t edges; // from where the step began
    int64_t total; // from the beginning
} mb_visit;

MB_HIDDEN_BEGIN

// Finds one hit for each edge of a node, ordered and valued by its weight.
bool mb_graph_neighbors(const mb_graph *g, const mb_way *way, int64_t node, mb_hits *hits);

// Finds where steps lead to from some nodes, each of which is given once: one hit for each
// node, valued by how many edges lie between, the nearest first. So many of the nearest as
// `limit` says are enough.
bool mb_graph_walk(const mb_graph *g, mb_visit *nodes, size_t count, const mb_step *steps,
                   size_t step_count, int64_t limit, mb_hits *hits);

MB_HIDDEN_END

#endif
