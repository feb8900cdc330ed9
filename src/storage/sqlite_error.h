// Translation of SQLite's result codes into the codes of kernel/codes.h.
#ifndef MB_STORAGE_SQLITE_ERROR_H
#define MB_STORAGE_SQLITE_ERROR_H

#include <sqlite3.h>

#include "kernel/codes.h"

MB_HIDDEN_BEGIN

// The code that stands for an SQLite result code, primary or extended.
mb_code mb_sqlite_code(int result);

// Fills 'err' from a failed call on 'db' (NULL when there is none) that gave
// 'result'; 'doing' says in a few words what was attempted. Returns false, so
// that a caller can end with it.
bool mb_sqlite_fail(mb_error *err, sqlite3 *db, int result, const char *doing);

MB_HIDDEN_END

#endif
