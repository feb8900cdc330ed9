#include "binding/hash.h"

#include "binding/types.h"
#include "binding/vm.h"
#include "kernel/sha256.h"

static const char STREAM_TYPE[] = "moonbase.sha256";

// core.sha256_stream(): a hash that takes its bytes in pieces.
static int core_sha256_stream(lua_State *L)
{
    mb_sha256 *hash = lua_newuserdatauv(L, sizeof *hash, 0);
    mb_sha256_init(hash, mbL_vm_get(L)->sha256_hardware);
    luaL_setmetatable(L, STREAM_TYPE);
    return 1;
}

// A position in a string of `length` bytes, as string.sub takes it but never from the end.
static size_t check_position(lua_State *L, int arg, size_t otherwise, size_t length)
{
    lua_Number position = luaL_optnumber(L, arg, (lua_Number)otherwise);
    luaL_argcheck(L, position >= 1, arg, "a position from 1 expected");
    return position < (lua_Number)length ? (size_t)position : length;
}

// stream:update(bytes, [first, last]): takes in these bytes, or that part of them.
static int stream_update(lua_State *L)
{
    size_t length;
    mb_sha256 *hash = luaL_checkudata(L, 1, STREAM_TYPE);
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 2, &length);
    lua_settop(L, 4);
    size_t first = check_position(L, 3, 1, length + 1);
    size_t last = check_position(L, 4, length > 0 ? length : 1, length);
    if (first <= last) {
        mb_sha256_update(hash, bytes + first - 1, last - first + 1);
    }
    lua_settop(L, 1);
    return 1;
}

// stream:digest(): the hash of all bytes so far, in lower case hexadecimal; more may follow.
static int stream_digest(lua_State *L)
{
    char hex[MB_SHA256_HEX + 1];
    mb_sha256 copy = *(const mb_sha256 *)luaL_checkudata(L, 1, STREAM_TYPE);
    mb_sha256_final_hex(&copy, hex);
    lua_pushlstring(L, hex, MB_SHA256_HEX);
    return 1;
}

static const luaL_Reg methods[] = {
    { "update", stream_update },
    { "digest", stream_digest },
    { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
    { NULL, NULL },
};

void mbL_open_hash(lua_State *L, int vm)
{
    mbL_new_type(L, STREAM_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_hash_functions[] = {
    { "sha256_stream", core_sha256_stream },
    { NULL, NULL },
};
