// Edges of the property graph shown to a Lua function, which decides whether a walk takes them.
#ifndef MB_BINDING_GRAPH_EDGE_H
#define MB_BINDING_GRAPH_EDGE_H

#include "binding/vm.h"
#include "storage/graph_edges.h"

// Who decides.
typedef struct mbL_edge_judge {
    lua_State *L;
    mbL_vm *vm;
    int function;           // stack index of the Lua function
    mb_direction direction; // the edges are followed in, one of the two
} mbL_edge_judge;

MB_HIDDEN_BEGIN

// An mb_judge: calls the function of an mbL_edge_judge with the edge as a table { from, rel,
// to, weight, valid_from?, valid_to?, source?, data? }. What the function raises goes on.
bool mbL_judge_edge(void *judge, mb_reader *r, bool *accepted);

// Pushes a number that is stored as a float: as an integer where it is one.
void mbL_push_weight(lua_State *L, double weight);

MB_HIDDEN_END

#endif
