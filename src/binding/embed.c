#include "binding/embed.h"

#include <string.h>

#include "binding/vm.h"
#include "kernel/embed_hash.h"

enum { MAX_DIM = 65536 };

// Sums up the features of a text; their length, or less than 0 when there is no memory. Nothing
// of Lua happens meanwhile, so nothing leaks.
static double sum_up(mb_allocator allocator, const char *text, size_t length, int64_t *sums,
                     size_t dim)
{
    mb_embed_hash embed;
    mb_embed_hash_init(&embed, allocator);
    bool done = mb_embed_hash_text(&embed, text, length);
    double size = done ? mb_embed_hash_sum(&embed, sums, dim) : -1;
    mb_embed_hash_free(&embed);
    return size;
}

// core.embed_hash(text, dim): the vector of a text, an array of numbers of length 1; all zeros
// where there is no word.
static int core_embed_hash(lua_State *L)
{
    size_t length;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &length);
    lua_Number number = luaL_checknumber(L, 2);
    luaL_argcheck(L, number >= 1 && number <= MAX_DIM, 2, "out of range");
    size_t dim = (size_t)number;
    int64_t *sums = lua_newuserdatauv(L, dim * sizeof *sums, 0);
    memset(sums, 0, dim * sizeof *sums);
    double size = sum_up(mbL_vm_get(L)->scratch.allocator, text, length, sums, dim);
    if (size < 0)
        return luaL_error(L, "not enough memory");
    lua_createtable(L, (int)dim, 0);
    for (size_t i = 0; i < dim; i++) {
        lua_pushnumber(L, size > 0 ? (lua_Number)sums[i] / size : 0);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

const luaL_Reg mbL_embed_functions[] = {
    { "embed_hash", core_embed_hash },
    { NULL, NULL },
};
