// What an open transaction has written, by name: which rows of the tables that are watched were
// inserted, updated or deleted. It follows savepoints: what was rolled back is not in it.
// Nothing is recorded, and nothing paid, unless a transaction asks for it.
#ifndef MB_STORAGE_WRITE_SET_H
#define MB_STORAGE_WRITE_SET_H

#include <sqlite3.h>

#include "kernel/buffer.h"
#include "kernel/codes.h"
#include "kernel/common.h"

// The things that are recorded at most; more are only known to be there.
enum { MB_WRITE_SET_LIMIT = 10000, MB_WATCH_FIELDS = 2 };

// How rows of a table are named. An integer key may hold two numbers: its upper bits name the
// scope then, and the lower ones the row.
typedef struct mb_watch {
    const char *table;                   // the table's name
    const char *part;                    // the part of the API that it belongs to
    int scope;                           // the column with the scope; -1: it has none
    int shift;                           // 0, or how many bits of that column are the row's
    const char *fields[MB_WATCH_FIELDS]; // the names of what names a row; NULL: no more
    int columns[MB_WATCH_FIELDS];        // the columns they are in
} mb_watch;

typedef struct mb_write_set mb_write_set;

MB_HIDDEN_BEGIN

// An empty one that watches nothing. NULL for lack of memory.
mb_write_set *mb_write_set_new(void);

// Gives the memory back; NULL is allowed.
void mb_write_set_free(mb_write_set *set);

// Watches one more table; the texts are copied. False for lack of memory.
bool mb_write_set_watch(mb_write_set *set, const mb_watch *watch);

// Begins to record what is written through 'db', with nothing. False where SQLite was built
// without the hook that this needs.
bool mb_write_set_start(mb_write_set *set, sqlite3 *db);

// Ends recording and forgets what was recorded.
void mb_write_set_stop(mb_write_set *set, sqlite3 *db);

// How far it has come, and back to there.
size_t mb_write_set_mark(const mb_write_set *set);
void mb_write_set_undo(mb_write_set *set, size_t mark);

// Appends it to 'out' as a JSON array of objects: part, op, and the scope's number and the
// fields where there are. 'cut' tells whether there was more. False for lack of memory, now or
// when something was to be recorded.
bool mb_write_set_json(const mb_write_set *set, mb_buffer *out, bool *cut);

MB_HIDDEN_END

#endif
