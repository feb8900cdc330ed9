#include "binding/vectors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "binding/connection.h"
#include "binding/errors.h"
#include "storage/sqlite_error.h"
#include "storage/vector_search.h"
#include "storage/vector_write.h"

static const char *const metric_names[] = { "cosine", "l2", "dot", NULL };

static int invalid(lua_State *L, const char *name, const char *why)
{
    mb_error err;
    mb_error_set(&err, MB_INVALID, 0, "%s %s", name, why);
    snprintf(err.field, sizeof err.field, "%s", name);
    return mbL_fail(L, &err);
}

static int invalid_length(lua_State *L, const char *name, size_t dim, size_t found)
{
    char why[80];
    snprintf(why, sizeof why, "must have %zu numbers, not %zu", dim, found);
    return invalid(L, name, why);
}

// The numbers of the table at 1 as bytes. What a float cannot hold is as infinite as infinity.
static int vector_of_table(lua_State *L, const char *name, size_t dim)
{
    size_t length = lua_rawlen(L, 1);
    if (length != dim)
        return invalid_length(L, name, dim, length);
    uint8_t *bytes = lua_newuserdatauv(L, 4 * dim, 0);
    for (size_t i = 0; i < dim; i++) {
        lua_rawgeti(L, 1, (int)i + 1);
        double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
        lua_pop(L, 1);
        if (!isfinite((float)value))
            return invalid(L, name, "must hold finite numbers of 32 bits");
        mb_write_f32(bytes + 4 * i, (float)value);
    }
    lua_pushlstring(L, (const char *)bytes, 4 * dim);
    return 1;
}

static int vector_of_string(lua_State *L, const char *name, size_t dim)
{
    size_t length;
    const uint8_t *bytes = (const uint8_t *)lua_tolstring(L, 1, &length);
    if (length != 4 * dim && length % 4 == 0)
        return invalid_length(L, name, dim, length / 4);
    if (length != 4 * dim)
        return invalid(L, name, "must be bytes of little-endian float32 numbers");
    for (size_t i = 0; i < dim; i++) {
        if (!isfinite(mb_read_f32(bytes + 4 * i)))
            return invalid(L, name, "must hold finite numbers");
    }
    lua_pushvalue(L, 1);
    return 1;
}

static size_t check_dim(lua_State *L, int arg)
{
    lua_Number dim = luaL_checknumber(L, arg);
    luaL_argcheck(L, dim >= 1 && dim <= MB_VECTOR_MAX_DIM, arg, "out of range");
    return (size_t)dim;
}

// core.vector(value, dim, name): an array of numbers, or a string of little-endian float32, as
// such a string; or nil and the error, which calls it by that name.
static int core_vector(lua_State *L)
{
    size_t dim = check_dim(L, 2);
    const char *name = luaL_checkstring(L, 3);
    if (lua_type(L, 1) == LUA_TSTRING)
        return vector_of_string(L, name, dim);
    luaL_checktype(L, 1, LUA_TTABLE);
    return vector_of_table(L, name, dim);
}

