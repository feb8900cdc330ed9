#include "binding/transaction.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/types.h"
#include "storage/timeout.h"
#include "storage/transaction.h"

static const char TRANSACTION_TYPE[] = "moonbase.transaction";

typedef enum status {
    ACTIVE,
    PREPARING,
    COMMITTING,
    ROLLING_BACK,
    COMMITTED,
    ROLLED_BACK
} status;

static const char *const status_names[] = {
    "active", "preparing", "committing", "rolling_back", "committed", "rolled_back", NULL
};

typedef struct transaction {
    mb_connection *connection; // a reference of its own; NULL once let go
    uint64_t serial;           // the level it opened
    const lua_State *owner;    // the coroutine that began it
    status status;             // as told by itself; see refresh
    bool managed;              // ended by the function that runs it
    bool timed_out;            // rolled back by somebody else; its owner may have to be told
} transaction;

// The user value holds what the userdata keeps alive and shows: the owner, whose
// address must not be given to another coroutine before this is finalized, and
// the fields that the Lua layer adds (id, parts).
static void set_uservalue(lua_State *L)
{
    lua_createtable(L, 1, 0);
    lua_pushthread(L);
    lua_rawseti(L, -2, 1);
    lua_setiuservalue(L, -2, 1);
}

static transaction *new_transaction(lua_State *L, mb_connection *c, bool managed)
{
    transaction *t = lua_newuserdatauv(L, sizeof *t, 1);
    *t = (transaction){ .owner = L, .status = ROLLED_BACK, .managed = managed };
    luaL_setmetatable(L, TRANSACTION_TYPE);
    set_uservalue(L);
    t->connection = mb_connection_retain(c);
    return t;
}

static void let_go(transaction *t)
{
    mb_connection *c = t->connection;
    t->connection = NULL;
    if (c != NULL && t->timed_out)
        mb_timeout_forget(c, t->serial);
    if (c != NULL)
        mb_connection_release(c);
}

int mbL_transaction_begin(lua_State *L, mb_connection *c, int timeout, bool managed)
{
    mb_error err;
    transaction *t = new_transaction(L, c, managed);
    if (mbL_connection_check(L, c, &err))
        t->serial = mb_enter(c, L, timeout, &err);
    if (t->serial == 0) {
        let_go(t);
        return mbL_fail(L, &err);
    }
    t->status = ACTIVE;
    return 1;
}

static bool is_open(const transaction *t)
{
    return t->status == ACTIVE || t->status == PREPARING;
}

// A savepoint ends with the level around it, without being told.
static void refresh(transaction *t)
{
    if (is_open(t) && !mb_level_open(t->connection, t->serial)) {
        t->status = ROLLED_BACK;
        let_go(t);
    }
}

static transaction *check(lua_State *L)
{
    return luaL_checkudata(L, 1, TRANSACTION_TYPE);
}

// The transaction of argument 1, which must be open and the caller's own.
static transaction *check_active(lua_State *L)
{
    transaction *t = check(L);
    mb_error err;
    if (t->connection != NULL && !mbL_connection_check(L, t->connection, &err))
        mbL_raise(L, &err);
    refresh(t);
    if (!is_open(t))
        mb_error_set(&err, MB_CLOSED, 0, "the transaction has ended: %s",
                     status_names[t->status]);
    else if (t->owner != L)
        mb_error_set(&err, MB_WRONG_COROUTINE, 0,
                     "the transaction belongs to another coroutine");
    else
        return t;
    mbL_raise(L, &err);
    return NULL;
}

static transaction *check_ending(lua_State *L)
{
    transaction *t = check_active(L);
    if (t->managed)
        mbL_misuse(L, 1, "the function that runs this transaction ends it");
    return t;
}

