// A connection to one database file: the handle that writes, a second one that
// reads for those who must not see an open transaction, and the transaction
// itself as a stack of levels.
//
// A connection is shared by reference count and used by one thread at a time.
// It belongs to the process that opened it: after a fork every call fails with
// MB_FORKED (see mb_connection_owned) and touches nothing, because POSIX locks do not pass to
// the child (closing the inherited handle there would delete a write-ahead log that the parent
// still writes to).
#ifndef MB_STORAGE_CONNECTION_H
#define MB_STORAGE_CONNECTION_H

#include <sqlite3.h>
#include <stdint.h>

#include "kernel/process.h"
#include "storage/busy.h"
#include "storage/statement.h"

MB_HIDDEN_BEGIN

// A level of the open transaction.
typedef struct mb_level {
    uint64_t serial; // names it
    size_t mark;     // how much had been recorded of the write set when it began
} mb_level;

// One SQLite handle with its statements.
typedef struct mb_link {
    mb_statement_cache cache; // its prepared statements, and the handle
    mb_statement *active;     // in use by a call; left over after a Lua error
    int snapshots;            // nested reads that share one view of the file
    const void *viewer;       // whose view that is; compared, never read
    bool stuck;               // what is open on it must be rolled back and could not be yet
    mb_error doomed;          // why SQLite itself ended the transaction or view that was open
} mb_link;

typedef struct mb_connection {
    mb_link writer;       // opened first; reads too
    mb_link reader;       // opened when first needed; db is NULL before
    char *path;           // as opened; ":memory:" for a private one
    bool memory;          // there is no file, hence no second reader
    bool readonly;        // opened without the right to write
    bool watched;         // between transactions no lock keeps the file in its place
    int references;       // handles that share this connection
    mb_process opener;    // the process that may use it
    mb_busy busy;         // how to wait for other processes' locks
    const void *owner;    // whose transaction is open; compared, never read
    mb_level *levels;     // the open ones, outermost first
    size_t depth;         // how many are open; 0: no transaction
    size_t capacity;      // how many fit
    uint64_t last_serial; // serial numbers are never used twice
    uint64_t abandoned;   // a level whose owner was collected; 0: none
    // what the open transaction has written, see write_set.h; NULL: nobody ever asked
    struct mb_write_set *writes;
    bool recording; // somebody asks for that of the present one
    // transactions whose owners must be told, see timeout.h
    struct mb_timeout *timeouts;
    size_t timeout_count; // how many
    // codes of vectors, see vector_cache.h; NULL: none yet
    struct mb_vector_cache *vectors;
} mb_connection;

typedef struct mb_open_options {
    bool readonly;    // refuse writes at the file
    bool create;      // make the file if it is missing
    int busy_timeout; // ms to wait for another process's lock
    bool raw;         // may write what virtual tables keep their content in
    bool watched;     // the journal is not a write-ahead log
} mb_open_options;

// Opens a database file (":memory:": a private one without a file). Nothing is
// written to it yet. Returns NULL with 'err' filled: MB_NOT_FOUND for a missing
// file that may not be created, MB_DENIED, MB_READONLY, MB_IO, MB_CORRUPT.
mb_connection *mb_connection_open(const char *path, const mb_open_options *options,
                                  mb_error *err);

// Adds a reference.
mb_connection *mb_connection_retain(mb_connection *connection);

// Gives up a reference; the last one rolls back what is open and closes.
// In another process than the opener's it only forgets.
void mb_connection_release(mb_connection *connection);

// True when this process opened the connection; else fills 'err' (MB_FORKED).
bool mb_connection_owned(const mb_connection *connection, mb_error *err);

// True while a call on the connection is going on, or after one that a Lua error
// interrupted.
bool mb_connection_in_use(const mb_connection *connection);

// Tidies what was left over: a statement that a Lua error interrupted, a
// transaction whose owner is gone. Every entry comes through here, unless a call
// is going on.
void mb_connection_tidy(mb_connection *connection);

// The statement for 'sql', on the handle that 'user' may see it through: the
// writing one, or, while a transaction of somebody else is open, the reading
// one (MB_BUSY for a statement that writes, or where there is no second
// reader). 'link' says which; the statement is its active one until
// mb_connection_done.
mb_statement *mb_connection_prepare(mb_connection *connection, const void *user,
                                    const char *sql, size_t length, mb_link **link,
                                    mb_error *err);

// The handle that 'user' reads through: the writing one, or the reading one while
// a transaction of somebody else is open. NULL with 'err' filled (MB_BUSY where
// there is no second reader; or why a transaction that has to go is still there).
mb_link *mb_connection_link(mb_connection *connection, const void *user, mb_error *err);

// Ends the use of the active statement, if any. An SQLite result code: what a
// statement wrote that was not run to its end is checked and committed only now.
int mb_connection_done(mb_link *link);

// Whether the file was renamed, replaced or removed since it was opened.
bool mb_connection_moved(const mb_connection *connection);

// Where no lock prevents that, before a call that begins anew: false with 'err' filled (MB_IO).
bool mb_connection_in_place(const mb_connection *connection, mb_error *err);

// Runs a script of several statements without parameters on the writing handle,
// throwing rows away. MB_BUSY while a transaction of somebody else is open.
bool mb_connection_exec(mb_connection *connection, const void *user, const char *script,
                        mb_error *err);

// Tells of a failure on a handle, once its statement is done: some (a full disk,
// an I/O error) make SQLite end the whole transaction or view, after which
// nothing more may run as if it were still open.
void mb_connection_failed(mb_connection *connection, mb_link *link, const mb_error *err);

MB_HIDDEN_END

#endif
