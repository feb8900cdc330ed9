#include "binding/graph_nodes.h"

#include "binding/errors.h"
#include "binding/found.h"
#include "binding/graph.h"
#include "binding/json.h"

static const char BODIES[] = "SELECT key & 4294967295, id, body FROM session_nodes"
                             " WHERE key > ($segment << 32) + $low"
                             " AND key <= ($segment << 32) + $high ORDER BY key";

// Nodes of one path being pushed.
typedef struct reading {
    mbL_vm *vm;
    mbL_query query;
    mb_ranges ranges; // where they lie, newest first
    int64_t first;    // the position of the first one that is wanted
    int count;        // how many are in the table
} reading;

// What the pushing function has on its stack.
enum { READING = 1, RESULT, ID_KEY, PARENT_KEY, PARENT };

static bool corrupt(reading *k, int64_t segment, int64_t position)
{
    return mb_reader_fail(&k->query.reader, MB_CORRUPT,
                          "the node at depth %lld of segment %lld is missing",
                          (long long)position - 1, (long long)segment);
}

static bool unreadable(reading *k, const char *id, size_t length, const char *why)
{
    return mb_reader_fail(&k->query.reader, MB_CORRUPT, "node '%.*s' cannot be read: %s",
                          length < 100 ? (int)length : 100, id, why);
}

static void set_field(lua_State *L, int key, int value)
{
    lua_pushvalue(L, key);
    lua_pushvalue(L, value);
    lua_rawset(L, -3);
}

// Appends the node of the present row, whose id is on top of the stack.
static bool push_node(lua_State *L, reading *k)
{
    mb_error err;
    size_t length, id_length;
    int id = lua_gettop(L);
    const char *name = lua_tolstring(L, id, &id_length);
    const char *body = mb_reader_text(&k->query.reader, 2, &length);
    if (body == NULL)
        return false;
    if (!mbL_json_decode(L, k->vm, body, length, &err)) {
        if (err.code == MB_SERIALIZATION)
            return unreadable(k, name, id_length, err.message);
        return mb_reader_fail(&k->query.reader, err.code, "%s", err.message);
    }
    if (!lua_istable(L, -1))
        return unreadable(k, name, id_length, "its document is none");
    set_field(L, ID_KEY, id);
    if (!lua_isnil(L, PARENT))
        set_field(L, PARENT_KEY, PARENT);
    lua_rawseti(L, RESULT, ++k->count);
    return true;
}

// Appends the nodes of one range. The id of the last one stays on the stack for the next.
static bool push_range(lua_State *L, reading *k, mb_range range)
{
    mb_reader *r = &k->query.reader;
    int64_t position = range.low;
    size_t length;
    if (!mb_reader_use(r, BODIES))
        return false;
    mb_reader_bind(r, 1, range.segment);
    mb_reader_bind(r, 2, range.low);
    mb_reader_bind(r, 3, range.high);
    while (mb_reader_row(r)) {
        if (mb_reader_integer(r, 0) != ++position)
            return corrupt(k, range.segment, position);
        const char *id = mb_reader_text(r, 1, &length);
        if (id == NULL)
            return false;
        lua_pushlstring(L, id, length);
        if (position >= k->first && !push_node(L, k))
            return false;
        lua_replace(L, PARENT);
    }
    return mb_reader_good(r) &&
           (position >= range.high || corrupt(k, range.segment, position + 1));
}

// Runs protected: gives the array of the nodes, if the reader is good then.
static int push_ranges(lua_State *L)
{
    reading *k = lua_touserdata(L, READING);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    size_t i = k->ranges.count;
    int64_t expected = i > 0 ? k->ranges.items[0].high - k->first + 1 : 0;
    lua_createtable(L, (int)expected, 0);
    lua_pushliteral(L, "id");
    lua_pushliteral(L, "parent");
    lua_pushnil(L);
    while (i-- > 0 && push_range(L, k, k->ranges.items[i])) {
    }
    lua_settop(L, RESULT);
    return 1;
}

// Finds where the nodes of the path to a place lie, from position `first` on.
static bool find_ranges(reading *k, mb_place place, int64_t first)
{
    int64_t before = first > 1 ? first - 2 : 0; // the parent is read too, for its id
    k->first = first;
    return place.segment == 0 || mb_chain_ranges(&k->query.reader, place, before, &k->ranges);
}

// Ends what `begin` began: pushes the nodes while the reader is still open. The function to be
// called and its argument are on top of the stack, for what they need was to be had before.
static int finish(lua_State *L, reading *k, bool good, bool single)
{
    int status = good ? lua_pcall(L, 1, 1, 0) : 0;
    mb_reader_close(&k->query.reader);
    mb_ranges_free(&k->ranges);
    if (status != 0)
        return lua_error(L);
    if (!mb_reader_good(&k->query.reader))
        return mbL_fail(L, &k->query.reader.err);
    if (single)
        lua_rawgeti(L, -1, 1);
    return 1;
}

static void begin(lua_State *L, reading *k)
{
    k->vm = mbL_vm_get(L);
    k->ranges = (mb_ranges){ 0 };
    k->count = 0;
    mbL_query_begin(L, &k->query);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
}

static void push_call(lua_State *L, reading *k)
{
    lua_pushcfunction(L, push_ranges);
    lua_pushlightuserdata(L, k);
}

int mbL_graph_read_path(lua_State *L)
{
    reading k;
    size_t length = 0;
    begin(L, &k);
    const char *id = lua_isnoneornil(L, 2) ? NULL : mbL_query_text(L, 2, "id", &length);
    push_call(L, &k);
    mb_tree *tree = &k.query.tree;
    bool good = mbL_query_open(L, &k.query) &&
                (id == NULL || mb_tree_locate(tree, id, length, &tree->leaf)) &&
                find_ranges(&k, tree->leaf, 1);
    return finish(L, &k, good, false);
}

int mbL_graph_read(lua_State *L)
{
    reading k;
    size_t length;
    mb_place place = { 0, 0 };
    begin(L, &k);
    const char *id = mbL_query_text(L, 2, "id", &length);
    push_call(L, &k);
    bool good = mbL_query_open(L, &k.query) &&
                mb_tree_find(&k.query.tree, id, length, &place) &&
                find_ranges(&k, place, place.position);
    return finish(L, &k, good, true);
}

int mbL_graph_read_inherited(lua_State *L)
{
    reading k;
    begin(L, &k);
    int64_t first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    push_call(L, &k);
    mb_tree *tree = &k.query.tree;
    mb_place place = { 0, 0 };
    bool good =
        mbL_query_open(L, &k.query) &&
        mb_tree_inherited(tree, last < tree->inherited ? last : tree->inherited, &place) &&
        (place.position < first || find_ranges(&k, place, first));
    return finish(L, &k, good, false);
}
