#include "binding/connection.h"

#include <string.h>

#include "binding/errors.h"
#include "binding/rows.h"
#include "binding/transaction.h"
#include "binding/types.h"
#include "storage/path.h"
#include "storage/sqlite_error.h"
#include "storage/transaction.h"

static const char CONNECTION_TYPE[] = "moonbase.connection";

// One handle; several may share a connection.
typedef struct handle {
    mb_connection *connection; // NULL once closed
} handle;

static handle *new_handle(lua_State *L)
{
    handle *h = lua_newuserdatauv(L, sizeof *h, 0);
    h->connection = NULL;
    luaL_setmetatable(L, CONNECTION_TYPE);
    return h;
}

// The open connection of argument 1; raises when it is closed.
static mb_connection *check_open(lua_State *L)
{
    handle *h = luaL_checkudata(L, 1, CONNECTION_TYPE);
    mb_error err;
    if (h->connection == NULL) {
        mb_error_set(&err, MB_CLOSED, 0, "the store is closed");
        mbL_raise(L, &err);
    }
    return h->connection;
}

static bool option_boolean(lua_State *L, int options, const char *name, bool otherwise)
{
    lua_getfield(L, options, name);
    bool value = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return value;
}

static int option_integer(lua_State *L, int options, const char *name, int otherwise)
{
    lua_getfield(L, options, name);
    int value = (int)luaL_optinteger(L, -1, otherwise);
    lua_pop(L, 1);
    return value;
}

// core.open(path, {readonly, create, busy_timeout}): a connection, or nil and
// the error. Nothing is written to the file yet.
static int core_open(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    mb_open_options options = {
        .readonly = option_boolean(L, 2, "readonly", false),
        .create = option_boolean(L, 2, "create", true),
        .busy_timeout = option_integer(L, 2, "busy_timeout", 5000),
    };
    mb_error err;
    handle *h = new_handle(L);
    h->connection = mb_connection_open(path, &options, &err);
    return h->connection ? 1 : mbL_fail(L, &err);
}

// core.canonical_path(path): the same for every way to name a file.
static int core_canonical_path(lua_State *L)
{
    char path[4096];
    mb_error err;
    if (!mb_canonical_path(luaL_checkstring(L, 1), path, sizeof path, &err))
        return mbL_fail(L, &err);
    lua_pushstring(L, path);
    return 1;
}

// Whether a finalizer may be what is running: the collector is held while one
// is, so where it runs it is none.
static bool maybe_finalizing(lua_State *L)
{
    return lua_gc(L, LUA_GCISRUNNING, 0) != 1;
}

bool mbL_connection_check(lua_State *L, mb_connection *c, mb_error *err)
{
    if (!mb_connection_owned(c, err))
        return false;
    if (mb_connection_in_use(c) && maybe_finalizing(L)) {
        mb_error_set(err, MB_BUSY, 0, "a finalizer came in the middle of another call");
        return false;
    }
    mb_connection_tidy(c);
    return true;
}

static int connection_share(lua_State *L)
{
    mb_connection *c = check_open(L);
    mb_error err;
    if (!mb_connection_owned(c, &err))
        return mbL_fail(L, &err);
    handle *h = new_handle(L);
    h->connection = mb_connection_retain(c);
    return 1;
}

static void let_go(handle *h)
{
    mb_connection *c = h->connection;
    h->connection = NULL;
    if (c != NULL)
        mb_connection_release(c);
}

