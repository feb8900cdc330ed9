#include "binding/property_graph.h"

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/graph_edge.h"
#include "binding/types.h"
#include "storage/graph_path.h"
#include "storage/graph_rank.h"
#include "storage/graph_walk.h"
#include "storage/node_set.h"

static const char ARENA_TYPE[] = "moonbase.arena";
static const char *const directions[] = { "out", "in", "both", NULL };

// Arguments that all calls have, and the first of their own.
enum { SCOPE = 2, AT, LIMIT, OWN };

// One call.
typedef struct call {
    mb_connection *connection;
    mb_reader reader;
    mb_arena *arena; // what it keeps while it runs, and its result
    mb_graph graph;
    mb_hits hits;
    int64_t limit;
    mbL_vm *vm;
    bool (*run)(lua_State *L, struct call *k);
    double cost; // of a way
} call;

static mb_arena *new_arena(lua_State *L)
{
    mb_arena *arena = lua_newuserdatauv(L, sizeof *arena, 0);
    *arena = (mb_arena){ 0 };
    luaL_setmetatable(L, ARENA_TYPE);
    return arena;
}

static int arena_gc(lua_State *L)
{
    mb_arena_free(luaL_checkudata(L, 1, ARENA_TYPE));
    return 0;
}

static int64_t optional(lua_State *L, int arg, int64_t otherwise)
{
    return lua_isnoneornil(L, arg) ? otherwise : luaL_checkinteger(L, arg);
}

// Reads the common arguments. Leaves the arena on the stack.
static void begin(lua_State *L, call *k, bool (*run)(lua_State *L, call *k))
{
    *k = (call){ .vm = mbL_vm_get(L), .connection = mbL_check_connection(L), .run = run };
    k->graph.scope = luaL_checkinteger(L, SCOPE);
    k->graph.timed = !lua_isnoneornil(L, AT);
    k->graph.at = mb_edge_time(optional(L, AT, 0));
    k->limit = optional(L, LIMIT, MB_ALL);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    k->arena = new_arena(L);
    k->graph.arena = k->arena;
    k->graph.reader = &k->reader;
    mb_hits_init(&k->hits, k->arena, k->limit);
}

// Runs protected, with the call as argument 1: Lua may run while rows are read.
static int run_call(lua_State *L)
{
    call *k = lua_touserdata(L, 1);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (k->run(L, k))
        mb_hits_finish(&k->hits, &k->reader);
    return 0;
}

// Runs the call, with a copy of each of its own arguments for it. Gives whether all went well.
static bool run(lua_State *L, call *k)
{
    int top = lua_gettop(L), status = 0;
    lua_pushcfunction(L, run_call);
    lua_pushlightuserdata(L, k);
    for (int arg = OWN; arg < top; arg++)
        lua_pushvalue(L, arg);
    if (k->limit == 0) {
        lua_settop(L, top);
        return true;
    }
    if (mbL_connection_check(L, k->connection, &k->reader.err) &&
        mb_reader_open(&k->reader, k->connection, L))
        status = lua_pcall(L, lua_gettop(L) - top - 1, 0, 0);
    mb_reader_close(&k->reader);
    if (status != 0)
        lua_error(L);
    lua_settop(L, top);
    return mb_reader_good(&k->reader);
}

// Own arguments as run_call has them.
enum { FIRST = 2, SECOND, THIRD, FOURTH, FIFTH };

static const char *text_at(lua_State *L, int index, size_t *length)
{
    const char *text = lua_tolstring(L, index, length);
    *length = text == NULL ? 0 : *length;
    return text == NULL ? "" : text;
}

// The node named at `index`; 0 when the graph has none of that name.
static bool find_node(lua_State *L, call *k, int index, int64_t *key)
{
    size_t length;
    const char *name = text_at(L, index, &length);
    return mb_graph_node(&k->graph, name, length, key);
}

static mb_direction direction_at(lua_State *L, int index)
{
    return (mb_direction)(luaL_checkoption(L, index, "out", directions) + 1);
}

