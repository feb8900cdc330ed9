// What the drivers that run Lua code share: a state that finds the modules of the checkout, and
// calls whose errors tell where.
#ifndef MB_SPEC_LUA_DRIVER_H
#define MB_SPEC_LUA_DRIVER_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "binding/core.h"

// Prepares a fresh state, with the core as `moonbase.core` and 'open' as the module 'name';
// 'ud' is the upvalue of 'open'.
static inline void lua_driver_prepare(lua_State *L, const char *name, lua_CFunction open,
                                      void *ud)
{
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_pushstring(L, "./lua/?.lua;./lua/?/init.lua;./?.lua");
    lua_setfield(L, -2, "path");
    lua_getfield(L, -1, "preload");
    lua_pushlightuserdata(L, ud);
    lua_pushcclosure(L, open, 1);
    lua_setfield(L, -2, name);
    lua_pushcfunction(L, luaopen_moonbase_core);
    lua_setfield(L, -2, "moonbase.core");
    lua_settop(L, 0);
}

// For a module's opening function: gives a table of 'functions', which share its upvalue.
static inline int lua_driver_module(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    luaL_setfuncs(L, functions, 1);
    return 1;
}

// A message handler for lua_pcall.
static inline int lua_driver_traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

#endif
