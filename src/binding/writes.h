// What an open transaction has written: the connection's methods watch, record and written.
#ifndef MB_BINDING_WRITES_H
#define MB_BINDING_WRITES_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// connection:watch{table=, part=, scope=, shift=, fields={name, column...}}: true, or nil and
// the error. Columns are numbers from 0; see storage/write_set.h.
int mbL_writes_watch(lua_State *L);

// connection:record(): whether what the transaction writes from now on is recorded.
int mbL_writes_record(lua_State *L);

// connection:written(): what was, as JSON, and whether there was more; or nil and the error.
int mbL_writes_written(lua_State *L);

MB_HIDDEN_END

#endif
