#include "binding/files.h"

#include "binding/errors.h"
#include "storage/files.h"

// core.file_look(path): { plain, size, id }; nil when there is nothing of that name.
static int file_look(lua_State *L)
{
    mb_file_status status = mb_file_look(luaL_checkstring(L, 1));
    if (!status.exists)
        return 0;
    lua_createtable(L, 0, 3);
    lua_pushboolean(L, status.plain);
    lua_setfield(L, -2, "plain");
    lua_pushinteger(L, (lua_Integer)status.size);
    lua_setfield(L, -2, "size");
    lua_pushstring(L, status.id);
    lua_setfield(L, -2, "id");
    return 1;
}

static int finish(lua_State *L, bool good, const mb_error *err)
{
    if (!good)
        return mbL_fail(L, err);
    lua_pushboolean(L, true);
    return 1;
}

// core.file_sync(path): a file, or what a folder's names are. Not for a database that is open.
static int file_sync(lua_State *L)
{
    mb_error err;
    return finish(L, mb_file_sync(luaL_checkstring(L, 1), &err), &err);
}

// core.file_link(path, name)
static int file_link(lua_State *L)
{
    mb_error err;
    return finish(L, mb_file_link(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err), &err);
}

// core.file_rename(path, name)
static int file_rename(lua_State *L)
{
    mb_error err;
    return finish(L, mb_file_rename(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err),
                  &err);
}

// core.file_resemble(path, other): the same rights
static int file_resemble(lua_State *L)
{
    mb_error err;
    return finish(L, mb_file_resemble(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err),
                  &err);
}

const luaL_Reg mbL_file_functions[] = {
    { "file_look", file_look },         { "file_sync", file_sync },
    { "file_link", file_link },         { "file_rename", file_rename },
    { "file_resemble", file_resemble }, { NULL, NULL },
};
