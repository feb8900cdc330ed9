// Calls on the property graph of the store, methods of the connection userdata for the Lua
// layer, which has checked their arguments. Each is one walk from beginning to end, over one
// state of the file.
#ifndef MB_BINDING_PROPERTY_GRAPH_H
#define MB_BINDING_PROPERTY_GRAPH_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// All begin with (scope, at, limit): the time nil for any, the limit nil for none. Names are
// strings, `direction` is "out", "in" or "both", `rel` nil for any.

// connection:graph_neighbors(scope, at, limit, node, direction, rel): array of { node, rel,
// weight }
int mbL_graph_neighbors(lua_State *L);

// connection:graph_walk(scope, at, limit, nodes, steps): array of { node, distance }. A step is
// a table { direction, rel?, min?, max?, accept? }: breadth first where it has `min` and `max`,
// over the edges for which the function `accept` gives true.
int mbL_graph_walk(lua_State *L);

// connection:graph_path(scope, at, limit, from, to, direction, rel, max, weighted): array of
// names, and the cost; nil when there is no way
int mbL_graph_path(lua_State *L);

// connection:graph_rank(scope, at, limit, nodes, alpha): array of { node, score }
int mbL_graph_rank(lua_State *L);

// Creates the metatable of what a call keeps; 'vm' is the stack index of the VM's state.
void mbL_open_property_graph(lua_State *L, int vm);

MB_HIDDEN_END

#endif
