// JSON text to Lua values and back. null is the lightuserdata NULL, as in lua-cjson and
// OpenResty. The rules of fidelity are those of the public API: what goes in comes out, or is
// refused.
#ifndef MB_BINDING_JSON_H
#define MB_BINDING_JSON_H

#include "binding/compat.h"
#include "binding/vm.h"
#include "kernel/buffer.h"
#include "kernel/codes.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Pushes the value of a JSON text and returns true; or pushes nothing, fills in `err`
// (MB_SERIALIZATION, the message telling the byte; MB_INTERNAL when the Lua stack is full) and
// returns false. `text` must stay where it is meanwhile. Uses vm->unescaped, never vm->scratch.
// May raise only Lua's memory error.
bool mbL_json_decode(lua_State *L, mbL_vm *vm, const char *text, size_t length, mb_error *err);

// The same for a caller that is going to add `room` fields to the value: where it is an object,
// its table need not grow for them.
bool mbL_json_decode_roomy(lua_State *L, mbL_vm *vm, const char *text, size_t length, int room,
                           mb_error *err);

// Appends the JSON text of the value at `idx` to `out`, which may be vm->scratch. On failure
// fills in `err` (MB_SERIALIZATION), its field being the path below the value, such as
// ".outer[1].x", and leaves `out` as long as before. May raise only Lua's memory error, also
// for `out`.
bool mbL_json_encode(lua_State *L, mbL_vm *vm, int idx, mb_buffer *out, mb_error *err);

// encode, decode, array, array_metatable: functions of the core, to be registered with the vm
// as their one upvalue.
extern const luaL_Reg mbL_json_functions[];

MB_HIDDEN_END

#endif