// Idempotent. In a forked process it is refused, and the handle closed.
static int connection_close(lua_State *L)
{
    handle *h = luaL_checkudata(L, 1, CONNECTION_TYPE);
    mb_error err;
    bool own = h->connection == NULL || mbL_connection_check(L, h->connection, &err);
    if (own || err.code == MB_FORKED)
        let_go(h);
    if (!own)
        return mbL_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

// The finalizer. It may come in the middle of a call through another handle, so
// it tidies nothing.
static int connection_gc(lua_State *L)
{
    let_go(luaL_checkudata(L, 1, CONNECTION_TYPE));
    return 0;
}

static int connection_tostring(lua_State *L)
{
    handle *h = luaL_checkudata(L, 1, CONNECTION_TYPE);
    if (h->connection == NULL)
        lua_pushliteral(L, "moonbase.connection (closed)");
    else
        lua_pushfstring(L, "moonbase.connection (%s)", h->connection->path);
    return 1;
}

// What one call needs: a statement with its arguments bound.
typedef struct call {
    mbL_vm *vm;                // the VM's state
    mb_connection *connection; // where it runs
    mb_link *link;             // the handle of it that is used
    mb_statement *statement;   // bound, not yet stepped
    mb_error err;              // why the call fails, if it does
} call;

static bool call_fail_bind(lua_State *L, call *k, mbL_bound bound)
{
    if (bound == MBL_MISUSED) {
        mb_connection_done(k->link);
        mbL_raise(L, &k->err);
    }
    return false;
}

// Checks argument 1, prepares argument 2, binds the others.
static bool call_start(lua_State *L, call *k)
{
    size_t length;
    k->vm = mbL_vm_get(L);
    k->connection = check_open(L);
    const char *sql = luaL_checklstring(L, 2, &length);
    if (!mbL_connection_check(L, k->connection, &k->err))
        return false;
    k->statement = mb_connection_prepare(k->connection, L, sql, length, &k->link, &k->err);
    if (k->statement == NULL)
        return false;
    mbL_bound bound = mbL_bind(L, k->vm, k->statement, 3, &k->err);
    return bound == MBL_BOUND || call_fail_bind(L, k, bound);
}

static int call_step(call *k)
{
    int result = sqlite3_step(k->statement->handle);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        mb_sqlite_fail(&k->err, k->link->cache.db, result, "step");
    return result;
}

static int call_fail(lua_State *L, call *k)
{
    if (k->statement != NULL) {
        mb_connection_done(k->link);
        mb_connection_failed(k->connection, k->link, &k->err);
    }
    return mbL_fail(L, &k->err);
}

static int connection_run(lua_State *L)
{
    call k = { 0 };
    int result;
    if (!call_start(L, &k))
        return call_fail(L, &k);
    while ((result = call_step(&k)) == SQLITE_ROW) {
    }
    if (result != SQLITE_DONE)
        return call_fail(L, &k);
    mb_connection_done(k.link);
    lua_pushinteger(L, (lua_Integer)sqlite3_changes64(k.link->cache.db));
    return 1;
}

static int connection_row(lua_State *L)
{
    call k = { 0 };
    if (!call_start(L, &k))
        return call_fail(L, &k);
    int result = call_step(&k);
    if (result == SQLITE_DONE)
        lua_pushnil(L);
    else if (result != SQLITE_ROW ||
             !mbL_push_row(L, k.vm, k.statement, mbL_push_keys(L, k.statement), &k.err))
        return call_fail(L, &k);
    mb_connection_done(k.link);
    return 1;
}

static int connection_value(lua_State *L)
{
    call k = { 0 };
    if (!call_start(L, &k))
        return call_fail(L, &k);
    int result = call_step(&k);
    if (result == SQLITE_DONE)
        lua_pushnil(L);
    else if (result != SQLITE_ROW || !mbL_push_column(L, k.vm, k.statement, 0, &k.err))
        return call_fail(L, &k);
    mb_connection_done(k.link);
    return 1;
}

// Appends all rows of a started call to the array at 'list'.
static bool collect(lua_State *L, call *k, int list, bool whole_rows)
{
    int result, keys = whole_rows ? mbL_push_keys(L, k->statement) : 0;
    for (int n = 1; (result = call_step(k)) == SQLITE_ROW; n++) {
        if (!(whole_rows ? mbL_push_row(L, k->vm, k->statement, keys, &k->err)
                         : mbL_push_column(L, k->vm, k->statement, 0, &k->err)))
            return false;
        lua_rawseti(L, list, n);
    }
    return result == SQLITE_DONE;
}

static int collect_all(lua_State *L, bool whole_rows)
{
    call k = { 0 };
    if (!call_start(L, &k))
        return call_fail(L, &k);
    lua_newtable(L);
    int list = lua_gettop(L);
    if (!collect(L, &k, list, whole_rows))
        return call_fail(L, &k);
    mb_connection_done(k.link);
    lua_settop(L, list);
    return 1;
}

static int connection_rows(lua_State *L)
{
    return collect_all(L, true);
}

static int connection_values(lua_State *L)
{
    return collect_all(L, false);
}

static int connection_exec(lua_State *L)
{
    mb_connection *c = check_open(L);
    const char *script = luaL_checkstring(L, 2);
    mb_error err;
    if (!mbL_connection_check(L, c, &err) || !mb_connection_exec(c, L, script, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

// What Lua needs to call the function inside the level, and then `leave`, is had
// beforehand: a lack of memory between the two would leave the level open.
static void reserve_calls(lua_State *L)
{
    luaL_checkstack(L, 4 * LUA_MINSTACK, NULL);
    lua_pushcfunction(L, nothing);
    lua_call(L, 0, 0);
}

static int connection_enter(lua_State *L)
{
    mb_connection *c = check_open(L);
    mb_error err;
    reserve_calls(L);
    uint64_t serial = mbL_connection_check(L, c, &err) ? mb_enter(c, L, -1, &err) : 0;
    if (serial == 0)
        return mbL_fail(L, &err);
    lua_pushnumber(L, (lua_Number)serial);
    return 1;
}

static int connection_leave(lua_State *L)
{
    mb_connection *c = check_open(L);
    uint64_t serial = (uint64_t)luaL_checknumber(L, 2);
    mb_error err;
    if (!mbL_connection_check(L, c, &err) ||
        !mb_leave(c, serial, lua_toboolean(L, 3) != 0, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

// Opens one view for several reads; gives what read_end takes.
static int connection_read_begin(lua_State *L)
{
    mb_connection *c = check_open(L);
    mb_link *link;
    mb_error err;
    if (!mbL_connection_check(L, c, &err) || !mb_snapshot_open(c, L, &link, &err))
        return mbL_fail(L, &err);
    lua_pushinteger(L, link == NULL ? 0 : link == &c->writer ? 1 : 2);
    return 1;
}

static int connection_read_end(lua_State *L)
{
    mb_connection *c = check_open(L);
    lua_Integer which = luaL_checkinteger(L, 2);
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    mb_snapshot_close(which == 0 ? NULL : which == 1 ? &c->writer : &c->reader);
    return 0;
}

static int connection_begin(lua_State *L)
{
    mb_connection *c = check_open(L);
    int timeout = (int)luaL_optinteger(L, 2, -1);
    bool managed = lua_toboolean(L, 3) != 0;
    return mbL_transaction_begin(L, c, timeout, managed);
}

// Whether the calling coroutine has a transaction open here.
static int connection_in_transaction(lua_State *L)
{
    mb_connection *c = check_open(L);
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, c->depth > 0 && c->owner == L);
    return 1;
}

static const luaL_Reg methods[] = {
    { "share", connection_share },
    { "close", connection_close },
    { "run", connection_run },
    { "row", connection_row },
    { "rows", connection_rows },
    { "value", connection_value },
    { "values", connection_values },
    { "exec", connection_exec },
    { "enter", connection_enter },
    { "leave", connection_leave },
    { "read_begin", connection_read_begin },
    { "read_end", connection_read_end },
    { "begin", connection_begin },
    { "in_transaction", connection_in_transaction },
    { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
    { "__gc", connection_gc },
    { "__close", connection_close },
    { "__tostring", connection_tostring },
    { NULL, NULL },
};

void mbL_open_connection(lua_State *L, int vm)
{
    mbL_new_type(L, CONNECTION_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_connection_functions[] = {
    { "open", core_open },
    { "canonical_path", core_canonical_path },
    { NULL, NULL },
};
