#include "binding/chain.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/found.h"

static void set_integer(lua_State *L, const char *key, int64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

static void push_ranges(lua_State *L, const mb_ranges *ranges)
{
    lua_createtable(L, (int)ranges->count, 0);
    for (size_t i = 0; i < ranges->count; i++) {
        lua_createtable(L, 0, 3);
        set_integer(L, "segment", ranges->items[i].segment);
        set_integer(L, "low", ranges->items[i].low);
        set_integer(L, "high", ranges->items[i].high);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

// core.chain_path(connection, tip, count): the ranges of a chain of `count` rows that ends in a
// segment, newest first: an array of { segment, low, high }.
static int chain_path(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    mb_place end = { luaL_checkinteger(L, 2), luaL_checkinteger(L, 3) };
    mbL_found *found = mbL_found_new(L);
    mb_reader r = { 0 };
    if (!mbL_connection_check(L, c, &r.err))
        return mbL_fail(L, &r.err);
    bool good = mb_reader_open(&r, c, L) && mb_chain_ranges(&r, end, 0, &found->ranges);
    mb_reader_close(&r);
    if (!good)
        return mbL_fail(L, &r.err);
    push_ranges(L, &found->ranges);
    mbL_found_clear(found);
    return 1;
}

// core.chain_holder(connection, tip, position): the segment that holds a position of the chain
// that ends in `tip`.
static int chain_holder(lua_State *L)
{
    mb_connection *c = mbL_check_connection(L);
    int64_t tip = luaL_checkinteger(L, 2), position = luaL_checkinteger(L, 3);
    mb_segment holder;
    mb_reader r = { 0 };
    if (!mbL_connection_check(L, c, &r.err))
        return mbL_fail(L, &r.err);
    bool good = mb_reader_open(&r, c, L) && mb_chain_holder(&r, tip, position, &holder);
    mb_reader_close(&r);
    if (!good)
        return mbL_fail(L, &r.err);
    lua_pushinteger(L, (lua_Integer)holder.id);
    return 1;
}

const luaL_Reg mbL_chain_functions[] = {
    { "chain_path", chain_path },
    { "chain_holder", chain_holder },
    { NULL, NULL },
};
