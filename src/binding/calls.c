#include "binding/calls.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/rows.h"
#include "storage/sqlite_error.h"
#include "storage/transaction.h"

// What one call needs: a statement with its arguments bound.
typedef struct call {
    mbL_vm *vm;                // the VM's state
    mb_connection *connection; // where it runs
    mb_link *link;             // the handle of it that is used
    mb_statement *statement;   // being run
    uint64_t level;            // the transaction of this call alone; 0: none
    mb_error err;              // why the call fails, if it does
} call;

// Ends the transaction of the call.
static bool leave(call *k, bool keep, mb_error *err)
{
    uint64_t level = k->level;
    if (level == 0)
        return true;
    k->level = 0;
    k->connection->abandoned = 0;
    return mb_leave(k->connection, level, keep, err);
}

// Puts the statement down, and undoes what it did alone.
static void drop(call *k)
{
    mb_error ignored;
    if (k->statement == NULL)
        return;
    mb_connection_done(k->link);
    mb_connection_failed(k->connection, k->link, &k->err);
    leave(k, false, &ignored);
}

static int fail(lua_State *L, call *k)
{
    drop(k);
    return mbL_fail(L, &k->err);
}

static bool fail_sqlite(call *k, int result)
{
    return mb_sqlite_fail(&k->err, k->link->cache.db, result, "step");
}

// A statement that gives back what it changed has changed it before its rows are
// read. When one of them cannot be, the call has failed and must have changed
// nothing: it gets a transaction, which also goes when a Lua error ends the call.
static bool enter(lua_State *L, call *k)
{
    if (k->connection->depth > 0 || !k->statement->returning)
        return true;
    k->level = k->connection->abandoned = mb_enter(k->connection, L, -1, &k->err);
    return k->level != 0;
}

// Checks argument 1, prepares argument 2, binds the others. What is wrong with
// them raises, but not before the statement is put down.
static bool start(lua_State *L, call *k)
{
    size_t length;
    k->vm = mbL_vm_get(L);
    k->connection = mbL_check_connection(L);
    const char *sql = luaL_checklstring(L, 2, &length);
    if (!mbL_connection_check(L, k->connection, &k->err))
        return false;
    k->statement = mb_connection_prepare(k->connection, L, sql, length, &k->link, &k->err);
    if (k->statement == NULL)
        return false;
    mbL_bound bound = mbL_bind(L, k->vm, k->statement, 3, &k->err);
    if (bound == MBL_MISUSED) {
        drop(k);
        mbL_raise(L, &k->err);
    }
    return bound == MBL_BOUND && enter(L, k);
}

static int step(call *k)
{
    int result = sqlite3_step(k->statement->handle);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        fail_sqlite(k, result);
    return result;
}

// Ends a call whose result is on top of the stack, and gives that. A statement
// may still fail when it is put down before it was done: what it wrote is
// checked and committed only then.
static int finish(lua_State *L, call *k)
{
    int result = mb_connection_done(k->link);
    if (result != SQLITE_OK) {
        fail_sqlite(k, result);
        return fail(L, k);
    }
    return leave(k, true, &k->err) ? 1 : mbL_fail(L, &k->err);
}

int mbL_call_run(lua_State *L)
{
    call k = { 0 };
    int result;
    if (!start(L, &k))
        return fail(L, &k);
    while ((result = step(&k)) == SQLITE_ROW) {
    }
    if (result != SQLITE_DONE)
        return fail(L, &k);
    lua_pushinteger(L, (lua_Integer)sqlite3_changes64(k.link->cache.db));
    return finish(L, &k);
}

// Pushes the present row, or its first column.
static bool push(lua_State *L, call *k, bool whole)
{
    return whole ? mbL_push_row(L, k->vm, k->statement, mbL_push_keys(L, k->statement), &k->err)
                 : mbL_push_column(L, k->vm, k->statement, 0, &k->err);
}

static int first(lua_State *L, bool whole)
{
    call k = { 0 };
    if (!start(L, &k))
        return fail(L, &k);
    int result = step(&k);
    if (result == SQLITE_DONE)
        lua_pushnil(L);
    else if (result != SQLITE_ROW || !push(L, &k, whole))
        return fail(L, &k);
    return finish(L, &k);
}

int mbL_call_row(lua_State *L)
{
    return first(L, true);
}

int mbL_call_value(lua_State *L)
{
    return first(L, false);
}

// Appends all rows to the array at 'list'.
static bool collect(lua_State *L, call *k, int list, bool whole)
{
    int result, keys = whole ? mbL_push_keys(L, k->statement) : 0;
    for (int n = 1; (result = step(k)) == SQLITE_ROW; n++) {
        if (!(whole ? mbL_push_row(L, k->vm, k->statement, keys, &k->err)
                    : mbL_push_column(L, k->vm, k->statement, 0, &k->err)))
            return false;
        lua_rawseti(L, list, n);
    }
    return result == SQLITE_DONE;
}

static int all(lua_State *L, bool whole)
{
    call k = { 0 };
    if (!start(L, &k))
        return fail(L, &k);
    lua_newtable(L);
    int list = lua_gettop(L);
    if (!collect(L, &k, list, whole))
        return fail(L, &k);
    lua_settop(L, list);
    return finish(L, &k);
}

int mbL_call_rows(lua_State *L)
{
    return all(L, true);
}

int mbL_call_values(lua_State *L)
{
    return all(L, false);
}
