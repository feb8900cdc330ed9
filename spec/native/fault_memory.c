#include "fault_memory.h"

#include <sqlite3.h>
#include <stdlib.h>

void memory_fault_set(memory_fault *fault, long at, long span)
{
    fault->armed = false;
    fault->at = at;
    fault->span = span;
    fault->seen = 0;
    fault->injected = 0;
}

static bool fails(memory_fault *fault)
{
    if (!fault->armed)
        return false;
    long n = ++fault->seen;
    if (fault->at == 0 || n < fault->at || (fault->span != 0 && n >= fault->at + fault->span))
        return false;
    fault->injected++;
    return true;
}

void *memory_fault_lua(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    memory_fault *fault = ud;
    size_t had = ptr ? old_size : 0; // for a new block Lua tells the kind of object instead
    if (new_size == 0) {
        free(ptr);
        fault->in_use -= had;
        return NULL;
    }
    if (new_size > had && fails(fault)) // shrinking must not fail
        return NULL;
    void *block = realloc(ptr, new_size);
    if (block != NULL)
        fault->in_use += new_size - had;
    return block;
}

// SQLite's allocator has no argument for us, so these two are the only state that is not in a
// struct of the caller.
static sqlite3_mem_methods usual;
static memory_fault *sqlite_fault;

static void *sqlite_malloc(int size)
{
    return fails(sqlite_fault) ? NULL : usual.xMalloc(size);
}

static void *sqlite_realloc(void *ptr, int size)
{
    return fails(sqlite_fault) ? NULL : usual.xRealloc(ptr, size);
}

bool memory_fault_sqlite(memory_fault *fault)
{
    sqlite_fault = fault;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual) != SQLITE_OK)
        return false;
    sqlite3_mem_methods ours = usual;
    ours.xMalloc = sqlite_malloc;
    ours.xRealloc = sqlite_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK &&
           sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
}
