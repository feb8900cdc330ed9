// Copying a database into another file, some pages at a time.
#ifndef MB_STORAGE_COPY_H
#define MB_STORAGE_COPY_H

#include <sqlite3.h>

#include "storage/connection.h"

MB_HIDDEN_BEGIN

typedef struct mb_copy {
    mb_connection *from;    // what is copied, retained; NULL once ended
    sqlite3 *to;            // the other file
    sqlite3_backup *backup; // the copying itself
} mb_copy;

// Begins to copy what 'from' reads, through its writing handle, into the file at 'path', which
// is made if it is missing. With a view open there the copy is of that view. False with 'err'
// filled; the copy must be ended all the same.
bool mb_copy_begin(mb_copy *copy, mb_connection *from, const char *path, mb_error *err);

// Copies the next 'pages'. Tells how many are left, and how many there are in all. When none is
// left the copy is complete and durable.
bool mb_copy_step(mb_copy *copy, int pages, int *left, int *total, mb_error *err);

// Ends it, complete or not. Idempotent; in a forked process it only forgets.
void mb_copy_end(mb_copy *copy);

MB_HIDDEN_END

#endif
