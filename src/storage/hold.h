// A database file that nobody else has open: no other process, no other connection of this one.
//
// The hold is SQLite's own exclusive lock, so every connection to the file, of whatever
// program, stands in its way or waits for it, and the system gives it up for a process that
// dies. It does not care what is in the file. While it lasts, SQLite cannot open the file here
// either: what is read, is read through the hold.
#ifndef MB_STORAGE_HOLD_H
#define MB_STORAGE_HOLD_H

#include <sqlite3.h>

#include "kernel/codes.h"
#include "kernel/process.h"

typedef struct mb_hold {
    sqlite3_file *file; // NULL once given up
    const char *name;   // as SQLite wants it; made by sqlite3_create_filename
    mb_process opener;  // the process that has it
    int failed;         // SQLite's result of a read that failed, which is no damage; 0: none
} mb_hold;

MB_HIDDEN_BEGIN

// Takes hold of a file (canonical path), made when it is missing; waits up to 'timeout' ms for
// others to close it. False with 'err' filled: MB_BUSY, MB_IO, MB_DENIED.
bool mb_hold_take(mb_hold *hold, const char *path, int timeout, mb_error *err);

// Gives it up. Idempotent; in a forked child it only forgets.
void mb_hold_release(mb_hold *hold);

// Reads all of 'size' bytes at an offset; false for what lies beyond the end, or cannot be read
// ('failed' is set then).
bool mb_hold_read(mb_hold *hold, void *to, size_t size, int64_t at);

// The size of the file in bytes.
bool mb_hold_size(mb_hold *hold, int64_t *size);

// Fills 'err' (MB_IO) when a read has failed; false then.
bool mb_hold_good(const mb_hold *hold, mb_error *err);

MB_HIDDEN_END

#endif
