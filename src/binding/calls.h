// Running one statement: the connection's methods run, row, rows, value and
// values, which take its text and its arguments.
#ifndef MB_BINDING_CALLS_H
#define MB_BINDING_CALLS_H

#include "binding/compat.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// The number of rows changed.
int mbL_call_run(lua_State *L);

// The first row as a table, or its first column; nil when there is none.
int mbL_call_row(lua_State *L);
int mbL_call_value(lua_State *L);

// All rows, or their first columns, as an array.
int mbL_call_rows(lua_State *L);
int mbL_call_values(lua_State *L);

MB_HIDDEN_END

#endif
