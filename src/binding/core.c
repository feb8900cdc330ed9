#include "binding/core.h"

#include <sqlite3.h>

#include "binding/base64.h"
#include "binding/chain.h"
#include "binding/connection.h"
#include "binding/copy.h"
#include "binding/embed.h"
#include "binding/errors.h"
#include "binding/files.h"
#include "binding/found.h"
#include "binding/graph.h"
#include "binding/hash.h"
#include "binding/json.h"
#include "binding/kernels.h"
#include "binding/property_graph.h"
#include "binding/reading.h"
#include "binding/salvage.h"
#include "binding/text.h"
#include "binding/transaction.h"
#include "binding/vectors.h"
#include "binding/vm.h"

static void add(lua_State *L, int module, int vm, const luaL_Reg *functions)
{
    lua_pushvalue(L, module);
    lua_pushvalue(L, vm);
    luaL_setfuncs(L, functions, 1);
    lua_pop(L, 1);
}

// core.versions(): of this module and of what it is linked with.
static int core_versions(lua_State *L)
{
    lua_newtable(L);
    lua_pushliteral(L, MB_VERSION);
    lua_setfield(L, -2, "moonbase");
    lua_pushstring(L, sqlite3_libversion());
    lua_setfield(L, -2, "sqlite");
    mbL_kernel_versions(L, lua_gettop(L));
    return 1;
}

static const luaL_Reg own_functions[] = {
    { "versions", core_versions },
    { NULL, NULL },
};

int luaopen_moonbase_core(lua_State *L)
{
    lua_settop(L, 0);
    mbL_vm_new(L);
    mbL_open_errors(L);
    mbL_open_connection(L, 1);
    mbL_open_transaction(L, 1);
    mbL_open_hash(L, 1);
    mbL_open_copy(L, 1);
    mbL_open_found(L, 1);
    mbL_open_graph(L, 1);
    mbL_open_property_graph(L, 1);
    mbL_open_salvage(L, 1);
    lua_newtable(L);
    add(L, 2, 1, own_functions);
    add(L, 2, 1, mbL_error_functions);
    add(L, 2, 1, mbL_json_functions);
    add(L, 2, 1, mbL_kernel_functions);
    add(L, 2, 1, mbL_hash_functions);
    add(L, 2, 1, mbL_copy_functions);
    add(L, 2, 1, mbL_base64_functions);
    add(L, 2, 1, mbL_connection_functions);
    add(L, 2, 1, mbL_transaction_functions);
    add(L, 2, 1, mbL_vector_functions);
    add(L, 2, 1, mbL_text_functions);
    add(L, 2, 1, mbL_embed_functions);
    add(L, 2, 1, mbL_reading_functions);
    add(L, 2, 1, mbL_chain_functions);
    add(L, 2, 1, mbL_graph_functions);
    add(L, 2, 1, mbL_file_functions);
    add(L, 2, 1, mbL_salvage_functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, 2, "null");
    return 1;
}
