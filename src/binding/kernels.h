// The kernel's small services for Lua: ids, hashes, compression, clocks.
#ifndef MB_BINDING_KERNELS_H
#define MB_BINDING_KERNELS_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// uuid7, sha256, compress, decompress, blob_names, now, monotonic, sleep: functions of the
// core, to be registered with the vm as their one upvalue.
extern const luaL_Reg mbL_kernel_functions[];

// Sets the fields zstd, sodium and lua of the table of versions at `idx`.
void mbL_kernel_versions(lua_State *L, int idx);

MB_HIDDEN_END

#endif
