#include "binding/base64.h"

#include <sodium/utils.h>

#include "binding/errors.h"
#include "binding/vm.h"

static int no_memory(lua_State *L)
{
    mb_error err;
    mb_error_set(&err, MB_INTERNAL, 0, "not enough memory");
    return mbL_fail(L, &err);
}

// core.base64(bytes): as text (RFC 4648, with padding).
static int base64_encode(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    size_t length;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 1, &length);
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
    mb_buffer_clear(&vm->scratch);
    if (!mb_buffer_reserve(&vm->scratch, size)) {
        return no_memory(L);
    }
    sodium_bin2base64(vm->scratch.data, size, (const unsigned char *)bytes, length,
                      sodium_base64_VARIANT_ORIGINAL);
    lua_pushlstring(L, vm->scratch.data, size - 1);
    mbL_vm_trim(vm);
    return 1;
}

// core.unbase64(text): the bytes; nil when the text is none of those.
static int base64_decode(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    size_t length, decoded;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &length);
    mb_buffer_clear(&vm->scratch);
    if (!mb_buffer_reserve(&vm->scratch, length + 1)) {
        return no_memory(L);
    }
    unsigned char *out = (unsigned char *)vm->scratch.data;
    bool valid = sodium_base642bin(out, length + 1, text, length, NULL, &decoded, NULL,
                                   sodium_base64_VARIANT_ORIGINAL) == 0;
    if (valid) {
        lua_pushlstring(L, vm->scratch.data, decoded);
    }
    mbL_vm_trim(vm);
    return valid ? 1 : 0;
}

const luaL_Reg mbL_base64_functions[] = {
    { "base64", base64_encode },
    { "unbase64", base64_decode },
    { NULL, NULL },
};
