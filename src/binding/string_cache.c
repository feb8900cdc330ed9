#include "binding/string_cache.h"

#include <string.h>

#include "kernel/words.h"

static void read_words(const char *text, size_t length, uint64_t words[3])
{
    mb_words ends = mb_words_read(text, length);
    words[0] = ends.head;
    words[1] = ends.tail;
    words[2] = length > MB_WORDS_LONGEST ? mb_words_read(text + 8, 8).head : 0;
}

static unsigned slot_of(const uint64_t words[3], size_t length)
{
    uint64_t head = words[0] * UINT64_C(0x9E3779B97F4A7C15);
    uint64_t tail = (words[1] + words[2] + length) * UINT64_C(0xD6E8FEB86659FD93);
    return (unsigned)((head + tail) >> 55) % MBL_CACHE_SLOTS;
}

void mbL_string_cache_setup(lua_State *L, mbL_string_cache *cache)
{
    memset(cache, 0, sizeof *cache);
    lua_createtable(L, MBL_CACHE_SLOTS, 0);
    for (int i = 1; i <= MBL_CACHE_SLOTS; i++) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, i);
    }
    cache->strings = luaL_ref(L, LUA_REGISTRYINDEX);
}

void mbL_string_cache_open(lua_State *L, const mbL_string_cache *cache)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, cache->strings);
}

// Pushes a string that is not in the array. One that comes for the second time is put there:
// most of those that come once never come again.
static void push_new(lua_State *L, mbL_cached *entry, bool again, int strings, int slot,
                     const char *text, size_t length)
{
    entry->kept = false; // should Lua run out of memory, the array still holds another string
    lua_pushlstring(L, text, length);
    if (again) {
        lua_pushvalue(L, -1);
        lua_rawseti(L, strings, slot + 1);
        entry->kept = true;
    }
}

unsigned mbL_string_cache_push(lua_State *L, mbL_string_cache *cache, int strings,
                               const char *text, size_t length)
{
    uint64_t words[3];
    if (MB_UNLIKELY(length == 0 || length > MBL_CACHE_LONGEST)) {
        lua_pushlstring(L, text, length);
        return MBL_CACHE_SLOTS;
    }
    read_words(text, length, words);
    unsigned slot = slot_of(words, length);
    mbL_cached *entry = &cache->entries[slot];
    bool same = entry->length == length && entry->words[0] == words[0] &&
                entry->words[1] == words[1] && entry->words[2] == words[2];
    if (MB_LIKELY(same && entry->kept)) {
        lua_rawgeti(L, strings, (int)slot + 1);
        return slot;
    }
    push_new(L, entry, same, strings, (int)slot, text, length);
    memcpy(entry->words, words, sizeof words);
    entry->length = (uint32_t)length;
    return slot;
}
