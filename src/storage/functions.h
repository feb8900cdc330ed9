// SQL functions that the statements of this library use. They are not for a file's schema.
#ifndef MB_STORAGE_FUNCTIONS_H
#define MB_STORAGE_FUNCTIONS_H

#include <sqlite3.h>

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Adds them to a database. Returns SQLite's result code.
//
// keep_integers(text, old): see mb_json_keep_integers; `text` as it is where either is no text.
int mb_functions_add(sqlite3 *db);

MB_HIDDEN_END

#endif
