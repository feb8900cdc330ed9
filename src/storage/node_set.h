// The nodes that a walk through the property graph has met, numbered as they were met.
#ifndef MB_STORAGE_NODE_SET_H
#define MB_STORAGE_NODE_SET_H

#include "kernel/buffer.h"
#include "storage/arena.h"

// The number of no node.
#define MB_NO_NODE UINT32_MAX

// A place of the hash table.
typedef struct mb_node_slot {
    uint32_t low;   // bits of the key
    uint32_t taken; // the node's number plus one; 0: free
} mb_node_slot;

typedef struct mb_node_set {
    mb_arena *arena;     // where its memory comes from
    int64_t *keys;       // by number
    size_t count;        // how many nodes
    mb_node_slot *slots; // hash table
    unsigned bits;       // its size is two to this; 0: none yet
    bool wide;           // some key has bits that a slot does not hold
} mb_node_set;

MB_HIDDEN_BEGIN

// Makes an empty set.
void mb_node_set_init(mb_node_set *set, mb_arena *arena);

// The number of a node; MB_NO_NODE when it is not in the set.
uint32_t mb_node_set_find(const mb_node_set *set, int64_t key);

// The number of a node, which is put into the set if it is not there: then it is the set's
// former count. MB_NO_NODE when memory runs out.
uint32_t mb_node_set_add(mb_node_set *set, int64_t key);

// Gives the memory back.
void mb_node_set_free(mb_node_set *set);

MB_HIDDEN_END

#endif
