// The method of connections that wipes what deleted rows left; see storage/wipe.h.
#ifndef MB_BINDING_WIPE_H
#define MB_BINDING_WIPE_H

#include "binding/compat.h"

MB_HIDDEN_BEGIN

int mbL_wipe(lua_State *L);

MB_HIDDEN_END

#endif
