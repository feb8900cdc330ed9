// The transaction userdata: an explicit transaction or a savepoint inside one.
#ifndef MB_BINDING_TRANSACTION_H
#define MB_BINDING_TRANSACTION_H

#include "binding/compat.h"
#include "storage/connection.h"

MB_HIDDEN_BEGIN

// core.finish.
extern const luaL_Reg mbL_transaction_functions[];

// Opens a level for the running coroutine and pushes its userdata; or pushes nil
// and the error. 'timeout' in ms (negative: the connection's). A 'managed' one is
// ended by core.finish only, not by its user.
int mbL_transaction_begin(lua_State *L, mb_connection *connection, int timeout, bool managed);

// Ends the one at 'idx': returns true, or nil and the error (MB_CLOSED when it
// has ended already).
int mbL_transaction_leave(lua_State *L, int idx, bool keep);

// Creates the metatable; 'vm' is the stack index of the VM's state.
void mbL_open_transaction(lua_State *L, int vm);

MB_HIDDEN_END

#endif
