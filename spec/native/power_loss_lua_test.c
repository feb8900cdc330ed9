// Every scenario (scenarios/NAME.lua) with the power failing in it, at many points: afterwards
// the file opens, is sound, and holds what was acknowledged. power_loss.lua does all of it but
// what is here: the file system that remembers, and a Lua state.
//
//     power_loss_lua_test [scenario [points]]      the first is a part of a name
//
// MOONBASE_POWER says at how many points of a scenario the power fails in each way, spread
// evenly.

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash_vfs.h"
#include "lua_driver.h"

static crash_vfs *of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

// crash.watch(prefix): remembers from now on what is done to files of such names.
static int crash_watch(lua_State *L)
{
    crash_vfs_watch(of(L), luaL_optstring(L, 1, NULL));
    return 0;
}

// crash.length(): how many operations there were.
static int crash_length(lua_State *L)
{
    lua_pushinteger(L, of(L)->count);
    return 1;
}

// crash.is_sync(n)
static int crash_is_sync(lua_State *L)
{
    lua_pushboolean(L, crash_vfs_is_sync(of(L), (long)luaL_checkinteger(L, 1)));
    return 1;
}

// crash.write(n, mode, seed, path)
static int crash_write(lua_State *L)
{
    static const char *const modes[] = { "kill", "none", "some", "torn", NULL };
    crash_vfs_write(of(L), (long)luaL_checkinteger(L, 1),
                    (crash_mode)luaL_checkoption(L, 2, NULL, modes),
                    (uint32_t)luaL_checkinteger(L, 3), luaL_checkstring(L, 4));
    return 0;
}

static int open_crash(lua_State *L)
{
    static const luaL_Reg functions[] = { { "watch", crash_watch },
                                          { "length", crash_length },
                                          { "is_sync", crash_is_sync },
                                          { "write", crash_write },
                                          { NULL, NULL } };
    return lua_driver_module(L, functions);
}

// One scenario, in a Lua state of its own; adds up the power losses.
static bool run(crash_vfs *vfs, const char *folder, const char *scenario, const char *points,
                long *tried, long *lost)
{
    lua_State *L = luaL_newstate();
    lua_driver_prepare(L, "crash", open_crash, vfs);
    lua_pushcfunction(L, lua_driver_traceback);
    int status = luaL_loadfile(L, "spec/native/power_loss.lua");
    lua_pushstring(L, folder);
    lua_pushstring(L, scenario);
    lua_pushstring(L, points);
    if (status == LUA_OK)
        status = lua_pcall(L, 3, 2, 1);
    bool good = status == LUA_OK && lua_tointeger(L, -1) == 0;
    if (status == LUA_OK) {
        *tried += (long)lua_tointeger(L, -2);
        *lost += (long)lua_tointeger(L, -1);
    } else {
        printf("%s: %s\n", scenario, lua_tostring(L, -1));
    }
    lua_close(L);
    crash_vfs_watch(vfs, NULL);
    return good;
}

int main(int argc, char **argv)
{
    static crash_vfs vfs;
    glob_t found;
    long passed = 0, failed = 0, tried = 0, lost = 0;
    char folder[] = "/dev/shm/moonbase-power-XXXXXX",
         elsewhere[] = "/tmp/moonbase-power-XXXXXX";
    char *made = access("/dev/shm", W_OK) == 0 ? mkdtemp(folder) : mkdtemp(elsewhere);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (made == NULL || sqlite3_initialize() != SQLITE_OK ||
        glob("spec/native/scenarios/*.lua", 0, NULL, &found) != 0)
        return 2;
    crash_vfs_install(&vfs);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (argc > 1 && strstr(found.gl_pathv[i], argv[1]) == NULL)
            continue;
        bool good =
            run(&vfs, made, found.gl_pathv[i], argc > 2 ? argv[2] : NULL, &tried, &lost);
        *(good ? &passed : &failed) += 1;
    }
    crash_vfs_remove(&vfs);
    globfree(&found);
    rmdir(made);
    printf("%ld power losses injected, %ld survived, %ld lost\n", tried, tried - lost, lost);
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed > 0;
}
