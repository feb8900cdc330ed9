#include "binding/json.h"

#include <stdio.h>

#include "binding/errors.h"
#include "binding/json_marks.h"

// Puts the name of the document before the path below it.
static void name_field(mb_error *err, const char *name)
{
    char path[sizeof err->field + sizeof err->field];
    int length = snprintf(path, sizeof path, "%s%s", name, err->field);
    size_t kept = length < 0 ? 0 : (size_t)length;
    mb_error_set_field(err, path, kept < sizeof path ? kept : sizeof path - 1);
}

// Leaves the JSON text of argument 1 in the scratch buffer. False, with the error in `err`,
// when it has none; argument 2 names it there.
static bool encode_argument(lua_State *L, mbL_vm *vm, mb_error *err)
{
    luaL_checkany(L, 1);
    const char *name = luaL_optstring(L, 2, "value");
    mb_buffer_clear(&vm->scratch);
    if (mbL_json_encode(L, vm, 1, &vm->scratch, err)) {
        return true;
    }
    name_field(err, name);
    mbL_vm_trim(vm);
    return false;
}

// core.encode(value, [name]): the JSON text; or nil and an error whose field begins with the
// name.
static int json_encode(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    mb_error err;
    if (!encode_argument(L, vm, &err)) {
        return mbL_fail(L, &err);
    }
    lua_pushlstring(L, vm->scratch.data, vm->scratch.length);
    mbL_vm_trim(vm);
    return 1;
}

// core.canonical(value, [name]): the text that all equal documents have, and, when decoding it
// would give back other types of numbers, what core.encode gives; or nil and an error as there.
static int json_canonical(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    mb_json_canonical *form = &vm->canonical;
    mb_error err;
    if (!encode_argument(L, vm, &err)) {
        return mbL_fail(L, &err);
    }
    const char *problem =
        mb_json_canonicalize(form, vm->scratch.data, vm->scratch.length, &vm->unescaped);
    if (form->text.failed) {
        mbL_vm_trim(vm);
        return luaL_error(L, "not enough memory");
    }
    if (problem != NULL) {
        mbL_vm_trim(vm);
        mb_error_set(&err, MB_INTERNAL, 0, "the JSON writer wrote %s", problem);
        return mbL_fail(L, &err);
    }
    lua_pushlstring(L, form->text.data, form->text.length);
    if (form->reduced) {
        lua_pushlstring(L, vm->scratch.data, vm->scratch.length);
    }
    int results = form->reduced ? 2 : 1;
    mbL_vm_trim(vm);
    return results;
}

// core.decode(text): the value; or nil and an error.
static int json_decode(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    mb_error err;
    size_t length;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &length);
    bool decoded = mbL_json_decode(L, vm, text, length, &err);
    mbL_vm_trim(vm);
    return decoded ? 1 : mbL_fail(L, &err);
}

const luaL_Reg mbL_json_functions[] = { { "encode", json_encode },
                                        { "canonical", json_canonical },
                                        { "decode", json_decode },
                                        { "array", mbL_array },
                                        { "array_metatable", mbL_array_metatable },
                                        { NULL, NULL } };
