#include "binding/writes.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/vm.h"
#include "storage/sqlite_error.h"
#include "storage/transaction.h"
#include "storage/write_set.h"

static int fail_memory(lua_State *L)
{
    mb_error err;
    mb_sqlite_fail(&err, NULL, SQLITE_NOMEM, "write set");
    return mbL_fail(L, &err);
}

// The text or number of a field of table 2. The text stays in the table.
static const char *text_field(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    const char *text = luaL_checkstring(L, -1);
    lua_pop(L, 1);
    return text;
}

static int number_field(lua_State *L, const char *name, int otherwise)
{
    lua_getfield(L, 2, name);
    int number = (int)luaL_optinteger(L, -1, otherwise);
    lua_pop(L, 1);
    return number;
}

static void read_fields(lua_State *L, mb_watch *watch)
{
    lua_getfield(L, 2, "fields");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (int i = 0; i < MB_WATCH_FIELDS; i++) {
        lua_rawgeti(L, -1, 2 * i + 1);
        lua_rawgeti(L, -2, 2 * i + 2);
        watch->fields[i] = luaL_optstring(L, -2, NULL);
        watch->columns[i] = (int)luaL_optinteger(L, -1, 0);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

int mbL_writes_watch(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    mb_watch watch = {
        .table = text_field(L, "table"),
        .part = text_field(L, "part"),
        .scope = number_field(L, "scope", -1),
        .shift = number_field(L, "shift", 0),
    };
    read_fields(L, &watch);
    if (c->writes == NULL)
        c->writes = mb_write_set_new();
    if (c->writes == NULL || !mb_write_set_watch(c->writes, &watch))
        return fail_memory(L);
    lua_pushboolean(L, true);
    return 1;
}

int mbL_writes_record(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, mb_record_writes(c));
    return 1;
}

int mbL_writes_written(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mbL_vm *vm = mbL_vm_get(L);
    bool cut;
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    if (!c->recording) {
        mb_error_set(&err, MB_UNSUPPORTED, 0, "this SQLite cannot tell what is written");
        return mbL_fail(L, &err);
    }
    mb_buffer_clear(&vm->scratch);
    if (!mb_write_set_json(c->writes, &vm->scratch, &cut))
        return fail_memory(L);
    lua_pushlstring(L, vm->scratch.data, vm->scratch.length);
    lua_pushboolean(L, cut);
    mb_buffer_trim(&vm->scratch, MBL_SCRATCH_KEEP);
    return 2;
}