// core.vector_numbers(bytes): the array of numbers.
static int core_vector_numbers(lua_State *L)
{
    size_t length;
    const uint8_t *bytes = (const uint8_t *)luaL_checklstring(L, 1, &length);
    lua_createtable(L, (int)(length / 4), 0);
    for (size_t i = 0; i < length / 4; i++) {
        lua_pushnumber(L, (lua_Number)mb_read_f32(bytes + 4 * i));
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

// core.vector_record(bytes, metric, serial): its codes, as they are stored in a block.
static int core_vector_record(lua_State *L)
{
    size_t length;
    const uint8_t *bytes = (const uint8_t *)luaL_checklstring(L, 1, &length);
    mb_metric metric = (mb_metric)luaL_checkoption(L, 2, NULL, metric_names);
    uint32_t serial = (uint32_t)luaL_checknumber(L, 3);
    size_t dim = length / 4;
    float *values = lua_newuserdatauv(L, length + sizeof *values, 0);
    uint8_t *record = lua_newuserdatauv(L, mb_record_size(dim), 0);
    for (size_t i = 0; i < dim; i++)
        values[i] = mb_read_f32(bytes + 4 * i);
    mb_vector_encode(values, dim, metric, serial, record);
    lua_pushlstring(L, (const char *)record, mb_record_size(dim));
    return 1;
}

const luaL_Reg mbL_vector_functions[] = {
    { "vector_record", core_vector_record },
    { "vector", core_vector },
    { "vector_numbers", core_vector_numbers },
    { NULL, NULL },
};

static const char *check_stamp(lua_State *L, int arg, size_t *length)
{
    const char *stamp = luaL_checklstring(L, arg, length);
    luaL_argcheck(L, *length > 0 && *length <= MB_STAMP_SIZE, arg, "wrong length");
    return stamp;
}

// Arguments 2 to 6: key, dim, metric, stamp, count.
static mb_vector_set check_set(lua_State *L)
{
    mb_vector_set set = { .key = (int64_t)luaL_checknumber(L, 2), .dim = check_dim(L, 3) };
    set.metric = (mb_metric)luaL_checkoption(L, 4, NULL, metric_names);
    set.stamp = check_stamp(L, 5, &set.stamp_length);
    set.count = (size_t)luaL_checknumber(L, 6);
    return set;
}

// Begins to work for the caller, who must have the transaction where it is a change.
static bool begin(lua_State *L, mb_connection *c, bool change, mb_reader *r)
{
    memset(r, 0, sizeof *r);
    if (!mbL_connection_check(L, c, &r->err))
        return false;
    if (change && (c->depth == 0 || c->owner != L))
        return mb_reader_fail(r, MB_INTERNAL, "vectors are changed inside a transaction only");
    return mb_reader_open(r, c, L);
}

static lua_Number item_number(lua_State *L, int table, size_t i)
{
    lua_rawgeti(L, table, (int)i);
    lua_Number number = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return number;
}

// The i-th vector of the table at `table`, which keeps it; NULL when it is not one.
static const uint8_t *item_vector(lua_State *L, int table, size_t i, size_t dim)
{
    lua_rawgeti(L, table, (int)i);
    bool good = lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) == 4 * dim;
    const uint8_t *bytes = good ? (const uint8_t *)lua_tolstring(L, -1, NULL) : NULL;
    lua_pop(L, 1);
    return bytes;
}

// Does something to every item of the table of serials at 9.
typedef bool change_item(lua_State *L, mb_vector_writer *w, size_t i, lua_Integer *added);

static bool put_item(lua_State *L, mb_vector_writer *w, size_t i, lua_Integer *added)
{
    bool is_new;
    const uint8_t *bytes = item_vector(L, 10, i, w->set->dim);
    if (bytes == NULL)
        return mb_reader_fail(w->reader, MB_INTERNAL, "no vector of %zu numbers", w->set->dim);
    if (!mb_vector_put(w, (uint32_t)item_number(L, 9, i), bytes, &is_new))
        return false;
    *added += is_new;
    return true;
}

static bool remove_item(lua_State *L, mb_vector_writer *w, size_t i, lua_Integer *added)
{
    --*added;
    return mb_vector_remove(w, (uint32_t)item_number(L, 9, i));
}

// Arguments 2 to 9: the set as it was, the stamp of the change, the length of the tail,
// serials. Gives how many vectors more there are.
static int change(lua_State *L, change_item *each)
{
    mb_connection *c = mbL_check_connection(L);
    mb_vector_set set = check_set(L);
    size_t length;
    const char *stamp = check_stamp(L, 7, &length);
    lua_Number tail = luaL_checknumber(L, 8);
    luaL_checktype(L, 9, LUA_TTABLE);
    luaL_checkstack(L, 8, NULL);
    lua_Integer added = 0;
    mb_reader r;
    mb_vector_writer w = { 0 };
    bool begun = begin(L, c, true, &r);
    bool done = begun && mb_vector_writer_open(&w, &r, &set, stamp, length);
    w.tail = (size_t)tail;
    for (size_t i = 1, count = lua_rawlen(L, 9); done && i <= count; i++)
        done = each(L, &w, i, &added);
    done = (!begun || mb_vector_writer_close(&w)) && done;
    mb_reader_close(&r);
    if (!done)
        return mbL_fail(L, &r.err);
    lua_pushinteger(L, added);
    return 1;
}

// connection:vectors_put(key, dim, metric, stamp, count, next, tail, serials, vectors): writes
// them, in the place of those that have the same serial, and moves some to cells where the tail
// has more than so many blocks. Gives how many are new.
int mbL_vectors_put(lua_State *L)
{
    luaL_checktype(L, 10, LUA_TTABLE);
    return change(L, put_item);
}

// connection:vectors_remove(key, dim, metric, stamp, count, next, tail, serials): removes them.
// Gives their number, negative.
int mbL_vectors_remove(lua_State *L)
{
    return change(L, remove_item);
}

// The serials of the array at `arg`, on the stack; NULL when it is nil.
static const uint32_t *push_serials(lua_State *L, int arg, size_t *count)
{
    *count = 0;
    if (lua_isnoneornil(L, arg))
        return NULL;
    luaL_checktype(L, arg, LUA_TTABLE);
    *count = lua_rawlen(L, arg);
    uint32_t *serials = lua_newuserdatauv(L, (*count + 1) * sizeof *serials, 0);
    for (size_t i = 0; i < *count; i++)
        serials[i] = (uint32_t)item_number(L, arg, i + 1);
    return serials;
}

// The query at `arg`, on the stack in both its forms.
static mb_vector_query push_query(lua_State *L, int arg, const mb_vector_set *set)
{
    size_t length;
    const uint8_t *bytes = (const uint8_t *)luaL_checklstring(L, arg, &length);
    luaL_argcheck(L, length == 4 * set->dim, arg, "wrong length");
    float *values = lua_newuserdatauv(L, length, 0);
    for (size_t i = 0; i < set->dim; i++)
        values[i] = mb_read_f32(bytes + 4 * i);
    mb_vector_query query = { .values = values, .dim = set->dim, .metric = set->metric };
    mb_vector_query_encode(&query, lua_newuserdatauv(L, mb_vector_stride(set->dim), 0));
    return query;
}

static int push_hits(lua_State *L, const mb_vector_query *query, const mb_vector_top *top)
{
    lua_createtable(L, (int)top->count, 0);
    lua_createtable(L, (int)top->count, 0);
    for (size_t i = 0; i < top->count; i++) {
        lua_pushinteger(L, (lua_Integer)top->items[i].serial);
        lua_rawseti(L, -3, (int)i + 1);
        lua_pushnumber(L, mb_vector_distance(query, top->items[i].key));
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 2;
}

// connection:vectors_search(key, dim, metric, stamp, count, query, k, exact, among, partial):
// serials and distances of the nearest k of so many, the nearest first. `among` is nil for all,
// else an ascending array of serials, of which some may have no vector where `partial` is true.
int mbL_vectors_search(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_vector_set set = check_set(L);
    mb_vector_query query = push_query(L, 7, &set);
    lua_Number k = luaL_checknumber(L, 8);
    mb_vector_wish wish = { .kernel = mb_vector_kernel_at(0), .query = &query };
    wish.exact = lua_toboolean(L, 9) != 0;
    wish.among = push_serials(L, 10, &wish.among_count);
    wish.partial = lua_toboolean(L, 11) != 0;
    wish.row = lua_newuserdatauv(L, set.dim * sizeof *wish.row, 0);
    size_t limit = wish.among != NULL ? wish.among_count : set.count;
    mb_vector_top top = { .limit = k < (lua_Number)limit ? (size_t)k : limit };
    top.items = lua_newuserdatauv(L, (top.limit + 1) * sizeof *top.items, 0);
    mb_reader r;
    bool done = begin(L, c, false, &r);
    if (done && top.limit > 0)
        done = mb_vector_search(&r, &set, &wish, &top);
    mb_reader_close(&r);
    return done ? push_hits(L, &query, &top) : mbL_fail(L, &r.err);
}

// connection:vectors_cache([bytes]): sets the limit of the codes kept in memory; gives how many
// bytes of them there are.
int mbL_vectors_cache(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_error err;
    if (!mbL_connection_check(L, c, &err))
        return mbL_fail(L, &err);
    if (!lua_isnoneornil(L, 2) && !mb_vector_cache_limit(c, (size_t)luaL_checknumber(L, 2))) {
        mb_sqlite_fail(&err, NULL, SQLITE_NOMEM, "keep vectors");
        return mbL_fail(L, &err);
    }
    lua_pushinteger(L, (lua_Integer)mb_vector_cache_bytes(c));
    return 1;
}
