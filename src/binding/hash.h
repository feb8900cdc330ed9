// Hashes of bytes that come in pieces: the userdata of core.sha256_stream.
#ifndef MB_BINDING_HASH_H
#define MB_BINDING_HASH_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// sha256_stream: a function of the core, to be registered with the vm as its one upvalue.
extern const luaL_Reg mbL_hash_functions[];

// Creates the metatable; called once per VM. 'vm' is the stack index of the VM's state.
void mbL_open_hash(lua_State *L, int vm);

MB_HIDDEN_END

#endif
