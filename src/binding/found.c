#include "binding/found.h"

#include "binding/types.h"

static const char FOUND_TYPE[] = "moonbase.found";

mbL_found *mbL_found_new(lua_State *L)
{
    mbL_found *found = lua_newuserdatauv(L, sizeof *found, 0);
    *found = (mbL_found){ 0 };
    luaL_setmetatable(L, FOUND_TYPE);
    return found;
}

void mbL_found_clear(mbL_found *found)
{
    mb_id_list_free(&found->ids);
    mb_ranges_free(&found->ranges);
}

static int found_gc(lua_State *L)
{
    mbL_found_clear(luaL_checkudata(L, 1, FOUND_TYPE));
    return 0;
}

void mbL_open_found(lua_State *L, int vm)
{
    static const luaL_Reg metamethods[] = { { "__gc", found_gc }, { NULL, NULL } };
    static const luaL_Reg methods[] = { { NULL, NULL } };
    mbL_new_type(L, FOUND_TYPE, vm, metamethods, methods);
}
