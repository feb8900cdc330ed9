// The edges of the property graph (table graph_edges), node by node. Names of nodes and
// relations are numbers here. Times are stored one later from 1970 on, so that 0 is free to
// stand for none.
#ifndef MB_STORAGE_GRAPH_EDGES_H
#define MB_STORAGE_GRAPH_EDGES_H

#include "storage/arena.h"
#include "storage/reader.h"

// Which end of an edge a walk enters it by. The two of both can be or-ed.
typedef enum mb_direction {
    MB_OUT = 1, // from its beginning to its end
    MB_IN = 2,
    MB_BOTH = 3
} mb_direction;

// In place of the number of a relation.
enum { MB_ANY_RELATION = 0, MB_NO_RELATION = -1 };

// Decides about the edge in the reader's present row, whose columns are those of a full edge;
// see graph_edges.c. False with the reader's error filled when it cannot.
typedef bool (*mb_judge)(void *judge, mb_reader *r, bool *accepted);

// Which edges are followed.
typedef struct mb_way {
    mb_direction direction;
    int64_t relation; // or MB_ANY_RELATION, MB_NO_RELATION
    mb_judge accept;  // NULL: all
    void *judge;      // for it
} mb_way;

// The graph as one call sees it.
typedef struct mb_graph {
    mb_reader *reader; // what it is read through; its error says why a call gave false
    mb_arena *arena;   // of the call
    int64_t scope;     // whose edges
    bool timed;        // only those valid at a time
    int64_t at;        // that time, as it would be stored
} mb_graph;

// The edges of one node being read, each with the node at its other end.
typedef struct mb_edges {
    const mb_graph *graph;
    const mb_way *way;
    int64_t node;     // whose edges
    unsigned left;    // directions still to be read
    bool open;        // one is being read
    bool second;      // of both directions the second is being read
    int64_t other;    // node at the other end of the present edge
    int64_t relation; // of the present edge
    double weight;    // of the present edge
} mb_edges;

// Columns of a full edge, behind those that every statement here gives.
enum {
    MB_EDGE_WEIGHT = 2,
    MB_EDGE_SINCE,
    MB_EDGE_UNTIL,
    MB_EDGE_FROM,
    MB_EDGE_REL,
    MB_EDGE_TO,
    MB_EDGE_SOURCE,
    MB_EDGE_DATA
};

MB_HIDDEN_BEGIN

// Finds the number of a node or of a relation by its name; 0 when the graph has none.
bool mb_graph_node(const mb_graph *g, const char *name, size_t length, int64_t *key);
bool mb_graph_relation(const mb_graph *g, const char *name, size_t length, int64_t *key);

// Whether a node has an edge, at the graph's time if it has one.
bool mb_graph_has(const mb_graph *g, int64_t node, bool *found);

// Begins to read the edges of a node: those that leave it, then those that arrive, in the order
// of relations and nodes. A loop is given once.
void mb_edges_of(mb_edges *e, const mb_graph *g, const mb_way *way, int64_t node);

// The next edge: true when there is one. The reader is good unless something went wrong.
bool mb_edges_next(mb_edges *e);

MB_HIDDEN_END

// A time as edges store it.
static inline int64_t mb_edge_time(int64_t time)
{
    return time + (time >= 0);
}

#endif
