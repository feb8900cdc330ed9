#include "storage/copy.h"

#include "storage/path.h"
#include "storage/sqlite_error.h"

bool mb_copy_begin(mb_copy *copy, mb_connection *from, const char *path, mb_error *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_EXRESCODE;
    copy->from = mb_connection_retain(from);
    int result = sqlite3_open_v2(path, &copy->to, flags, NULL);
    if (result != SQLITE_OK) {
        mb_code reason = mb_why_not_made(path);
        mb_sqlite_fail(err, copy->to, result, "open the copy");
        err->code = reason == MB_OK ? err->code : reason;
        return false;
    }
    copy->backup = sqlite3_backup_init(copy->to, "main", from->writer.cache.db, "main");
    if (copy->backup != NULL)
        return true;
    return mb_sqlite_fail(err, copy->to, sqlite3_extended_errcode(copy->to), "copy");
}

bool mb_copy_step(mb_copy *copy, int pages, int *left, int *total, mb_error *err)
{
    if (copy->backup == NULL) {
        mb_error_set(err, MB_CLOSED, 0, "the copying has ended");
        return false;
    }
    int result = sqlite3_backup_step(copy->backup, pages);
    *left = sqlite3_backup_remaining(copy->backup);
    *total = sqlite3_backup_pagecount(copy->backup);
    if (result == SQLITE_DONE)
        *left = 0;
    if (result == SQLITE_OK || result == SQLITE_DONE)
        return true;
    return mb_sqlite_fail(err, NULL, result, "copy");
}

void mb_copy_end(mb_copy *copy)
{
    mb_connection *from = copy->from;
    mb_error ignored;
    if (from == NULL)
        return;
    copy->from = NULL;
    if (mb_connection_owned(from, &ignored)) {
        sqlite3_backup_finish(copy->backup);
        sqlite3_close_v2(copy->to);
    }
    copy->backup = NULL;
    copy->to = NULL;
    mb_connection_release(from);
}
