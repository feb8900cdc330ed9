#include "binding/types.h"

static void push_methods(lua_State *L, int vm, const luaL_Reg *methods)
{
    lua_newtable(L);
    lua_pushvalue(L, vm);
    luaL_setfuncs(L, methods, 1);
}

void mbL_new_type(lua_State *L, const char *name, int vm, const luaL_Reg *metamethods,
                  const luaL_Reg *methods)
{
    vm = lua_absindex(L, vm);
    luaL_newmetatable(L, name);
    push_methods(L, vm, methods);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
    lua_pushstring(L, name);
    lua_setfield(L, -3, "__name");
    lua_pushboolean(L, 0); // getmetatable() shows this instead
    lua_setfield(L, -3, "__metatable");
    lua_pushvalue(L, vm);
    lua_insert(L, -2);
    luaL_setfuncs(L, metamethods, 2);
    lua_pop(L, 1);
}
