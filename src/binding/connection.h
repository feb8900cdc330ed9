// The connection userdata.
#ifndef MB_BINDING_CONNECTION_H
#define MB_BINDING_CONNECTION_H

#include "binding/compat.h"
#include "storage/connection.h"

MB_HIDDEN_BEGIN

// core.open and core.canonical_path.
extern const luaL_Reg mbL_connection_functions[];

// The open connection of argument 1; raises when it is closed.
mb_connection *mbL_check_connection(lua_State *L);

// Where every call from Lua begins: true when the connection may be used by this
// process, else fills 'err' (MB_FORKED). A finalizer may come in the middle of
// another call on the same connection; then it is refused (MB_BUSY). A caller whose
// transaction was rolled back by somebody else is told so (MB_TIMEOUT).
bool mbL_connection_check(lua_State *L, mb_connection *connection, mb_error *err);

// To be called before a file is opened: a process that a fork made must not count on locks that
// its parent has.
void mbL_before_open(lua_State *L);

// Creates the metatable; 'vm' is the stack index of the VM's state.
void mbL_open_connection(lua_State *L, int vm);

MB_HIDDEN_END

#endif
