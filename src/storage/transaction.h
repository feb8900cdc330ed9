// The open transaction of a connection, as a stack of levels: the outermost is
// SQLite's transaction (BEGIN IMMEDIATE, so that the write lock is taken before
// anything is read), the others are savepoints. A level is named by a serial
// number that is never used again, so a stale one is always recognised.
#ifndef MB_STORAGE_TRANSACTION_H
#define MB_STORAGE_TRANSACTION_H

#include "storage/connection.h"

MB_HIDDEN_BEGIN

// Opens a level for 'user' and gives its serial number; 0 with 'err' filled:
// MB_BUSY when another user's transaction is open (at once) or another process
// holds the lock for longer than 'timeout' ms (negative: the connection's).
uint64_t mb_enter(mb_connection *connection, const void *user, int timeout, mb_error *err);

// Ends a level and every level inside it: commits or releases when 'keep',
// otherwise rolls back. A commit that fails rolls back. False with 'err' filled
// when nothing was kept although 'keep' asked for it, or when the level is not
// open any more (MB_CLOSED).
bool mb_leave(mb_connection *connection, uint64_t serial, bool keep, mb_error *err);

// True while the level is open.
bool mb_level_open(const mb_connection *connection, uint64_t serial);

// Records what the open transaction writes from now on, up to its end, in the connection's
// write set. False when there is none, or SQLite cannot tell. At its outermost level.
bool mb_record_writes(mb_connection *connection);

// Rolls back a level whose owner is gone: now, or, in the middle of a call on
// the connection, at the next one. Does nothing in a forked process.
void mb_abandon(mb_connection *connection, uint64_t serial);

// Opens one view of the file for several reads by 'user': the open transaction if
// it is his, else a read transaction on the handle that he reads through, which
// is given in 'link' (NULL: nothing to close). False with 'err' filled.
bool mb_snapshot_open(mb_connection *connection, const void *user, mb_link **link,
                      mb_error *err);

// Closes the view again.
void mb_snapshot_close(mb_link *link);

// True unless a transaction is still open on a handle that should have been
// rolled back, which failed then and now; 'err' says why. Whatever ran on the
// handle would join it, and never be committed.
bool mb_link_ready(mb_link *link, mb_error *err);

// Rolls back whatever is open.
void mb_rollback_all(mb_connection *connection);

MB_HIDDEN_END

#endif