// The relation named at `index`, nil for any.
static bool find_relation(lua_State *L, call *k, int index, int64_t *relation)
{
    size_t length;
    *relation = MB_ANY_RELATION;
    if (lua_isnoneornil(L, index))
        return true;
    const char *name = text_at(L, index, &length);
    if (!mb_graph_relation(&k->graph, name, length, relation))
        return false;
    if (*relation == 0)
        *relation = MB_NO_RELATION;
    return true;
}

static bool find_way(lua_State *L, call *k, int direction, int relation, mb_way *way)
{
    *way = (mb_way){ .direction = direction_at(L, direction) };
    return find_relation(L, k, relation, &way->relation);
}

// Whether a node is there at the time that the call is about.
static bool is_there(call *k, int64_t node, bool *there)
{
    *there = node != 0;
    return node == 0 || !k->graph.timed || mb_graph_has(&k->graph, node, there);
}

// The nodes named in the array at `index` that are there, each once.
static bool find_nodes(lua_State *L, call *k, int index, mb_node_set *set)
{
    int64_t key;
    bool there;
    mb_node_set_init(set, k->arena);
    for (size_t i = 1, count = lua_rawlen(L, index); i <= count; i++) {
        lua_rawgeti(L, index, (int)i);
        bool good = find_node(L, k, -1, &key);
        lua_pop(L, 1);
        if (!good || !is_there(k, key, &there))
            return false;
        if (there && mb_node_set_add(set, key) == MB_NO_NODE)
            return mb_reader_no_memory(&k->reader);
    }
    return true;
}

static bool run_neighbors(lua_State *L, call *k)
{
    int64_t node;
    mb_way way;
    if (!find_node(L, k, FIRST, &node) || !find_way(L, k, SECOND, THIRD, &way))
        return false;
    return node == 0 || mb_graph_neighbors(&k->graph, &way, node, &k->hits);
}

// Reads a step from the table at the top of the stack. Its function stays there.
static bool read_step(lua_State *L, call *k, mb_step *step, mbL_edge_judge *judge)
{
    int table = lua_gettop(L);
    static const char *const fields[] = { "direction", "rel", "min", "max", "accept" };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        lua_getfield(L, table, fields[i]);
    step->deep = !lua_isnil(L, table + 3);
    step->min = optional(L, table + 3, 1);
    step->max = optional(L, table + 4, 1);
    if (!find_way(L, k, table + 1, table + 2, &step->way))
        return false;
    *judge = (mbL_edge_judge){ L, k->vm, table + 5, step->way.direction };
    step->way.accept = lua_isnil(L, table + 5) ? NULL : mbL_judge_edge;
    step->way.judge = judge;
    return true;
}

// Reads the array of steps at `index`.
static bool read_steps(lua_State *L, call *k, int index, mb_step **steps, size_t *count)
{
    *count = lua_rawlen(L, index);
    *steps = mb_arena_take(k->arena, (*count + 1) * sizeof **steps);
    mbL_edge_judge *judges = mb_arena_take(k->arena, (*count + 1) * sizeof *judges);
    if (*steps == NULL || judges == NULL)
        return mb_reader_no_memory(&k->reader);
    for (size_t i = 0; i < *count; i++) {
        luaL_checkstack(L, LUA_MINSTACK, "too many steps");
        lua_rawgeti(L, index, (int)i + 1);
        if (!read_step(L, k, *steps + i, judges + i))
            return false;
    }
    return true;
}

static bool run_walk(lua_State *L, call *k)
{
    mb_node_set starts;
    mb_step *steps;
    size_t count;
    if (!find_nodes(L, k, FIRST, &starts) || !read_steps(L, k, SECOND, &steps, &count))
        return false;
    mb_visit *visits = mb_arena_take(k->arena, (starts.count + 1) * sizeof *visits);
    if (visits == NULL)
        return mb_reader_no_memory(&k->reader);
    for (size_t i = 0; i < starts.count; i++)
        visits[i].node = starts.keys[i];
    return mb_graph_walk(&k->graph, visits, starts.count, steps, count, k->limit, &k->hits);
}

