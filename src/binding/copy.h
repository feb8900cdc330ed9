// Copies of databases for Lua.
#ifndef MB_BINDING_COPY_H
#define MB_BINDING_COPY_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// core.copy.
extern const luaL_Reg mbL_copy_functions[];

// Creates the metatable of copies; called once per VM.
void mbL_open_copy(lua_State *L, int vm);

MB_HIDDEN_END

#endif
