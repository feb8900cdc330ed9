#include "binding/kernels.h"

#include <errno.h>
#include <sodium/version.h>
#include <time.h>
#include <zstd.h>

#include "binding/errors.h"
#include "binding/vm.h"
#include "kernel/blob_names.h"
#include "kernel/compress.h"
#include "kernel/sha256.h"
#include "kernel/uuid7.h"

// The integer argument `arg`, between two bounds. LuaJIT's own check would cut off a fraction.
static lua_Number check_whole(lua_State *L, int arg, lua_Number least, lua_Number greatest)
{
    lua_Number number = luaL_checknumber(L, arg);
    bool whole = number >= least && number <= greatest && number == (lua_Number)(int64_t)number;
    luaL_argcheck(L, whole, arg, "an integer within bounds expected");
    return number;
}

static lua_Number now_in(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (lua_Number)time.tv_sec * 1000 + (lua_Number)time.tv_nsec / 1e6;
}

// core.now(): milliseconds since the Unix epoch, an integer.
static int kernel_now(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)now_in(CLOCK_REALTIME));
    return 1;
}

// core.monotonic(): milliseconds of a clock that is never set, with a fraction.
static int kernel_monotonic(lua_State *L)
{
    lua_pushnumber(L, now_in(CLOCK_MONOTONIC));
    return 1;
}

// core.sleep(ms): waits that long; signals do not cut it short.
static int kernel_sleep(lua_State *L)
{
    lua_Number ms = luaL_checknumber(L, 1);
    luaL_argcheck(L, ms >= 0 && ms <= 1e12, 1, "a number of milliseconds expected");
    struct timespec rest = { .tv_sec = (time_t)(ms / 1000) };
    rest.tv_nsec = (long)((ms - (lua_Number)rest.tv_sec * 1000) * 1e6);
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
    return 0;
}

// core.uuid7([ms]): a new id, greater than all before it in this state.
static int kernel_uuid7(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    char text[MB_UUID7_LENGTH + 1];
    mb_error err;
    lua_Number ms = lua_isnoneornil(L, 1) ? now_in(CLOCK_REALTIME)
                                          : check_whole(L, 1, 0, (lua_Number)MB_UUID7_MAX_TIME);
    if (!mb_uuid7_next(&vm->home->uuid, (int64_t)ms, text, &err)) {
        return mbL_fail(L, &err);
    }
    lua_pushlstring(L, text, MB_UUID7_LENGTH);
    return 1;
}

// core.sha256(bytes): the hash in lower case hexadecimal.
static int kernel_sha256(lua_State *L)
{
    size_t length;
    char hex[MB_SHA256_HEX + 1];
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 1, &length);
    mb_sha256_hex(bytes, length, mbL_vm_get(L)->sha256_hardware, hex);
    lua_pushlstring(L, hex, MB_SHA256_HEX);
    return 1;
}

// Gives what stands in the scratch buffer, or the error.
static int give_scratch(lua_State *L, mbL_vm *vm, bool done, const mb_error *err)
{
    if (done) {
        lua_pushlstring(L, vm->scratch.data, vm->scratch.length);
    }
    mbL_vm_trim(vm);
    return done ? 1 : mbL_fail(L, err);
}

// core.compress(bytes, [level, most]): the bytes as a zstd frame; false where that would be
// longer than `most`.
static int kernel_compress(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    mb_error err;
    size_t length;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 1, &length);
    int level = lua_isnoneornil(L, 2)
                    ? MB_ZSTD_DEFAULT_LEVEL
                    : (int)check_whole(L, 2, MB_ZSTD_MIN_LEVEL, MB_ZSTD_MAX_LEVEL);
    mb_buffer_clear(&vm->scratch);
    lua_Number most = luaL_optnumber(L, 3, (lua_Number)MBL_MAX_EXACT);
    bool done = mb_zstd_compress(&vm->zstd, bytes, length, level, &vm->scratch, &err);
    if (done && (lua_Number)vm->scratch.length > most) {
        mbL_vm_trim(vm);
        lua_pushboolean(L, false);
        return 1;
    }
    return give_scratch(L, vm, done, &err);
}

// core.decompress(bytes, size): what was compressed, which must be no more than `size` bytes.
static int kernel_decompress(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    mb_error err;
    size_t length;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 1, &length);
    size_t bound = (size_t)check_whole(L, 2, 0, (lua_Number)MBL_MAX_EXACT);
    mb_buffer_clear(&vm->scratch);
    bool done = mb_zstd_decompress(&vm->zstd, bytes, length, bound, &vm->scratch, &err);
    return give_scratch(L, vm, done, &err);
}

// core.blob_names(): the hashes named by what was bound to writing statements since the last
// call, as an array; nil when there are none.
static int kernel_blob_names(lua_State *L)
{
    mb_error err;
    mb_buffer *names = &mbL_vm_get(L)->blob_names;
    if (MB_LIKELY(names->length == 0 && !names->failed)) {
        return 0;
    }
    if (names->failed) {
        mb_buffer_clear(names);
        mb_error_set(&err, MB_INTERNAL, 0, "not enough memory");
        return mbL_fail(L, &err);
    }
    lua_newtable(L);
    for (size_t i = 0; i < names->length / MB_BLOB_NAME; i++) {
        lua_pushlstring(L, names->data + i * MB_BLOB_NAME, MB_BLOB_NAME);
        lua_rawseti(L, -2, (int)i + 1);
    }
    mb_buffer_trim(names, MBL_SCRATCH_KEEP);
    return 1;
}

const luaL_Reg mbL_kernel_functions[] = { { "now", kernel_now },
                                          { "monotonic", kernel_monotonic },
                                          { "sleep", kernel_sleep },
                                          { "uuid7", kernel_uuid7 },
                                          { "sha256", kernel_sha256 },
                                          { "compress", kernel_compress },
                                          { "decompress", kernel_decompress },
                                          { "blob_names", kernel_blob_names },
                                          { NULL, NULL } };

void mbL_kernel_versions(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    lua_pushstring(L, ZSTD_versionString());
    lua_setfield(L, idx, "zstd");
    lua_pushstring(L, sodium_version_string());
    lua_setfield(L, idx, "sodium");
    lua_getglobal(L, "jit");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "version");
    } else {
        lua_getglobal(L, "_VERSION");
    }
    lua_setfield(L, idx, "lua");
    lua_pop(L, 1);
}
