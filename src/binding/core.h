// The Lua module moonbase.core.
#ifndef MB_BINDING_CORE_H
#define MB_BINDING_CORE_H

#include "binding/compat.h"
#include "kernel/common.h"

#define MB_VERSION "0.1.0"

// Opens the module; the one symbol that the library shows.
MB_EXPORT int luaopen_moonbase_core(lua_State *L);

#endif
