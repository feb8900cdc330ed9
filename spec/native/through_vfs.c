#include "through_vfs.h"

#include <string.h>

static int file_close(sqlite3_file *file)
{
    return THROUGH(file, xClose)(through_real(file));
}

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    return THROUGH(file, xRead)(through_real(file), to, size, at);
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    return THROUGH(file, xWrite)(through_real(file), from, size, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return THROUGH(file, xTruncate)(through_real(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    return THROUGH(file, xSync)(through_real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return THROUGH(file, xFileSize)(through_real(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return THROUGH(file, xLock)(through_real(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return THROUGH(file, xUnlock)(through_real(file), level);
}

static int file_reserved(sqlite3_file *file, int *held)
{
    return THROUGH(file, xCheckReservedLock)(through_real(file), held);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return THROUGH(file, xFileControl)(through_real(file), op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
    return THROUGH(file, xSectorSize)(through_real(file));
}

static int file_characteristics(sqlite3_file *file)
{
    return THROUGH(file, xDeviceCharacteristics)(through_real(file));
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
    return THROUGH(file, xShmMap)(through_real(file), page, size, extend, memory);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return THROUGH(file, xShmLock)(through_real(file), offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
    THROUGH(file, xShmBarrier)(through_real(file));
}

static int shm_unmap(sqlite3_file *file, int delete_it)
{
    return THROUGH(file, xShmUnmap)(through_real(file), delete_it);
}

// Version 2: no memory-mapped pages, which would be read and written behind our back.
static const sqlite3_io_methods through_methods = {
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

int through_open(through_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int size,
                 int flags, int *out)
{
    through_file *f = (through_file *)file;
    f->real = (sqlite3_file *)((char *)file + size);
    f->real->pMethods = NULL;
    int result = vfs->real->xOpen(vfs->real, name, f->real, flags, out);
    f->base.pMethods = f->real->pMethods != NULL ? &vfs->methods : NULL;
    return result;
}

static through_vfs *self(sqlite3_vfs *base)
{
    return base->pAppData;
}

// What does not touch the database passes through by being copied, but these take the VFS
// itself.
static int vfs_delete(sqlite3_vfs *base, const char *name, int sync)
{
    return self(base)->real->xDelete(self(base)->real, name, sync);
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    return self(base)->real->xAccess(self(base)->real, name, flags, out);
}

static int vfs_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    return self(base)->real->xFullPathname(self(base)->real, name, size, out);
}

void through_vfs_install(through_vfs *vfs, const char *name, int size)
{
    vfs->real = sqlite3_vfs_find(NULL);
    vfs->methods = through_methods;
    vfs->base = *vfs->real;
    vfs->base.zName = name;
    vfs->base.pNext = NULL;
    vfs->base.pAppData = vfs;
    vfs->base.szOsFile = size + vfs->real->szOsFile;
    vfs->base.xDelete = vfs_delete;
    vfs->base.xAccess = vfs_access;
    vfs->base.xFullPathname = vfs_full_path;
    sqlite3_vfs_register(&vfs->base, 1);
}

void through_vfs_remove(through_vfs *vfs)
{
    sqlite3_vfs_unregister(&vfs->base);
}
