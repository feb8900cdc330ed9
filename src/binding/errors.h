// Errors as Lua sees them: a table with the fields code, message, retryable,
// and where they apply field and sqlite, that prints as one line.
#ifndef MB_BINDING_ERRORS_H
#define MB_BINDING_ERRORS_H

#include "binding/compat.h"
#include "kernel/codes.h"

MB_HIDDEN_BEGIN

// core.error and core.codes.
extern const luaL_Reg mbL_error_functions[];

// Pushes the error object for 'err'.
void mbL_push_error(lua_State *L, const mb_error *err);

// Pushes nil and the error object; returns 2, for a function to end with.
int mbL_fail(lua_State *L, const mb_error *err);

// Raises 'err'; does not return.
int mbL_raise(lua_State *L, const mb_error *err);

// Fills 'err' with a programmer's mistake with argument number 'arg'.
void mbL_blame(lua_State *L, mb_error *err, int arg, const char *format, ...) MB_PRINTF(4, 5);

// Raises the error of a programmer's mistake with argument number 'arg'.
int mbL_misuse(lua_State *L, int arg, const char *format, ...) MB_PRINTF(3, 4);

// Creates the metatable of error objects; called once per VM.
void mbL_open_errors(lua_State *L);

MB_HIDDEN_END

#endif
