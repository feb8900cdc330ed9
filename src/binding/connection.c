#include "binding/connection.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "binding/calls.h"
#include "binding/errors.h"
#include "binding/property_graph.h"
#include "binding/text.h"
#include "binding/transaction.h"
#include "binding/types.h"
#include "binding/vectors.h"
#include "binding/wipe.h"
#include "binding/writes.h"
#include "storage/inherited.h"
#include "storage/path.h"
#include "storage/timeout.h"
#include "storage/transaction.h"

static const char CONNECTION_TYPE[] = "moonbase.connection";
static const char LOADED_BY[] = "moonbase.pid"; // registry: the process that loaded the module

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

mb_connection *mbL_check_connection(lua_State *L)
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

static bool option_is(lua_State *L, int options, const char *name, const char *choice)
{
    lua_getfield(L, options, name);
    bool is = lua_isstring(L, -1) && strcmp(lua_tostring(L, -1), choice) == 0;
    lua_pop(L, 1);
    return is;
}

// Milliseconds at 'idx': what is longer than an int can say is for ever.
static int milliseconds(lua_State *L, int idx, int otherwise)
{
    lua_Number value = luaL_optnumber(L, idx, otherwise);
    return value < INT_MAX ? value > INT_MIN ? (int)value : 0 : INT_MAX;
}

static int option_milliseconds(lua_State *L, int options, const char *name, int otherwise)
{
    lua_getfield(L, options, name);
    int value = milliseconds(L, -1, otherwise);
    lua_pop(L, 1);
    return value;
}

// Whether this process came from a fork after the module was loaded.
static bool is_forked_child(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LOADED_BY);
    bool forked = lua_tonumber(L, -1) != (lua_Number)getpid();
    lua_pop(L, 1);
    return forked;
}

void mbL_before_open(lua_State *L)
{
    if (is_forked_child(L))
        mb_forget_inherited();
}

