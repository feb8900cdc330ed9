// Short strings decoded lately. Documents say the same few keys, roles and kinds over and over,
// and giving Lua a string that is here costs a fraction of having it made again.
#ifndef MB_BINDING_STRING_CACHE_H
#define MB_BINDING_STRING_CACHE_H

#include "binding/compat.h"
#include "kernel/common.h"

enum { MBL_CACHE_SLOTS = 512, MBL_CACHE_LONGEST = 24 };

typedef struct mbL_cached {
    uint64_t words[3]; // the bytes
    uint32_t length;   // how many they are; 0 in a free slot
    bool kept;         // the string is in the array: it has come twice
} mbL_cached;

typedef struct mbL_string_cache {
    int strings;                         // registry reference: array of the strings
    mbL_cached entries[MBL_CACHE_SLOTS]; // what is in each slot
} mbL_string_cache;

MB_HIDDEN_BEGIN

// Makes an empty cache. For mbL_vm_new alone.
void mbL_string_cache_setup(lua_State *L, mbL_string_cache *cache);

// Pushes the array of strings, which mbL_string_cache_push needs on the stack.
void mbL_string_cache_open(lua_State *L, const mbL_string_cache *cache);

// Pushes the string of `length` bytes; `strings` is the stack index of the array. Returns its
// slot, MBL_CACHE_SLOTS for a string too long for one. A string always has the same slot.
unsigned mbL_string_cache_push(lua_State *L, mbL_string_cache *cache, int strings,
                               const char *text, size_t length);

MB_HIDDEN_END

#endif
