#include "storage/sqlite_error.h"

// Two rows of one key are the caller's doing; that a row breaks another rule of
// its table, the parts should have seen before.
static mb_code constraint_code(int result)
{
    bool key = result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY ||
               result == SQLITE_CONSTRAINT_ROWID;
    return key ? MB_EXISTS : MB_INTERNAL;
}

mb_code mb_sqlite_code(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return MB_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: // lost the race to begin a transaction again and again
        return MB_BUSY;
    case SQLITE_CONSTRAINT:
        return constraint_code(result);
    case SQLITE_FULL:
        return MB_FULL;
    case SQLITE_READONLY:
        return MB_READONLY;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return MB_DENIED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return MB_CORRUPT;
    case SQLITE_IOERR:
        return result == SQLITE_IOERR_NOMEM ? MB_INTERNAL : MB_IO;
    case SQLITE_CANTOPEN:
        return MB_IO;
    case SQLITE_INTERRUPT:
        return MB_TIMEOUT;
    case SQLITE_TOOBIG:
        return MB_INVALID;
    default:
        return MB_INTERNAL;
    }
}

bool mb_sqlite_fail(mb_error *err, sqlite3 *db, int result, const char *doing)
{
    const char *why = sqlite3_errstr(result);
    // The connection's text says more, but only while it is about this result:
    // an allocation failure, for one, may never have reached the connection.
    if (db != NULL && sqlite3_extended_errcode(db) == result)
        why = sqlite3_errmsg(db);
    mb_error_set(err, mb_sqlite_code(result), result, "%s: %s", doing, why);
    return false;
}
