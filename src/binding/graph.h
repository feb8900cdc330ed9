// Graphs: the userdata that answers queries. That of a session answers about its tree, ids in
// and ids out, and reads its nodes for the Lua layer; that of the store has its methods from
// the Lua layer (see property_graph.h). They are live: every call sees the present state.
#ifndef MB_BINDING_GRAPH_H
#define MB_BINDING_GRAPH_H

#include "binding/compat.h"
#include "storage/tree.h"

// One call.
typedef struct mbL_query {
    mb_connection *connection; // where it reads
    mb_session session;
    mb_reader reader; // open from mbL_query_open to mb_reader_close
    mb_tree tree;     // of the session
    char text[1024];  // what the session is known by
} mbL_query;

MB_HIDDEN_BEGIN

// core.session_graph, property_graph, graph_context, graph_methods.
extern const luaL_Reg mbL_graph_functions[];

// Reads the graph of argument 1, and puts its connection's handle in its place. Raises when the
// store is closed, or the transaction that the graph belongs to has ended.
void mbL_query_begin(lua_State *L, mbL_query *q);

// Begins to read. False, with the reader's error filled, when that cannot be. Nothing of Lua
// may run from here to mb_reader_close, unless protected.
bool mbL_query_open(lua_State *L, mbL_query *q);

// The text of a string argument; raises for another type, naming it.
const char *mbL_query_text(lua_State *L, int arg, const char *name, size_t *length);

// Creates the metatable; 'vm' is the stack index of the VM's state.
void mbL_open_graph(lua_State *L, int vm);

MB_HIDDEN_END

#endif