// core.open(path, {readonly, create, busy_timeout, raw}): a connection, or nil and
// the error. Nothing is written to the file yet.
static int core_open(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    mb_open_options options = {
        .readonly = option_boolean(L, 2, "readonly", false),
        .create = option_boolean(L, 2, "create", true),
        .busy_timeout = option_milliseconds(L, 2, "busy_timeout", 5000),
        .raw = option_boolean(L, 2, "raw", false),
        .watched = option_is(L, 2, "journal", "truncate"),
    };
    mb_error err;
    handle *h = new_handle(L);
    mbL_before_open(L);
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

// The same whatever the caller may have to be told.
static bool may_be_used(lua_State *L, mb_connection *c, mb_error *err)
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

bool mbL_connection_check(lua_State *L, mb_connection *c, mb_error *err)
{
    return may_be_used(L, c, err) && mb_connection_in_place(c, err) &&
           (MB_LIKELY(c->timeout_count == 0) || !mb_timed_out(c, L, err));
}

static int connection_share(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
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
    bool own = h->connection == NULL || may_be_used(L, h->connection, &err);
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

static int connection_exec(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
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

// What Lua needs to call the function inside a level or view, and then to leave
// it, is had beforehand: a lack of memory between would leave it open.
static void reserve_calls(lua_State *L)
{
    luaL_checkstack(L, 4 * LUA_MINSTACK, NULL);
    lua_pushcfunction(L, nothing);
    lua_call(L, 0, 0);
}

// Whether a coroutine is running, which may be dropped in the middle.
static bool in_coroutine(lua_State *L)
{
    bool main = lua_pushthread(L) == 1;
    lua_pop(L, 1);
    return !main;
}

// Opens a level; gives what `leave` takes. The outermost level of a coroutine is
// a transaction userdata: it keeps the coroutine's address from being another's
// while the level is open, and is rolled back when the coroutine is collected.
static int connection_enter(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    reserve_calls(L);
    if (c->depth == 0 && in_coroutine(L))
        return mbL_transaction_begin(L, c, -1, true);
    uint64_t serial = mbL_connection_check(L, c, &err) ? mb_enter(c, L, -1, &err) : 0;
    if (serial == 0)
        return mbL_fail(L, &err);
    lua_pushinteger(L, (lua_Integer)serial);
    return 1;
}

static int connection_leave(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    bool keep = lua_toboolean(L, 3) != 0;
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    if (lua_isuserdata(L, 2))
        return mbL_transaction_leave(L, 2, keep);
    if (!mb_leave(c, (uint64_t)luaL_checkinteger(L, 2), keep, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

// Opens one view for several reads; gives what read_end takes.
static int connection_read_begin(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_link *link;
    mb_error err;
    reserve_calls(L);
    if (!mbL_connection_check(L, c, &err) || !mb_snapshot_open(c, L, &link, &err))
        return mbL_fail(L, &err);
    lua_pushinteger(L, link == NULL ? 0 : link == &c->writer ? 1 : 2);
    return 1;
}

static int connection_read_end(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    lua_Integer which = luaL_checkinteger(L, 2);
    mb_error err;
    if (!may_be_used(L, c, &err))
        return mbL_fail(L, &err);
    mb_snapshot_close(which == 0 ? NULL : which == 1 ? &c->writer : &c->reader);
    return 0;
}

static int connection_begin(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    int timeout = milliseconds(L, 2, -1);
    bool managed = lua_toboolean(L, 3) != 0;
    reserve_calls(L);
    return mbL_transaction_begin(L, c, timeout, managed);
}

// Whether the calling coroutine has a transaction open here.
static int connection_in_transaction(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    if (!may_be_used(L, c, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, c->depth > 0 && c->owner == L);
    return 1;
}

// Whether the file that the connection is on does not bear its name any more.
static int connection_moved(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, mb_connection_moved(c));
    return 1;
}

// How many prepared statements are kept.
static int connection_statements(lua_State *L)
{
    const mb_connection *c = mbL_check_connection(L);
    lua_pushinteger(L, c->writer.cache.count + c->reader.cache.count);
    return 1;
}

// Rolls back what the calling coroutine seems to have open: nginx gives the coroutine of a
// request that is over to another one.
static int connection_disown(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    if (!may_be_used(L, c, &err))
        return mbL_fail(L, &err);
    if (c->depth > 0 && c->owner == L && !mb_leave(c, c->levels[0].serial, false, &err))
        return mbL_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

static const luaL_Reg methods[] = {
    { "moved", connection_moved },
    { "share", connection_share },
    { "close", connection_close },
    { "run", mbL_call_run },
    { "row", mbL_call_row },
    { "rows", mbL_call_rows },
    { "value", mbL_call_value },
    { "values", mbL_call_values },
    { "exec", connection_exec },
    { "enter", connection_enter },
    { "leave", connection_leave },
    { "read_begin", connection_read_begin },
    { "read_end", connection_read_end },
    { "begin", connection_begin },
    { "in_transaction", connection_in_transaction },
    { "disown", connection_disown },
    { "statements", connection_statements },
    { "watch", mbL_writes_watch },
    { "record", mbL_writes_record },
    { "written", mbL_writes_written },
    { "graph_neighbors", mbL_graph_neighbors },
    { "graph_walk", mbL_graph_walk },
    { "graph_path", mbL_graph_path },
    { "graph_rank", mbL_graph_rank },
    { "text_put", mbL_text_put },
    { "text_remove", mbL_text_remove },
    { "text_drop", mbL_text_drop },
    { "text_search", mbL_text_search },
    { "text_check", mbL_text_check },
    { "vectors_put", mbL_vectors_put },
    { "vectors_remove", mbL_vectors_remove },
    { "vectors_search", mbL_vectors_search },
    { "vectors_cache", mbL_vectors_cache },
    { "wipe", mbL_wipe },
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
    lua_pushnumber(L, (lua_Number)getpid());
    lua_setfield(L, LUA_REGISTRYINDEX, LOADED_BY);
    mbL_new_type(L, CONNECTION_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_connection_functions[] = {
    { "open", core_open },
    { "canonical_path", core_canonical_path },
    { NULL, NULL },
};
