#include "binding/salvage.h"

#include <string.h>

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/types.h"
#include "storage/salvage.h"
#include "storage/sqlite_error.h"

static const char SALVAGE_TYPE[] = "moonbase.salvage";

// core.salvage(path, timeout): takes hold of a file (canonical path) that nobody has open,
// waiting up to `timeout` ms for that.
static int core_salvage(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int timeout = (int)luaL_checknumber(L, 2);
    mb_error err;
    mb_salvage *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    s->pages.log = -1;
    luaL_setmetatable(L, SALVAGE_TYPE);
    mbL_before_open(L);
    if (mb_salvage_open(s, path, timeout, &err))
        return 1;
    mb_salvage_close(s);
    return mbL_fail(L, &err);
}

// One that is still held, by this process.
static mb_salvage *check(lua_State *L, int arg)
{
    mb_salvage *s = luaL_checkudata(L, arg, SALVAGE_TYPE);
    mb_error err;
    if (s->hold.file == NULL)
        mbL_misuse(L, arg, "is closed");
    if (!mb_process_is_present(&s->hold.opener)) {
        mb_error_set(&err, MB_FORKED, 0, NULL);
        mbL_raise(L, &err);
    }
    return s;
}

static void set_integer(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

// salvage:header(): { sound, foreign, version, program, pages }; `foreign`: the log beside the
// file is another one's.
static int salvage_header(lua_State *L)
{
    mb_salvage *s = check(L, 1);
    lua_createtable(L, 0, 5);
    lua_pushboolean(L, s->pages.sound);
    lua_setfield(L, -2, "sound");
    lua_pushboolean(L, s->pages.foreign);
    lua_setfield(L, -2, "foreign");
    set_integer(L, "version", s->pages.version);
    set_integer(L, "program", s->pages.program);
    set_integer(L, "pages", s->pages.count);
    return 1;
}

static uint32_t check_root(lua_State *L, int arg)
{
    lua_Number root = luaL_checknumber(L, arg);
    return root >= 1 && root <= UINT32_MAX ? (uint32_t)root : 0;
}

static int finish(lua_State *L, const mb_salvage *s)
{
    mb_error err;
    if (s->owners.failed) {
        mb_error_set(&err, MB_INTERNAL, SQLITE_NOMEM, "no memory to read a damaged file");
        return mbL_fail(L, &err);
    }
    if (!mb_hold_good(&s->hold, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

// salvage:claim(root, index): finds the pages of a tree; `index`: of an index, or of a table
// without rowids.
static int salvage_claim(lua_State *L)
{
    mb_salvage *s = check(L, 1);
    mb_owners_claim(&s->owners, check_root(L, 2), lua_toboolean(L, 3) != 0);
    return finish(L, s);
}

// salvage:adopt(): after all claims, gives what hung below damaged pages to its trees.
static int salvage_adopt(lua_State *L)
{
    mb_salvage *s = check(L, 1);
    mb_owners_adopt(&s->owners);
    return finish(L, s);
}

// salvage:entries(root): how many rows an index knows of, and whether that is all of them.
static int salvage_entries(lua_State *L)
{
    mb_salvage *s = check(L, 1);
    mb_error err;
    bool sound;
    int64_t entries = mb_salvage_entries(s, check_root(L, 2), &sound);
    if (!mb_hold_good(&s->hold, &err))
        return mbL_fail(L, &err);
    lua_pushinteger(L, (lua_Integer)entries);
    lua_pushboolean(L, sound);
    return 2;
}

static int push_count(lua_State *L, const mb_salvage_count *count)
{
    lua_createtable(L, 0, 3);
    set_integer(L, "saved", count->saved);
    set_integer(L, "lost", count->lost);
    set_integer(L, "broken", count->broken);
    return 1;
}

// core.salvage_rows(connection, salvage, root, sql, { columns, key, index }): copies a tree's
// rows by an INSERT whose parameters are the columns as a row has them; `key` is the one that
// stands for the rowid, from 1. Gives { saved, lost, broken }. Inside a transaction of the
// connection.
static int core_salvage_rows(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_salvage *s = check(L, 2);
    uint32_t root = check_root(L, 3);
    const char *sql = luaL_checkstring(L, 4);
    mb_salvage_target target = { .db = c->writer.cache.db };
    mb_salvage_count count = { 0 };
    mb_error err;
    lua_getfield(L, 5, "columns");
    target.columns = (int)luaL_checkinteger(L, -1);
    lua_getfield(L, 5, "key");
    target.key = (int)luaL_optinteger(L, -1, 0) - 1;
    lua_getfield(L, 5, "index");
    target.index = lua_toboolean(L, -1) != 0;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    int result = sqlite3_prepare_v2(target.db, sql, -1, &target.insert, NULL);
    bool good = result == SQLITE_OK ? mb_salvage_rows(s, root, &target, &count, &err)
                                    : mb_sqlite_fail(&err, target.db, result, "save rows");
    sqlite3_finalize(target.insert);
    return good ? push_count(L, &count) : mbL_fail(L, &err);
}

static int salvage_close(lua_State *L)
{
    mb_salvage_close(luaL_checkudata(L, 1, SALVAGE_TYPE));
    lua_pushboolean(L, true);
    return 1;
}

static const luaL_Reg methods[] = {
    { "header", salvage_header },   { "claim", salvage_claim }, { "adopt", salvage_adopt },
    { "entries", salvage_entries }, { "close", salvage_close }, { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
    { "__gc", salvage_close },
    { "__close", salvage_close },
    { NULL, NULL },
};

void mbL_open_salvage(lua_State *L, int vm)
{
    mbL_new_type(L, SALVAGE_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_salvage_functions[] = {
    { "salvage", core_salvage },
    { "salvage_rows", core_salvage_rows },
    { NULL, NULL },
};
