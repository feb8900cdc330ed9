#include "binding/graph.h"

#include <math.h>
#include <string.h>

#include "binding/connection.h"
#include "binding/errors.h"
#include "binding/found.h"
#include "binding/graph_nodes.h"
#include "binding/types.h"

static const char GRAPH_TYPE[] = "moonbase.graph";

// A session's graph has as user values the connection's handle, and the transaction that it
// belongs to, if any; the store's own has what the Lua layer needs for it.
typedef struct graph {
    int64_t session;     // key of the session; 0: the store's own graph
    size_t id_length;    // of the session's id, which follows; 0: it is not known
    size_t scope_length; // of the name of its scope, which follows that
} graph;

enum { HANDLE = 1, TRANSACTION = 2 };

// Pushes a graph with room for so much text.
static graph *push_graph(lua_State *L, size_t length)
{
    graph *g = lua_newuserdatauv(L, sizeof *g + length, 2);
    *g = (graph){ 0 };
    luaL_setmetatable(L, GRAPH_TYPE);
    return g;
}

// core.session_graph(connection, key, transaction?, id?, scope?): the graph of the session of
// that key; with its id and the name of its scope, of no other that has the key later.
static int core_session_graph(lua_State *L)
{
    size_t id_length, scope_length;
    mbL_check_connection(L);
    int64_t session = luaL_checkinteger(L, 2);
    const char *id = luaL_optlstring(L, 4, "", &id_length);
    const char *scope = luaL_optlstring(L, 5, "", &scope_length);
    luaL_argcheck(L, id_length + scope_length <= sizeof((mbL_query *)0)->text, 4, "too long");
    lua_settop(L, 5);
    graph *g = push_graph(L, id_length + scope_length);
    *g = (graph){ session, id_length, scope_length };
    memcpy(g + 1, id, id_length);
    memcpy((char *)(g + 1) + id_length, scope, scope_length);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, HANDLE);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, TRANSACTION);
    return 1;
}

// core.property_graph(context): the graph of the store.
static int core_property_graph(lua_State *L)
{
    luaL_checkany(L, 1);
    push_graph(L, 0);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, HANDLE);
    return 1;
}

// core.graph_context(graph): what the graph of the store was made with. Raises for another.
static int core_graph_context(lua_State *L)
{
    const graph *g = luaL_checkudata(L, 1, GRAPH_TYPE);
    if (g->session != 0)
        mbL_misuse(L, 1, "the store's graph expected, got a session's");
    lua_getiuservalue(L, 1, HANDLE);
    return 1;
}

// core.graph_methods(): the table of the methods of all graphs, to which the Lua layer adds.
static int core_graph_methods(lua_State *L)
{
    luaL_getmetatable(L, GRAPH_TYPE);
    lua_getfield(L, -1, "__index");
    return 1;
}

static void check_transaction(lua_State *L)
{
    lua_getiuservalue(L, 1, TRANSACTION);
    if (!lua_isnil(L, -1)) {
        lua_getfield(L, -1, "assert_active");
        lua_insert(L, -2);
        lua_call(L, 1, 0);
        return;
    }
    lua_pop(L, 1);
}

// The call keeps a copy of the text: the graph may be collected before it ends.
static void read_session(const graph *g, mbL_query *q)
{
    memcpy(q->text, g + 1, g->id_length + g->scope_length);
    q->session = (mb_session){ .key = g->session };
    if (g->id_length == 0)
        return;
    q->session.id = q->text;
    q->session.id_length = g->id_length;
    q->session.scope = q->text + g->id_length;
    q->session.scope_length = g->scope_length;
}

void mbL_query_begin(lua_State *L, mbL_query *q)
{
    const graph *g = luaL_checkudata(L, 1, GRAPH_TYPE);
    if (g->session == 0)
        mbL_misuse(L, 1, "a session's graph expected, got the store's");
    check_transaction(L);
    read_session(g, q);
    q->reader = (mb_reader){ 0 };
    lua_getiuservalue(L, 1, HANDLE);
    lua_replace(L, 1);
    q->connection = mbL_check_connection(L);
}

bool mbL_query_open(lua_State *L, mbL_query *q)
{
    return mbL_connection_check(L, q->connection, &q->reader.err) &&
           mb_reader_open(&q->reader, q->connection, L) &&
           mb_tree_open(&q->tree, &q->reader, &q->session);
}

const char *mbL_query_text(lua_State *L, int arg, const char *name, size_t *length)
{
    if (lua_type(L, arg) != LUA_TSTRING)
        mbL_misuse(L, arg, "%s: string expected, got %s", name, luaL_typename(L, arg));
    return lua_tolstring(L, arg, length);
}

// The ids of a call and where their nodes are.
typedef struct ends {
    const char *id[2];
    size_t length[2];
    mb_place place[2];
} ends;

