// What all userdata types have in common.
#ifndef MB_BINDING_TYPES_H
#define MB_BINDING_TYPES_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// Creates the metatable of userdata type 'name'. 'vm' is the stack index of the
// VM's state, upvalue 1 of every function. The methods are reached through
// __index unless 'metamethods' has an __index of its own, which then finds them
// in its upvalue 2.
void mbL_new_type(lua_State *L, const char *name, int vm, const luaL_Reg *metamethods,
                  const luaL_Reg *methods);

MB_HIDDEN_END

#endif
