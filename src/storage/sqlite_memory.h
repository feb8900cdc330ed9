// SQLite's allocator for what the kernel makes on storage's behalf.
#ifndef MB_STORAGE_SQLITE_MEMORY_H
#define MB_STORAGE_SQLITE_MEMORY_H

#include "kernel/alloc.h"

MB_HIDDEN_BEGIN

mb_allocator mb_sqlite_allocator(void);

MB_HIDDEN_END

#endif
