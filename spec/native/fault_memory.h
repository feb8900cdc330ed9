// Allocators that fail on demand: Lua's, and SQLite's.
#ifndef MB_SPEC_FAULT_MEMORY_H
#define MB_SPEC_FAULT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct memory_fault {
    bool armed;    // requests are counted and may fail
    long at;       // the request that fails, from 1; 0: none
    long span;     // how many fail, from that one on; 0: all later ones
    long seen;     // requests while armed, since the fault was set
    long injected; // how many of them failed
    size_t in_use; // bytes handed out and not yet given back (Lua's only)
} memory_fault;

// Starts counting anew; unarmed.
void memory_fault_set(memory_fault *fault, long at, long span);

// A lua_Alloc; 'ud' is the memory_fault.
void *memory_fault_lua(void *ud, void *ptr, size_t old_size, size_t new_size);

// Has SQLite ask through 'fault', which must stay where it is. Before SQLite is used at all.
// Also takes away the small blocks that connections put by, so that every request is seen.
bool memory_fault_sqlite(memory_fault *fault);

#endif