static int finish(lua_State *L, transaction *t, bool keep)
{
    mb_error err;
    bool kept;
    t->status = keep ? COMMITTING : ROLLING_BACK;
    kept = mb_leave(t->connection, t->serial, keep, &err);
    t->status = keep && kept ? COMMITTED : ROLLED_BACK;
    let_go(t);
    if (!kept)
        return mbL_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

int mbL_transaction_leave(lua_State *L, int idx, bool keep)
{
    transaction *t = luaL_checkudata(L, idx, TRANSACTION_TYPE);
    mb_error err;
    refresh(t);
    if (is_open(t))
        return finish(L, t, keep);
    mb_error_set(&err, MB_CLOSED, 0, "the transaction has ended");
    return mbL_fail(L, &err);
}

static int transaction_commit(lua_State *L)
{
    return finish(L, check_ending(L), true);
}

static int transaction_rollback(lua_State *L)
{
    return finish(L, check_ending(L), false);
}

static int transaction_savepoint(lua_State *L)
{
    transaction *t = check_active(L);
    return mbL_transaction_begin(L, t->connection, -1, false);
}

static int transaction_status(lua_State *L)
{
    transaction *t = check(L);
    refresh(t);
    lua_pushstring(L, status_names[t->status]);
    return 1;
}

// Raises unless the transaction is open and the caller's own.
static int transaction_assert(lua_State *L)
{
    check_active(L);
    return 0;
}

// Nothing of one that was not ended may stay. True when it was open.
static bool abandon(transaction *t)
{
    mb_error ignored;
    bool open = is_open(t) && mb_connection_owned(t->connection, &ignored) &&
                mb_level_open(t->connection, t->serial);
    if (open)
        mb_abandon(t->connection, t->serial);
    if (is_open(t))
        t->status = ROLLED_BACK;
    let_go(t);
    return open;
}

// Pushes the fields of the transaction at 1, nil when there are none.
static void push_fields(lua_State *L)
{
    lua_getiuservalue(L, 1, 1);
    lua_getfield(L, -1, "fields");
    lua_remove(L, -2);
}

// Pushes the function that a field holds; or nothing.
static bool push_hook(lua_State *L, const char *name)
{
    push_fields(L);
    if (lua_istable(L, -1)) {
        lua_pushstring(L, name);
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    if (lua_isfunction(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

// Collected: the field `abandoned` is called. No error may leave a finalizer.
static int transaction_gc(lua_State *L)
{
    bool open = abandon(check(L));
    if (open && push_hook(L, "abandoned") && lua_pcall(L, 0, 0, 0) != 0)
        lua_pop(L, 1);
    return 0;
}

// Whatever the field `close` left open.
static int close_rest(lua_State *L)
{
    transaction *t = check(L);
    mb_error err;
    if (t->connection != NULL && mbL_connection_check(L, t->connection, &err))
        refresh(t);
    abandon(t);
    return 0;
}

#if LUA_VERSION_NUM >= 504

static int after_close(lua_State *L, int how, lua_KContext context)
{
    (void)how;
    (void)context;
    return close_rest(L);
}

// Left without an end: the field `close` sees to it. It calls functions of the user's, which
// may yield.
static int transaction_close(lua_State *L)
{
    check(L);
    if (push_hook(L, "close")) {
        lua_pushvalue(L, 1);
        lua_callk(L, 1, 0, 0, after_close);
    }
    return close_rest(L);
}

#else

// No scope of LuaJIT's ends like that.
static int transaction_close(lua_State *L)
{
    return close_rest(L);
}

#endif

// What is in the fields themselves, then the methods (upvalue 2), then what the fields find.
static int transaction_index(lua_State *L)
{
    luaL_checkudata(L, 1, TRANSACTION_TYPE);
    push_fields(L);
    bool dressed = lua_istable(L, -1);
    if (dressed) {
        lua_pushvalue(L, 2);
        lua_rawget(L, -2);
        if (!lua_isnil(L, -1))
            return 1;
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    if (!lua_isnil(L, -1) || !dressed)
        return 1;
    lua_pushvalue(L, 2);
    lua_gettable(L, -3);
    return 1;
}

static int transaction_tostring(lua_State *L)
{
    transaction *t = check(L);
    lua_pushfstring(L, "moonbase.transaction (%s)", status_names[t->status]);
    return 1;
}

// core.finish(transaction, keep): ends a managed one.
static int core_finish(lua_State *L)
{
    return finish(L, check_active(L), lua_toboolean(L, 2) != 0);
}

// core.phase(transaction, name): what its status is said to be meanwhile.
static int core_phase(lua_State *L)
{
    transaction *t = check(L);
    t->status = (status)luaL_checkoption(L, 2, NULL, status_names);
    return 0;
}

// core.timeout(transaction): rolls it back, by whomever it is called. Its owner is told at his
// next call, or, if it is managed, at each one until core.told.
static int core_timeout(lua_State *L)
{
    transaction *t = check(L);
    mb_error err;
    refresh(t);
    if (!is_open(t))
        mb_error_set(&err, MB_CLOSED, 0, "the transaction has ended");
    else if (mb_connection_owned(t->connection, &err)) {
        mb_connection_tidy(t->connection);
        t->timed_out = mb_timeout_transaction(t->connection, t->serial, t->managed, &err);
    }
    if (!t->timed_out)
        return mbL_fail(L, &err);
    t->status = ROLLED_BACK;
    lua_pushboolean(L, 1);
    return 1;
}

// core.told(transaction): its owner knows that it timed out.
static int core_told(lua_State *L)
{
    transaction *t = check(L);
    if (t->timed_out)
        let_go(t);
    return 0;
}

// core.fields(transaction, table): what indexing it finds before and behind its methods.
static int core_fields(lua_State *L)
{
    check(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "fields");
    return 0;
}

static const luaL_Reg methods[] = {
    { "commit", transaction_commit },        { "rollback", transaction_rollback },
    { "savepoint", transaction_savepoint },  { "status", transaction_status },
    { "assert_active", transaction_assert }, { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
    { "__index", transaction_index },
    { "__gc", transaction_gc },
    { "__close", transaction_close },
    { "__tostring", transaction_tostring },
    { NULL, NULL },
};

void mbL_open_transaction(lua_State *L, int vm)
{
    mbL_new_type(L, TRANSACTION_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_transaction_functions[] = {
    { "finish", core_finish },   { "fields", core_fields }, { "phase", core_phase },
    { "timeout", core_timeout }, { "told", core_told },     { NULL, NULL },
};
