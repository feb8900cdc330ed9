// The allocator that the kernel takes its memory from. The binding passes the one of its Lua
// state, so a state that is out of memory, or made to look so by a test, is out of memory here
// too.
#ifndef MB_KERNEL_ALLOC_H
#define MB_KERNEL_ALLOC_H

#include "kernel/common.h"

// Resizes the block `ptr` of `old_size` bytes (NULL and 0 for a new one) to `new_size` bytes; a
// `new_size` of 0 frees it and gives NULL. NULL otherwise means failure, and `ptr` is still
// valid. The contract of lua_Alloc.
typedef void *(*mb_alloc_fn)(void *ud, void *ptr, size_t old_size, size_t new_size);

typedef struct mb_allocator {
    mb_alloc_fn fn; // does the work
    void *ud;       // handed to fn untouched
} mb_allocator;

#endif
