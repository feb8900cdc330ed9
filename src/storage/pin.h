// A connection that has opened a file and not read it yet can find that it is another file's by
// now: whoever repairs a damaged file puts a new one in its place. It would then use the new
// file's log with the old file, and remove it. So a connection takes its first lock before
// SQLite's first look at what lies beside the file, and makes sure that the file still bears
// its name: while it has the lock, nobody puts another in its place.
#ifndef MB_STORAGE_PIN_H
#define MB_STORAGE_PIN_H

#include "storage/busy.h"

typedef enum mb_pin {
    MB_PIN_HELD,  // the first lock is taken; SQLite goes on with it
    MB_PIN_MOVED, // the file has been replaced: close, and open again
    MB_PIN_BUSY,  // another has a lock that stands against it, for too long
    MB_PIN_NONE   // no lock could be taken; SQLite will say why
} mb_pin;

MB_HIDDEN_BEGIN

// For a handle on a file that nothing was read through yet.
mb_pin mb_pin_file(sqlite3 *db, mb_busy *busy);

// Whether the file was renamed, replaced or removed since it was opened.
bool mb_file_moved(sqlite3 *db);

MB_HIDDEN_END

#endif
