#include "binding/reading.h"

#include "binding/vm.h"
#include "kernel/text_reading.h"
#include "kernel/text_weight.h"
#include "kernel/text_words.h"

// The words of the array at `list`, with what they tell from the one at `rarities`.
static size_t take_words(lua_State *L, int list, int rarities, mb_reading_word *words)
{
    size_t count = lua_rawlen(L, list);
    count = count < MB_TEXT_QUERY_WORDS ? count : MB_TEXT_QUERY_WORDS;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        lua_rawgeti(L, list, (int)i + 1);
        lua_rawgeti(L, rarities, (int)i + 1);
        const char *word = luaL_checklstring(L, -2, &length);
        words[i].hash = mb_text_hash(word, length);
        words[i].first = length > 0 ? (unsigned char)word[0] : 0;
        words[i].second = length > 1 ? (unsigned char)word[1] : 0;
        words[i].rarity = lua_tonumber(L, -1);
        lua_pop(L, 2);
    }
    return count;
}

// Reads the texts of the array at 1. Nothing in here raises, so nothing leaks.
static bool read_texts(lua_State *L, mb_reading *reading)
{
    bool done = true;
    for (size_t i = 1, count = lua_rawlen(L, 1); i <= count && done; i++) {
        size_t length = 0;
        lua_rawgeti(L, 1, (int)i);
        lua_rawgeti(L, 2, (int)i);
        const char *text = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &length) : "";
        done = mb_reading_add(reading, text, length, lua_toboolean(L, -1));
        lua_pop(L, 2);
    }
    return done;
}

// core.read_closely(texts, neighbours, words, rarities): for each text, how much of the words
// is in it and in its neighbours, 0 to 1. neighbours[i]: the text before is one of text i.
static int core_read_closely(lua_State *L)
{
    mb_reading reading;
    mb_reading_word words[MB_TEXT_QUERY_WORDS];
    for (int i = 1; i <= 4; i++)
        luaL_checktype(L, i, LUA_TTABLE);
    luaL_checkstack(L, 8, NULL);
    size_t count = take_words(L, 3, 4, words);
    double *shares = lua_newuserdatauv(L, (lua_rawlen(L, 1) + 1) * sizeof *shares, 0);
    mb_reading_open(&reading, words, count, mbL_vm_get(L)->scratch.allocator);
    bool done = read_texts(L, &reading);
    if (done)
        mb_reading_shares(&reading, shares);
    mb_reading_close(&reading);
    if (!done)
        return luaL_error(L, "not enough memory");
    lua_createtable(L, (int)reading.count, 0);
    for (size_t i = 0; i < reading.count; i++) {
        lua_pushnumber(L, shares[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

const luaL_Reg mbL_reading_functions[] = {
    { "read_closely", core_read_closely },
    { NULL, NULL },
};
