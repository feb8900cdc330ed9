// Personalised PageRank over the property graph: how often a walk is at each node that follows
// outgoing edges, likelier over heavier ones, and now and then begins again at one of some
// nodes.
#ifndef MB_STORAGE_GRAPH_RANK_H
#define MB_STORAGE_GRAPH_RANK_H

#include "storage/graph_hits.h"

MB_HIDDEN_BEGIN

// Finds the nodes that such walks come to from `seeds`, each given once, with how often: the
// sum is 1. `alpha`, from above 0 to 1, is how often one begins again; where no edge leads on
// it does too.
bool mb_graph_rank(const mb_graph *g, const int64_t *seeds, size_t count, double alpha,
                   mb_hits *hits);

MB_HIDDEN_END

#endif