static void check_ids(lua_State *L, mbL_query *q, ends *e, int count)
{
    static const char *const names[] = { "id", "other id" };
    mbL_query_begin(L, q);
    for (int i = 0; i < count; i++)
        e->id[i] = mbL_query_text(L, i + 2, names[i], &e->length[i]);
}

static bool locate(lua_State *L, mbL_query *q, ends *e, int count)
{
    bool good = mbL_query_open(L, q);
    for (int i = 0; good && i < count; i++)
        good = mb_tree_locate(&q->tree, e->id[i], e->length[i], &e->place[i]);
    return good;
}

static int fail(lua_State *L, mbL_query *q)
{
    return mbL_fail(L, &q->reader.err);
}

static void push_id(lua_State *L, const mb_id_list *list, size_t i)
{
    lua_pushlstring(L, list->text + list->items[i].at, list->items[i].length);
}

// Ends a call that found a list of ids.
static int finish_list(lua_State *L, mbL_query *q, bool good, mbL_found *found)
{
    mb_reader_close(&q->reader);
    if (!good)
        return fail(L, q);
    lua_createtable(L, (int)found->ids.count, 0);
    for (size_t i = 0; i < found->ids.count; i++) {
        push_id(L, &found->ids, i);
        lua_rawseti(L, -2, (int)i + 1);
    }
    mbL_found_clear(found);
    return 1;
}

static int graph_path(lua_State *L)
{
    mbL_query q;
    ends e;
    check_ids(L, &q, &e, 1);
    mbL_found *found = mbL_found_new(L);
    bool good = locate(L, &q, &e, 1) && mb_tree_path(&q.tree, e.place[0], &found->ids);
    return finish_list(L, &q, good, found);
}

static int graph_children(lua_State *L)
{
    mbL_query q;
    ends e;
    check_ids(L, &q, &e, 1);
    mbL_found *found = mbL_found_new(L);
    bool good = locate(L, &q, &e, 1) && mb_tree_children(&q.tree, e.place[0], &found->ids);
    return finish_list(L, &q, good, found);
}

// A call without arguments.
static int list_all(lua_State *L, bool (*collect)(mb_tree *t, mb_id_list *list))
{
    mbL_query q;
    mbL_query_begin(L, &q);
    mbL_found *found = mbL_found_new(L);
    bool good = mbL_query_open(L, &q) && collect(&q.tree, &found->ids);
    return finish_list(L, &q, good, found);
}

static int graph_leaves(lua_State *L)
{
    return list_all(L, mb_tree_leaves);
}

static int graph_roots(lua_State *L)
{
    return list_all(L, mb_tree_roots);
}

static int graph_orphans(lua_State *L)
{
    return list_all(L, mb_tree_orphans);
}

// What limits the answer; MB_UNLIMITED where nothing does.
typedef struct bounds {
    int64_t limit;
    int64_t depth; // raises when given where `deep` is false
} bounds;

// A whole number, 0 or more; false with `err` filled when it is none.
static bool check_bound(lua_State *L, const char *name, int64_t *value, mb_error *err)
{
    if (lua_type(L, -1) != LUA_TNUMBER)
        mbL_misuse(L, 3, "options.%s: number expected, got %s", name, luaL_typename(L, -1));
    double number = (double)lua_tonumber(L, -1);
    if (number >= 0 && number <= (double)MBL_MAX_EXACT && floor(number) == number) {
        *value = number < (double)MB_LAST_POSITION ? (int64_t)number : MB_LAST_POSITION;
        return true;
    }
    mb_error_set(err, MB_INVALID, 0, "%s must be a whole number, 0 or more", name);
    mb_error_set_field(err, name, strlen(name));
    return false;
}

static int64_t *find_bound(lua_State *L, bounds *b, bool deep)
{
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strcmp(name, "limit") == 0)
        return &b->limit;
    if (deep && strcmp(name, "depth") == 0)
        return &b->depth;
    mbL_misuse(L, 3, "options.%s: unknown option", name);
    return NULL;
}

// Reads the options, argument 3.
static bool check_bounds(lua_State *L, bounds *b, bool deep, mb_error *err)
{
    *b = (bounds){ MB_UNLIMITED, MB_UNLIMITED };
    if (lua_isnoneornil(L, 3))
        return true;
    if (!lua_istable(L, 3))
        mbL_misuse(L, 3, "options: table expected, got %s", luaL_typename(L, 3));
    lua_pushnil(L);
    while (lua_next(L, 3)) {
        int64_t *value = find_bound(L, b, deep);
        if (!check_bound(L, lua_tostring(L, -2), value, err))
            return false;
        lua_pop(L, 1);
    }
    return true;
}

