#include "fault_vfs.h"

#include <errno.h>
#include <string.h>

// An open file: SQLite's view of it, and behind it, in the same allocation, the real one.
typedef struct fault_file {
    sqlite3_file base;  // what SQLite sees
    fault_vfs *vfs;     // where the fault is set
    sqlite3_file *real; // does the work
} fault_file;

static fault_file *of(sqlite3_file *file)
{
    return (fault_file *)file;
}

// Counts a call; the error that it is to fail with, or SQLITE_OK.
static int fault(fault_vfs *vfs, fault_kind kind)
{
    if (!vfs->armed)
        return SQLITE_OK;
    long n = ++vfs->seen[kind];
    if (kind != vfs->kind || vfs->at == 0 || n < vfs->at || (n > vfs->at && !vfs->lasting))
        return SQLITE_OK;
    vfs->injected++;
    errno = EIO;
    return vfs->error;
}

// A method of a file: fails as told, or does what the real one does.
#define TRY(file, fault_kind, call)                                                            \
    do {                                                                                       \
        int error_ = fault(of(file)->vfs, fault_kind);                                         \
        sqlite3_file *real = of(file)->real;                                                   \
        return error_ != SQLITE_OK ? error_ : real->pMethods->call;                            \
    } while (0)

static int file_close(sqlite3_file *file)
{
    of(file)->vfs->open_files--;
    return of(file)->real->pMethods->xClose(of(file)->real);
}

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    TRY(file, FAULT_READ, xRead(real, to, size, at));
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    int error = fault(of(file)->vfs, FAULT_TORN_WRITE);
    if (error != SQLITE_OK) {
        of(file)->real->pMethods->xWrite(of(file)->real, from, size / 2, at);
        return error;
    }
    TRY(file, FAULT_WRITE, xWrite(real, from, size, at));
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    TRY(file, FAULT_TRUNCATE, xTruncate(real, size));
}

static int file_sync(sqlite3_file *file, int flags)
{
    TRY(file, FAULT_SYNC, xSync(real, flags));
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    TRY(file, FAULT_SIZE, xFileSize(real, size));
}

static int file_lock(sqlite3_file *file, int level)
{
    TRY(file, FAULT_LOCK, xLock(real, level));
}

static int file_unlock(sqlite3_file *file, int level)
{
    return of(file)->real->pMethods->xUnlock(of(file)->real, level);
}

static int file_reserved(sqlite3_file *file, int *held)
{
    return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, held);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return of(file)->real->pMethods->xFileControl(of(file)->real, op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
    return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int file_characteristics(sqlite3_file *file)
{
    return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
    TRY(file, FAULT_SHM_MAP, xShmMap(real, page, size, extend, memory));
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    if (flags & SQLITE_SHM_LOCK)
        TRY(file, FAULT_SHM_LOCK, xShmLock(real, offset, n, flags));
    return of(file)->real->pMethods->xShmLock(of(file)->real, offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
    of(file)->real->pMethods->xShmBarrier(of(file)->real);
}

static int shm_unmap(sqlite3_file *file, int delete_it)
{
    return of(file)->real->pMethods->xShmUnmap(of(file)->real, delete_it);
}

// Version 2: no memory-mapped pages, which would be read behind our back.
static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static fault_vfs *self(sqlite3_vfs *base)
{
    return base->pAppData;
}

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    fault_file *f = of(file);
    f->base.pMethods = NULL;
    f->vfs = self(base);
    f->real = (sqlite3_file *)(f + 1);
    f->real->pMethods = NULL;
    int result = fault(f->vfs, FAULT_OPEN);
    if (result == SQLITE_OK)
        result = f->vfs->real->xOpen(f->vfs->real, name, f->real, flags, out);
    if (f->real->pMethods != NULL) {
        f->base.pMethods = &file_methods;
        f->vfs->open_files++;
    }
    return result;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync)
{
    int error = fault(self(base), FAULT_DELETE);
    return error ? error : self(base)->real->xDelete(self(base)->real, name, sync);
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    int error = fault(self(base), FAULT_ACCESS);
    return error ? error : self(base)->real->xAccess(self(base)->real, name, flags, out);
}

// What does not touch the database passes through by being copied, but these take the VFS
// itself.
static int vfs_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    return self(base)->real->xFullPathname(self(base)->real, name, size, out);
}

// SQLite waits seconds for locks that will not come; nobody here needs the time.
static int vfs_sleep(sqlite3_vfs *base, int us)
{
    (void)base;
    return us;
}

void fault_vfs_install(fault_vfs *vfs)
{
    memset(vfs, 0, sizeof *vfs);
    vfs->real = sqlite3_vfs_find(NULL);
    vfs->base = *vfs->real;
    vfs->base.zName = "faults";
    vfs->base.pNext = NULL;
    vfs->base.pAppData = vfs;
    vfs->base.szOsFile = (int)sizeof(fault_file) + vfs->real->szOsFile;
    vfs->base.xOpen = vfs_open;
    vfs->base.xDelete = vfs_delete;
    vfs->base.xAccess = vfs_access;
    vfs->base.xFullPathname = vfs_full_path;
    vfs->base.xSleep = vfs_sleep;
    sqlite3_vfs_register(&vfs->base, 1);
}

void fault_vfs_remove(fault_vfs *vfs)
{
    sqlite3_vfs_unregister(&vfs->base);
}

void fault_vfs_set(fault_vfs *vfs, fault_kind kind, int error, long at, bool lasting)
{
    vfs->armed = false;
    vfs->kind = kind;
    vfs->error = error;
    vfs->at = at;
    vfs->lasting = lasting;
    vfs->injected = 0;
    memset(vfs->seen, 0, sizeof vfs->seen);
}
