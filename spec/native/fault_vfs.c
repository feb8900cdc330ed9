#include "fault_vfs.h"

#include <errno.h>
#include <string.h>

typedef struct fault_file {
    through_file through; // first
    fault_vfs *vfs;       // where the fault is set
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
        sqlite3_file *real = through_real(file);                                               \
        return error_ != SQLITE_OK ? error_ : real->pMethods->call;                            \
    } while (0)

static int file_close(sqlite3_file *file)
{
    of(file)->vfs->open_files--;
    return THROUGH(file, xClose)(through_real(file));
}

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    TRY(file, FAULT_READ, xRead(real, to, size, at));
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    int error = fault(of(file)->vfs, FAULT_TORN_WRITE);
    if (error != SQLITE_OK) {
        THROUGH(file, xWrite)(through_real(file), from, size / 2, at);
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

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
    TRY(file, FAULT_SHM_MAP, xShmMap(real, page, size, extend, memory));
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    if (flags & SQLITE_SHM_LOCK)
        TRY(file, FAULT_SHM_LOCK, xShmLock(real, offset, n, flags));
    return THROUGH(file, xShmLock)(through_real(file), offset, n, flags);
}

static fault_vfs *self(sqlite3_vfs *base)
{
    return base->pAppData;
}

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    int size = (int)sizeof(fault_file), error = fault(self(base), FAULT_OPEN);
    of(file)->vfs = self(base);
    file->pMethods = NULL;
    if (error == SQLITE_OK)
        error = through_open(&self(base)->through, name, file, size, flags, out);
    if (file->pMethods != NULL)
        self(base)->open_files++;
    return error;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync)
{
    sqlite3_vfs *real = self(base)->through.real;
    int error = fault(self(base), FAULT_DELETE);
    return error ? error : real->xDelete(real, name, sync);
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    sqlite3_vfs *real = self(base)->through.real;
    int error = fault(self(base), FAULT_ACCESS);
    return error ? error : real->xAccess(real, name, flags, out);
}

// SQLite waits seconds for locks that will not come; nobody here needs the time.
static int vfs_sleep(sqlite3_vfs *base, int us)
{
    (void)base;
    return us;
}

// Giving up a lock is not among what fails.
static void replace_methods(sqlite3_io_methods *methods)
{
    methods->xClose = file_close;
    methods->xRead = file_read;
    methods->xWrite = file_write;
    methods->xTruncate = file_truncate;
    methods->xSync = file_sync;
    methods->xFileSize = file_size;
    methods->xLock = file_lock;
    methods->xShmMap = shm_map;
    methods->xShmLock = shm_lock;
}

void fault_vfs_install(fault_vfs *vfs)
{
    memset(vfs, 0, sizeof *vfs);
    through_vfs_install(&vfs->through, "faults", (int)sizeof(fault_file));
    replace_methods(&vfs->through.methods);
    vfs->through.base.xOpen = vfs_open;
    vfs->through.base.xDelete = vfs_delete;
    vfs->through.base.xAccess = vfs_access;
    vfs->through.base.xSleep = vfs_sleep;
}

void fault_vfs_remove(fault_vfs *vfs)
{
    through_vfs_remove(&vfs->through);
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
