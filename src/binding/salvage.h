// The salvage userdata: a damaged file that is held, and whose rows can be taken out.
#ifndef MB_BINDING_SALVAGE_H
#define MB_BINDING_SALVAGE_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// core.salvage and core.salvage_rows.
extern const luaL_Reg mbL_salvage_functions[];

// Creates the metatable; 'vm' is the stack index of the VM's state.
void mbL_open_salvage(lua_State *L, int vm);

MB_HIDDEN_END

#endif
