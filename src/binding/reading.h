// A closer reading of texts for Lua.
#ifndef MB_BINDING_READING_H
#define MB_BINDING_READING_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// read_closely: functions of the core, to be registered with the vm as their one upvalue.
extern const luaL_Reg mbL_reading_functions[];

MB_HIDDEN_END

#endif
