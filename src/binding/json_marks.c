#include "binding/json_marks.h"

void mbL_marks_setup(lua_State *L, mbL_vm *vm)
{
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "moonbase.array");
    lua_setfield(L, -2, "__name");
    vm->array_known = lua_topointer(L, -1);
    vm->array_mark = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    vm->array_marks = luaL_ref(L, LUA_REGISTRYINDEX);
}

void mbL_marks_push(lua_State *L, const mbL_vm *vm)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->array_mark);
}

// Notes that the table on top of the stack is a mark, and pops it; a value of another type too.
static void add_mark(lua_State *L, const mbL_vm *vm, mbL_mark mark)
{
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->array_marks);
    lua_insert(L, -2);
    lua_pushinteger(L, mark);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void raw_field(lua_State *L, int idx, const char *name)
{
    idx = lua_absindex(L, idx);
    lua_pushstring(L, name);
    lua_rawget(L, idx);
}

// Learns the marks of the module on top of the stack, if it is lua-cjson, and pops it.
static bool learn(lua_State *L, mbL_vm *vm)
{
    bool found = lua_istable(L, -1);
    if (found) {
        raw_field(L, -1, "array_mt");
        add_mark(L, vm, MBL_ARRAY_MARK);
        raw_field(L, -1, "empty_array_mt");
        add_mark(L, vm, MBL_EMPTY_MARK);
        raw_field(L, -1, "empty_array");
        vm->cjson_empty_array = lua_topointer(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return found;
}

// Looks, until it is there, whether lua-cjson has been loaded: without it nothing bears its
// marks.
static void find_cjson(lua_State *L, mbL_vm *vm)
{
    if (vm->cjson_known) {
        return;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    if (lua_istable(L, -1)) {
        raw_field(L, -1, "cjson");
        vm->cjson_known = learn(L, vm);
    }
    if (lua_istable(L, -1) && !vm->cjson_known) {
        raw_field(L, -1, "cjson.safe");
        vm->cjson_known = learn(L, vm);
    }
    lua_pop(L, 1);
}

mbL_mark mbL_marks_of(lua_State *L, mbL_vm *vm)
{
    if (lua_topointer(L, -1) == vm->array_known) {
        lua_pop(L, 1);
        return MBL_ARRAY_MARK;
    }
    find_cjson(L, vm);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->array_marks);
    lua_insert(L, -2);
    lua_rawget(L, -2);
    mbL_mark mark = (mbL_mark)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return mark;
}

bool mbL_marks_empty_array(lua_State *L, mbL_vm *vm, const void *light)
{
    find_cjson(L, vm);
    return light != NULL && light == vm->cjson_empty_array;
}

int mbL_array(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!lua_getmetatable(L, 1)) {
        mbL_marks_push(L, vm);
        lua_setmetatable(L, 1);
    } else if (mbL_marks_of(L, vm) != MBL_ARRAY_MARK) {
        return luaL_argerror(L, 1, "the table has a metatable already");
    }
    return 1;
}

int mbL_array_metatable(lua_State *L)
{
    mbL_vm *vm = mbL_vm_get(L);
    lua_settop(L, 1);
    if (!lua_isnil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        add_mark(L, vm, MBL_ARRAY_MARK);
    }
    mbL_marks_push(L, vm);
    return 1;
}
