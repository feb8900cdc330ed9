#include "storage/pin.h"

bool mb_file_moved(sqlite3 *db)
{
    int moved = 0;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

mb_pin mb_pin_file(sqlite3 *db, mb_busy *busy)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (file == NULL || file->pMethods == NULL)
        return MB_PIN_NONE;
    int result = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    for (int n = 0; result == SQLITE_BUSY && mb_busy_wait(busy, n); n++)
        result = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    if (result != SQLITE_OK)
        return result == SQLITE_BUSY ? MB_PIN_BUSY : MB_PIN_NONE;
    if (!mb_file_moved(db))
        return MB_PIN_HELD;
    file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    return MB_PIN_MOVED;
}
