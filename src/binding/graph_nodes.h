// Nodes of a session as tables: methods of the graph userdata for the Lua layer.
#ifndef MB_BINDING_GRAPH_NODES_H
#define MB_BINDING_GRAPH_NODES_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// graph:read_path(id?): the nodes from a root to the one of that id, or to the leaf.
int mbL_graph_read_path(lua_State *L);

// graph:read(id): one node; nil when there is none.
int mbL_graph_read(lua_State *L);

// graph:read_inherited(first, last): those of the nodes that a fork inherited whose positions
// on their path lie between the two.
int mbL_graph_read_inherited(lua_State *L);

MB_HIDDEN_END

#endif
