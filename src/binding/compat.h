// One source for Lua 5.4 and LuaJIT 2.1: the binding is written in the names of Lua 5.4, and
// what LuaJIT lacks of them is here. LuaJIT has luaL_newlib, luaL_setfuncs, luaL_testudata and
// luaL_setmetatable itself.
#ifndef MB_BINDING_COMPAT_H
#define MB_BINDING_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#include "kernel/common.h"

// Integers that a Lua number of either kind holds exactly: a double's, where there are no
// others.
#define MBL_MAX_EXACT 9007199254740992

#if LUA_VERSION_NUM < 502

#ifndef lua_rawlen
#define lua_rawlen lua_objlen
#endif

static inline int lua_absindex(lua_State *L, int idx)
{
    return idx > 0 || idx <= LUA_REGISTRYINDEX ? idx : lua_gettop(L) + idx + 1;
}

#ifndef luaL_tolstring
#define luaL_tolstring mbL_tolstring

// Pushes what tostring() gives for the value at `idx`, and returns its bytes.
static inline const char *mbL_tolstring(lua_State *L, int idx, size_t *length)
{
    idx = lua_absindex(L, idx);
    lua_getglobal(L, "tostring");
    lua_pushvalue(L, idx);
    lua_call(L, 1, 1);
    return lua_tolstring(L, -1, length);
}
#endif

#endif

#if LUA_VERSION_NUM < 503

// Whether the number at `idx` is an integer a double holds exactly. Minus zero is not: it would
// lose its sign.
static inline int lua_isinteger(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TNUMBER) {
        return 0;
    }
    lua_Number number = lua_tonumber(L, idx);
    if (!(number >= -(lua_Number)MBL_MAX_EXACT && number <= (lua_Number)MBL_MAX_EXACT)) {
        return 0;
    }
    return (lua_Number)(int64_t)number == number && (number != 0 || 1 / number > 0);
}

#endif

#if LUA_VERSION_NUM < 504

// The user values of a userdata are the array items of its environment table. Without user
// values of its own a userdata shares the environment of its maker, which must not be written
// to.
static inline void *lua_newuserdatauv(lua_State *L, size_t size, int user_values)
{
    void *memory = lua_newuserdata(L, size);
    if (user_values > 0) {
        lua_createtable(L, user_values, 0);
        lua_setfenv(L, -2);
    }
    return memory;
}

// Pushes user value `n`, nil when it was never set. Unlike in Lua 5.4 there is no type to
// return for one out of range.
static inline int lua_getiuservalue(lua_State *L, int idx, int n)
{
    lua_getfenv(L, idx);
    lua_rawgeti(L, -1, n);
    lua_remove(L, -2);
    return lua_type(L, -1);
}

// Pops a value and makes it user value `n` of a userdata that was made with that many.
static inline int lua_setiuservalue(lua_State *L, int idx, int n)
{
    lua_getfenv(L, idx);
    lua_insert(L, -2);
    lua_rawseti(L, -2, n);
    lua_pop(L, 1);
    return 1;
}

#endif

#endif
