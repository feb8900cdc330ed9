// What rows that were moved or deleted left in the pages of a file: SQLite overwrites what it
// deletes (PRAGMA secure_delete), but not where a row was before its page was split. These
// bytes belong to nothing, so a write that is cut off in the middle does no harm, and whoever
// reads the page meanwhile misses nothing.
#ifndef MB_STORAGE_WIPE_H
#define MB_STORAGE_WIPE_H

#include "storage/connection.h"

MB_HIDDEN_BEGIN

// Wipes them out of the file, below SQLite. Inside a transaction that has the write lock and
// has not written; the user must then write something, by which all others learn that the pages
// in their memory are out of date. False with 'err' filled: MB_BUSY while the write-ahead log
// has something in it, MB_IO.
bool mb_wipe(mb_connection *connection, mb_error *err);

MB_HIDDEN_END

#endif
