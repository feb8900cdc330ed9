// Any bytes through the JSON codec of the binding, in one Lua state that lives on: what decodes
// must encode, and decode again to the same value; what does not must leave nothing on the
// stack.
#include <lauxlib.h>
#include <lualib.h>

#include "binding/json.h"
#include "binding/vm.h"
#include "fuzz.h"

static const char SAME[] =
    "local function same(a, b)\n"
    "  if type(a) ~= 'table' or type(b) ~= 'table' then\n"
    "    return a == b and math.type(a) == math.type(b) and (a ~= 0 or 1 / a == 1 / b)\n"
    "  end\n"
    "  for key, value in pairs(a) do if not same(value, b[key]) then return false end end\n"
    "  for key in pairs(b) do if a[key] == nil then return false end end\n"
    "  return getmetatable(a) == getmetatable(b)\n"
    "end\n"
    "return same\n";

static lua_State *state; // in a fuzzer the process is the test
static mbL_vm *vm;

static void begin(void)
{
    state = luaL_newstate();
    require(state != NULL);
    luaL_openlibs(state);
    vm = mbL_vm_new(state);
    require(luaL_dostring(state, SAME) == LUA_OK);
}

// The value on top of the stack, written and read again, is the same.
static void check_round_trip(void)
{
    mb_error err;
    int value = lua_gettop(state);
    mb_buffer_clear(&vm->scratch);
    require(mbL_json_encode(state, vm, value, &vm->scratch, &err));
    require(lua_gettop(state) == value);
    require(mbL_json_decode(state, vm, vm->scratch.data, vm->scratch.length, &err));
    lua_pushvalue(state, 2);
    lua_pushvalue(state, value);
    lua_pushvalue(state, value + 1);
    require(lua_pcall(state, 2, 1, 0) == LUA_OK && lua_toboolean(state, -1));
    lua_settop(state, value - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mb_error err;
    if (state == NULL) {
        begin();
    }
    char *text = copy_input(data, size);
    int top = lua_gettop(state);
    if (mbL_json_decode(state, vm, text, size, &err)) {
        require(lua_gettop(state) == top + 1);
        check_round_trip();
    } else {
        require(err.code == MB_SERIALIZATION && err.message[0] != '\0');
    }
    require(lua_gettop(state) == top);
    mbL_vm_trim(vm);
    free(text);
    return 0;
}
