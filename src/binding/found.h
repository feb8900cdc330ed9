// What a query of chains or trees found, on its way to Lua: memory of SQLite's allocator inside
// a userdata, so that a Lua error leaks none of it.
#ifndef MB_BINDING_FOUND_H
#define MB_BINDING_FOUND_H

#include "binding/compat.h"
#include "storage/chain.h"
#include "storage/id_list.h"

typedef struct mbL_found {
    mb_id_list ids;
    mb_ranges ranges;
} mbL_found;

MB_HIDDEN_BEGIN

// Pushes an empty one.
mbL_found *mbL_found_new(lua_State *L);

// Gives its memory back at once.
void mbL_found_clear(mbL_found *found);

// Creates the metatable; called once per VM. 'vm' is the stack index of the VM's state.
void mbL_open_found(lua_State *L, int vm);

MB_HIDDEN_END

#endif
