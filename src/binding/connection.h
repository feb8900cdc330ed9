// The connection userdata.
#ifndef MB_BINDING_CONNECTION_H
#define MB_BINDING_CONNECTION_H

#include "binding/compat.h"
#include "storage/connection.h"

MB_HIDDEN_BEGIN

// core.open and core.canonical_path.
extern const luaL_Reg mbL_connection_functions[];

// Creates the metatable; 'vm' is the stack index of the VM's state.
void mbL_open_connection(lua_State *L, int vm);

MB_HIDDEN_END

#endif