static bool run_path(lua_State *L, call *k)
{
    mb_path_wish wish = { .max = optional(L, FIFTH, INT64_MAX) };
    bool there = true;
    if (!find_node(L, k, FIRST, &wish.from) || !find_node(L, k, SECOND, &wish.to) ||
        !find_way(L, k, THIRD, FOURTH, &wish.way))
        return false;
    if (wish.from == 0 || wish.to == 0)
        return true;
    if (wish.from == wish.to && !is_there(k, wish.from, &there))
        return false;
    if (!there)
        return true;
    if (lua_toboolean(L, FIFTH + 1))
        return wish.max == INT64_MAX
                   ? mb_graph_cheapest(&k->graph, &wish, &k->hits, &k->cost)
                   : mb_graph_cheapest_within(&k->graph, &wish, &k->hits, &k->cost);
    if (!mb_graph_path(&k->graph, &wish, &k->hits))
        return false;
    k->cost = (double)k->hits.count - 1;
    return true;
}

static bool run_rank(lua_State *L, call *k)
{
    mb_node_set seeds;
    double alpha = luaL_checknumber(L, SECOND);
    return find_nodes(L, k, FIRST, &seeds) &&
           mb_graph_rank(&k->graph, seeds.keys, seeds.count, alpha, &k->hits);
}

static void push_name(lua_State *L, const mb_graph_name *name)
{
    lua_pushlstring(L, name->text.bytes, name->length);
}

// Pushes the array of the hits as tables: the node, its value under the name on top of the
// stack, and the relation where there is one.
static void push_hits(lua_State *L, const mb_hits *hits, void (*push)(lua_State *, double))
{
    int value = lua_gettop(L);
    lua_pushliteral(L, "node");
    lua_pushliteral(L, "rel");
    lua_createtable(L, (int)hits->count, 0);
    for (size_t i = 0; i < hits->count; i++) {
        const mb_hit *hit = &hits->items[i];
        lua_createtable(L, 0, 3);
        lua_pushvalue(L, value + 1);
        push_name(L, &hit->name);
        lua_rawset(L, -3);
        lua_pushvalue(L, value);
        push(L, hit->value);
        lua_rawset(L, -3);
        if (hit->relation != NULL) {
            lua_pushvalue(L, value + 2);
            push_name(L, hit->relation);
            lua_rawset(L, -3);
        }
        lua_rawseti(L, -2, (int)i + 1);
    }
}

// Runs a call that gives hits with a value of that name.
static int list(lua_State *L, bool (*how)(lua_State *L, call *k), const char *value,
                void (*push)(lua_State *, double))
{
    call k;
    begin(L, &k, how);
    if (!run(L, &k))
        return mbL_fail(L, &k.reader.err);
    lua_pushstring(L, value);
    push_hits(L, &k.hits, push);
    mb_arena_free(k.arena);
    return 1;
}

static void push_score(lua_State *L, double score)
{
    lua_pushnumber(L, score);
}

int mbL_graph_neighbors(lua_State *L)
{
    return list(L, run_neighbors, "weight", mbL_push_weight);
}

int mbL_graph_walk(lua_State *L)
{
    return list(L, run_walk, "distance", mbL_push_weight);
}

int mbL_graph_rank(lua_State *L)
{
    return list(L, run_rank, "score", push_score);
}

int mbL_graph_path(lua_State *L)
{
    call k;
    begin(L, &k, run_path);
    if (!run(L, &k))
        return mbL_fail(L, &k.reader.err);
    if (k.hits.count == 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, (int)k.hits.count, 0);
    for (size_t i = 0; i < k.hits.count; i++) {
        push_name(L, &k.hits.items[i].name);
        lua_rawseti(L, -2, (int)i + 1);
    }
    mbL_push_weight(L, k.cost);
    mb_arena_free(k.arena);
    return 2;
}

void mbL_open_property_graph(lua_State *L, int vm)
{
    static const luaL_Reg metamethods[] = { { "__gc", arena_gc }, { NULL, NULL } };
    static const luaL_Reg methods[] = { { NULL, NULL } };
    mbL_new_type(L, ARENA_TYPE, vm, metamethods, methods);
}
