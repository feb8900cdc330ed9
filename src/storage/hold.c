#include "storage/hold.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "storage/sqlite_error.h"

enum { PAUSE_US = 2000 };

static bool hold_fail(mb_error *err, const char *path, int result)
{
    mb_code code = mb_sqlite_code(result);
    if (errno == EACCES || errno == EPERM)
        code = MB_DENIED;
    mb_error_set(err, code, result, "cannot take hold of '%s': %s", path,
                 code == MB_BUSY ? "it is open elsewhere" : sqlite3_errstr(result));
    return false;
}

static int64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int lock_once(sqlite3_file *file)
{
    int result = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    if (result == SQLITE_OK)
        result = file->pMethods->xLock(file, SQLITE_LOCK_EXCLUSIVE);
    if (result != SQLITE_OK)
        file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    return result;
}

static int lock_patiently(sqlite3_file *file, int timeout)
{
    int64_t deadline = monotonic_us() + (int64_t)timeout * 1000;
    struct timespec pause = { 0, PAUSE_US * 1000 };
    int result = lock_once(file);
    while ((result & 0xff) == SQLITE_BUSY && monotonic_us() < deadline) {
        nanosleep(&pause, NULL);
        result = lock_once(file);
    }
    return result;
}

static int open_file(mb_hold *hold, const char *path)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    hold->name = sqlite3_create_filename(path, "", "", 0, NULL);
    hold->file = sqlite3_malloc(vfs->szOsFile);
    if (hold->name == NULL || hold->file == NULL)
        return SQLITE_NOMEM;
    memset(hold->file, 0, (size_t)vfs->szOsFile);
    errno = 0;
    int opened = 0;
    int result =
        vfs->xOpen(vfs, hold->name, hold->file,
                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB, &opened);
    return result == SQLITE_OK && (opened & SQLITE_OPEN_READONLY) ? SQLITE_READONLY : result;
}

static void forget(mb_hold *hold)
{
    sqlite3_free(hold->file);
    if (hold->name != NULL)
        sqlite3_free_filename(hold->name);
    hold->file = NULL;
    hold->name = NULL;
    mb_process_forget(&hold->opener);
}

void mb_hold_release(mb_hold *hold)
{
    if (hold->file == NULL || !mb_process_is_present(&hold->opener))
        return;
    if (hold->file->pMethods != NULL) {
        hold->file->pMethods->xUnlock(hold->file, SQLITE_LOCK_NONE);
        hold->file->pMethods->xClose(hold->file);
    }
    forget(hold);
}

bool mb_hold_take(mb_hold *hold, const char *path, int timeout, mb_error *err)
{
    memset(hold, 0, sizeof *hold);
    mb_process_remember(&hold->opener);
    int result = open_file(hold, path);
    if (result == SQLITE_OK)
        result = lock_patiently(hold->file, timeout);
    if (result == SQLITE_OK)
        return true;
    hold_fail(err, path, result);
    if (hold->file == NULL)
        forget(hold);
    else
        mb_hold_release(hold);
    return false;
}

bool mb_hold_read(mb_hold *hold, void *to, size_t size, int64_t at)
{
    int result = hold->file->pMethods->xRead(hold->file, to, (int)size, at);
    if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ)
        hold->failed = result;
    return result == SQLITE_OK;
}

bool mb_hold_size(mb_hold *hold, int64_t *size)
{
    sqlite3_int64 bytes = 0;
    int result = hold->file->pMethods->xFileSize(hold->file, &bytes);
    if (result != SQLITE_OK)
        hold->failed = result;
    *size = bytes;
    return result == SQLITE_OK;
}

bool mb_hold_good(const mb_hold *hold, mb_error *err)
{
    if (hold->failed == 0)
        return true;
    mb_error_set(err, MB_IO, hold->failed, "cannot read '%s': %s", hold->name,
                 sqlite3_errstr(hold->failed));
    return false;
}
