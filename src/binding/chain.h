// Chains as Lua sees them; see storage/chain.h.
#ifndef MB_BINDING_CHAIN_H
#define MB_BINDING_CHAIN_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

// core.chain_path and core.chain_holder.
extern const luaL_Reg mbL_chain_functions[];

MB_HIDDEN_END

#endif
