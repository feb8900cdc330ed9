// Waiting for a lock that another process holds.
#ifndef MB_STORAGE_BUSY_H
#define MB_STORAGE_BUSY_H

#include <sqlite3.h>
#include <stdint.h>

#include "kernel/common.h"

MB_HIDDEN_BEGIN

typedef struct mb_busy {
    int timeout;      // ms to wait in all
    int64_t deadline; // monotonic us at which the present wait ends
} mb_busy;

// One pause of a wait, of which 'count' have been before. False when the time is over.
bool mb_busy_wait(mb_busy *busy, int count);

// Makes 'db' wait as 'busy' says, with growing pauses; 'busy' must outlive it.
void mb_busy_install(mb_busy *busy, sqlite3 *db);

MB_HIDDEN_END

#endif