static int graph_ancestors(lua_State *L)
{
    mbL_query q;
    ends e;
    bounds b;
    check_ids(L, &q, &e, 1);
    if (!check_bounds(L, &b, false, &q.reader.err))
        return fail(L, &q);
    mbL_found *found = mbL_found_new(L);
    bool good =
        locate(L, &q, &e, 1) && mb_tree_ancestors(&q.tree, e.place[0], b.limit, &found->ids);
    return finish_list(L, &q, good, found);
}

static int graph_descendants(lua_State *L)
{
    mbL_query q;
    ends e;
    bounds b;
    check_ids(L, &q, &e, 1);
    if (!check_bounds(L, &b, true, &q.reader.err))
        return fail(L, &q);
    mbL_found *found = mbL_found_new(L);
    bool good = locate(L, &q, &e, 1) &&
                mb_tree_descendants(&q.tree, e.place[0], b.depth, b.limit, &found->ids);
    return finish_list(L, &q, good, found);
}

static int graph_depth(lua_State *L)
{
    mbL_query q;
    ends e;
    check_ids(L, &q, &e, 1);
    bool good = locate(L, &q, &e, 1);
    mb_reader_close(&q.reader);
    if (!good)
        return fail(L, &q);
    lua_pushinteger(L, (lua_Integer)e.place[0].position - 1);
    return 1;
}

static int graph_is_ancestor(lua_State *L)
{
    mbL_query q;
    ends e;
    bool result = false;
    check_ids(L, &q, &e, 2);
    bool good =
        locate(L, &q, &e, 2) && mb_tree_is_ancestor(&q.tree, e.place[0], e.place[1], &result);
    mb_reader_close(&q.reader);
    if (!good)
        return fail(L, &q);
    lua_pushboolean(L, result);
    return 1;
}

static bool find_common(mbL_query *q, ends *e, mb_id_list *list)
{
    mb_place common;
    if (!mb_chain_common(&q->reader, e->place[0], e->place[1], &common))
        return false;
    return common.segment == 0 || mb_tree_id(&q->tree, common, list);
}

static int graph_lca(lua_State *L)
{
    mbL_query q;
    ends e;
    check_ids(L, &q, &e, 2);
    mbL_found *found = mbL_found_new(L);
    bool good = locate(L, &q, &e, 2) && find_common(&q, &e, &found->ids);
    mb_reader_close(&q.reader);
    if (!good)
        return fail(L, &q);
    if (found->ids.count == 0)
        lua_pushnil(L);
    else
        push_id(L, &found->ids, 0);
    mbL_found_clear(found);
    return 1;
}

// graph:place(id?): the segment and the position of a node, and the segment that its next child
// may extend, nil for none; nil when there is no such node. Without an id: 0, 0 and what a root
// may extend.
static int graph_place(lua_State *L)
{
    mbL_query q;
    mb_place place = { 0, 0 };
    int64_t branch = 0;
    size_t length = 0;
    mbL_query_begin(L, &q);
    const char *id = lua_isnoneornil(L, 2) ? NULL : mbL_query_text(L, 2, "id", &length);
    bool good = mbL_query_open(L, &q) &&
                (id == NULL || mb_tree_find(&q.tree, id, length, &place)) &&
                ((id != NULL && place.segment == 0) || mb_tree_branch(&q.tree, place, &branch));
    mb_reader_close(&q.reader);
    if (!good)
        return fail(L, &q);
    if (id != NULL && place.segment == 0)
        return 0;
    lua_pushinteger(L, (lua_Integer)place.segment);
    lua_pushinteger(L, (lua_Integer)place.position);
    if (branch == 0)
        return 2;
    lua_pushinteger(L, (lua_Integer)branch);
    return 3;
}

static const luaL_Reg methods[] = {
    { "path", graph_path },
    { "depth", graph_depth },
    { "ancestors", graph_ancestors },
    { "descendants", graph_descendants },
    { "children", graph_children },
    { "lca", graph_lca },
    { "is_ancestor", graph_is_ancestor },
    { "leaves", graph_leaves },
    { "roots", graph_roots },
    // for the Lua layer
    { "orphans", graph_orphans },
    { "place", graph_place },
    { "read", mbL_graph_read },
    { "read_path", mbL_graph_read_path },
    { "read_inherited", mbL_graph_read_inherited },
    { NULL, NULL },
};

static const luaL_Reg metamethods[] = { { NULL, NULL } };

void mbL_open_graph(lua_State *L, int vm)
{
    mbL_new_type(L, GRAPH_TYPE, vm, metamethods, methods);
}

const luaL_Reg mbL_graph_functions[] = {
    { "session_graph", core_session_graph },
    { "property_graph", core_property_graph },
    { "graph_context", core_graph_context },
    { "graph_methods", core_graph_methods },
    { NULL, NULL },
};
