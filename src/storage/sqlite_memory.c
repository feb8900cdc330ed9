#include "storage/sqlite_memory.h"

#include <sqlite3.h>

// See mb_alloc_fn.
static void *reallocate(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    (void)ud;
    (void)old_size;
    if (new_size > 0)
        return sqlite3_realloc64(ptr, new_size);
    sqlite3_free(ptr);
    return NULL;
}

mb_allocator mb_sqlite_allocator(void)
{
    return (mb_allocator){ .fn = reallocate };
}
