// How a Lua table says that it is a JSON array: by its metatable. Ours is the mark; those of
// lua-cjson, once it is loaded, and others that were registered are understood as well.
#ifndef MB_BINDING_JSON_MARKS_H
#define MB_BINDING_JSON_MARKS_H

#include "binding/compat.h"
#include "binding/vm.h"
#include "kernel/common.h"

typedef enum mbL_mark {
    MBL_UNMARKED,   // says nothing
    MBL_EMPTY_MARK, // an array if the table is empty
    MBL_ARRAY_MARK  // an array
} mbL_mark;

MB_HIDDEN_BEGIN

// Makes the mark and keeps it in `vm`. For mbL_vm_new alone.
void mbL_marks_setup(lua_State *L, mbL_vm *vm);

// Pushes the metatable that marks a table as an array.
void mbL_marks_push(lua_State *L, const mbL_vm *vm);

// What the metatable on top of the stack says, which is popped. Needs six stack slots.
mbL_mark mbL_marks_of(lua_State *L, mbL_vm *vm);

// Whether a light userdata is lua-cjson's empty array. Needs six stack slots.
bool mbL_marks_empty_array(lua_State *L, mbL_vm *vm, const void *light);

// core.array(t): marks t as an array and returns it. Raises for a table with another metatable.
int mbL_array(lua_State *L);

// core.array_metatable([mt]): makes mt, if given, a further mark; returns the metatable that
// core.array sets.
int mbL_array_metatable(lua_State *L);

MB_HIDDEN_END

#endif
