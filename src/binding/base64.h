// Bytes as text and back.
#ifndef MB_BINDING_BASE64_H
#define MB_BINDING_BASE64_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// core.base64 and core.unbase64.
extern const luaL_Reg mbL_base64_functions[];

MB_HIDDEN_END

#endif
