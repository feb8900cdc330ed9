#include "binding/copy.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/types.h"
#include "storage/copy.h"

static const char COPY_TYPE[] = "moonbase.copy";

// core.copy(connection, path): begins to copy what the connection's writing handle reads.
static int core_copy(lua_State *L)
{
    mb_connection *from = mbL_check_connection(L);
    const char *path = luaL_checkstring(L, 2);
    mb_error err;
    mb_copy *copy = lua_newuserdatauv(L, sizeof *copy, 0);
    *copy = (mb_copy){ 0 };
    luaL_setmetatable(L, COPY_TYPE);
    if (mbL_connection_check(L, from, &err) && mb_copy_begin(copy, from, path, &err))
        return 1;
    mb_copy_end(copy);
    return mbL_fail(L, &err);
}

// copy:step(pages): copies so many pages; gives how many are left, and how many there are.
static int copy_step(lua_State *L)
{
    mb_copy *copy = luaL_checkudata(L, 1, COPY_TYPE);
    int pages = (int)luaL_checkinteger(L, 2), left = 0, total = 0;
    mb_error err;
    bool own = copy->from == NULL || mbL_connection_check(L, copy->from, &err);
    if (!own || !mb_copy_step(copy, pages, &left, &total, &err))
        return mbL_fail(L, &err);
    lua_pushinteger(L, left);
    lua_pushinteger(L, total);
    return 2;
}

// copy:finish(): ends it, complete or not. Idempotent; also what the collector calls.
static int copy_finish(lua_State *L)
{
    mb_copy_end(luaL_checkudata(L, 1, COPY_TYPE));
    return 0;
}

void mbL_open_copy(lua_State *L, int vm)
{
    static const luaL_Reg metamethods[] = { { "__gc", copy_finish }, { NULL, NULL } };
    static const luaL_Reg methods[] = {
        { "step", copy_step },
        { "finish", copy_finish },
        { NULL, NULL },
    };
    mbL_new_type(L, COPY_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_copy_functions[] = {
    { "copy", core_copy },
    { NULL, NULL },
};
