#include "storage/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static bool publish_fail(mb_error *err, const char *path)
{
    mb_code code = errno == EEXIST                      ? MB_EXISTS
                   : errno == EACCES || errno == EPERM  ? MB_DENIED
                   : errno == ENOSPC || errno == EDQUOT ? MB_FULL
                                                        : MB_IO;
    mb_error_set(err, code, 0, "cannot make '%s': %s", path, strerror(errno));
    return false;
}

// Where names cannot be linked (some network file systems), the name is taken first.
static bool take_name(const char *temporary, const char *path)
{
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    close(file);
    return rename(temporary, path) == 0;
}

// A name is durable once its folder is.
static void sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= sizeof folder)
        return;
    memcpy(folder, slash == NULL ? "." : path, length);
    folder[length] = '\0';
    int file = open(folder, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    (void)!fsync(file);
    close(file);
}

bool mb_publish(const char *temporary, const char *path, mb_error *err)
{
    if (link(temporary, path) == 0)
        (void)!unlink(temporary);
    else if (errno == EEXIST || !take_name(temporary, path))
        return publish_fail(err, path);
    sync_folder(path);
    return true;
}
