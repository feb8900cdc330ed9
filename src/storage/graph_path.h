// The shortest way between two nodes of the property graph, by the number of edges or by the
// sum of their weights.
#ifndef MB_STORAGE_GRAPH_PATH_H
#define MB_STORAGE_GRAPH_PATH_H

#include "storage/graph_hits.h"

typedef struct mb_path_wish {
    mb_way way;
    int64_t from;
    int64_t to;
    int64_t max; // edges at most
} mb_path_wish;

MB_HIDDEN_BEGIN

// Finds the way with the fewest edges: its nodes as hits in their order, none when there is no
// way. Of several such ways it is always the same.
bool mb_graph_path(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits);

// The same with the least sum of weights, and of those with the fewest edges; `cost` is the
// sum. How many edges there may be is not looked at by the first, which is quicker.
bool mb_graph_cheapest(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits,
                       double *cost);
bool mb_graph_cheapest_within(const mb_graph *g, const mb_path_wish *wish, mb_hits *hits,
                              double *cost);

// The way that leads back over the same edges.
mb_way mb_way_back(const mb_way *way);

MB_HIDDEN_END

#endif
