// Vectors: numbers to bytes and back, and what the connection does with collections of them.
// The rows of ids and metadata are Lua's business (lua/moonbase/vector_rows.lua).
#ifndef MB_BINDING_VECTORS_H
#define MB_BINDING_VECTORS_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// core.vector, core.vector_numbers.
extern const luaL_Reg mbL_vector_functions[];

// Methods of a connection; see there.
int mbL_vectors_put(lua_State *L);
int mbL_vectors_remove(lua_State *L);
int mbL_vectors_search(lua_State *L);
int mbL_vectors_cache(lua_State *L);

MB_HIDDEN_END

#endif
