// Embedding without a model, for Lua.
#ifndef MB_BINDING_EMBED_H
#define MB_BINDING_EMBED_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// embed_hash: functions of the core, to be registered with the vm as their one upvalue.
extern const luaL_Reg mbL_embed_functions[];

MB_HIDDEN_END

#endif
