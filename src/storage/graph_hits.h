// Nodes that a call on the property graph found, on their way to names and to an order: by what
// the call ranks them by, then by name, then by the name of the relation.
#ifndef MB_STORAGE_GRAPH_HITS_H
#define MB_STORAGE_GRAPH_HITS_H

#include "kernel/buffer.h"
#include "storage/graph_edges.h"

// No limit.
#define MB_ALL (-1)

// A name: first where it begins among all, then, with the last one read, itself.
typedef struct mb_graph_name {
    union {
        size_t at;
        const char *bytes;
    } text;
    size_t length;
} mb_graph_name;

typedef struct mb_relation {
    int64_t key;
    mb_graph_name name;
} mb_relation;

typedef struct mb_hit {
    int64_t node;
    double order;                  // greater ones come first
    double value;                  // what the caller gets
    uint64_t head;                 // the first bytes of the name, as a number
    mb_graph_name name;            // of the node
    size_t met;                    // the relation's place among all; of no meaning without
    const mb_graph_name *relation; // its name in the end, or NULL
} mb_hit;

// The arrays belong to the arena.
typedef struct mb_hits {
    mb_hit *items;
    size_t count;
    mb_relation *relations;
    size_t relation_count;
    int64_t limit;   // how many are wanted, or MB_ALL
    size_t enough;   // when so many are there, those that are not wanted go
    mb_buffer found; // where the items are
    mb_buffer met;   // where the relations are
    mb_buffer text;  // where the names are
} mb_hits;

MB_HIDDEN_BEGIN

// Makes an empty list, of which the first `limit` are wanted; all where that is MB_ALL.
void mb_hits_init(mb_hits *hits, mb_arena *arena, int64_t limit);

// Appends a node. `relation` is 0 where there is none to tell of. False when memory runs out.
bool mb_hits_add(mb_hits *hits, int64_t node, int64_t relation, double order, double value);

// Finds the names and puts the hits that are wanted in order. False with the reader failed.
bool mb_hits_finish(mb_hits *hits, mb_reader *r);

MB_HIDDEN_END

#endif
