#include "binding/graph_edge.h"

#include <math.h>

#include "binding/json.h"

void mbL_push_weight(lua_State *L, double weight)
{
    if (fabs(weight) <= (double)MBL_MAX_EXACT && floor(weight) == weight)
        lua_pushinteger(L, (lua_Integer)weight);
    else
        lua_pushnumber(L, weight);
}

static bool set_text(lua_State *L, mb_reader *r, int column, const char *name)
{
    size_t length;
    const char *text = mb_reader_text(r, column, &length);
    if (text == NULL)
        return false;
    lua_pushlstring(L, text, length);
    lua_setfield(L, -2, name);
    return true;
}

static bool set_name(lua_State *L, mb_reader *r, int column, const char *name)
{
    if (mb_reader_is_null(r, column))
        return mb_reader_fail(r, MB_CORRUPT, "an edge has lost a name: its '%s'", name);
    return set_text(L, r, column, name);
}

static void set_time(lua_State *L, mb_reader *r, int column, const char *name)
{
    int64_t stored = mb_reader_integer(r, column);
    if (stored == 0)
        return;
    lua_pushinteger(L, (lua_Integer)(stored > 0 ? stored - 1 : stored));
    lua_setfield(L, -2, name);
}

static bool set_data(lua_State *L, mbL_vm *vm, mb_reader *r)
{
    size_t length;
    mb_error err;
    const char *text = mb_reader_text(r, MB_EDGE_DATA, &length);
    if (text == NULL)
        return false;
    if (!mbL_json_decode(L, vm, text, length, &err)) {
        mb_code code = err.code == MB_SERIALIZATION ? MB_CORRUPT : err.code;
        return mb_reader_fail(r, code, "the data of an edge cannot be read: %s", err.message);
    }
    lua_setfield(L, -2, "data");
    return true;
}

// Pushes the edge of the present row.
static bool push_edge(lua_State *L, mbL_vm *vm, mb_direction direction, mb_reader *r)
{
    lua_createtable(L, 0, 9);
    if (!set_name(L, r, MB_EDGE_FROM, "from") || !set_name(L, r, MB_EDGE_REL, "rel") ||
        !set_name(L, r, MB_EDGE_TO, "to"))
        return false;
    lua_getfield(L, -1, direction == MB_IN ? "from" : "to");
    lua_setfield(L, -2, "node");
    mbL_push_weight(L, mb_reader_number(r, MB_EDGE_WEIGHT));
    lua_setfield(L, -2, "weight");
    set_time(L, r, MB_EDGE_SINCE, "valid_from");
    set_time(L, r, MB_EDGE_UNTIL, "valid_to");
    if (!mb_reader_is_null(r, MB_EDGE_SOURCE) && !set_text(L, r, MB_EDGE_SOURCE, "source"))
        return false;
    return mb_reader_is_null(r, MB_EDGE_DATA) || set_data(L, vm, r);
}

bool mbL_judge_edge(void *judge, mb_reader *r, bool *accepted)
{
    const mbL_edge_judge *j = judge;
    lua_State *L = j->L;
    int top = lua_gettop(L);
    lua_pushvalue(L, j->function);
    if (!push_edge(L, j->vm, j->direction, r))
        return false;
    lua_call(L, 1, 1);
    *accepted = lua_toboolean(L, -1) != 0;
    lua_settop(L, top);
    return true;
}
