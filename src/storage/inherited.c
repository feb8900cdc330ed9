#define _GNU_SOURCE // dladdr
#include "storage/inherited.h"

#include <dlfcn.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

// SQLite keeps what it knows of an open file, the locks on it above all, in a
// table of the process, by device and inode. A child inherits the table but not
// the locks. A connection that it opens to a file which its parent has open
// would count on locks that nobody holds, and when the parent is gone, the next
// process that closes the file takes itself for the last one and deletes the
// write-ahead log that the child goes on writing to. So in a child devices bear
// other numbers: the inherited entries are not found, and locks are taken.
static void rename_device(struct stat *info)
{
    info->st_dev ^= (dev_t)getpid() << (sizeof(dev_t) > 4 ? 32 : 0);
}

static int renamed_fstat(int file, struct stat *info)
{
    int result = fstat(file, info);
    if (result == 0)
        rename_device(info);
    return result;
}

static int renamed_stat(const char *path, struct stat *info)
{
    int result = stat(path, info);
    if (result == 0)
        rename_device(info);
    return result;
}

// SQLite may outlive this library in the process, and would call into nowhere.
static void stay_loaded(void)
{
    static const char inside = 0;
    Dl_info self;
    if (dladdr(&inside, &self) != 0)
        dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

void mb_forget_inherited(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    if (vfs == NULL || vfs->iVersion < 3 ||
        vfs->xGetSystemCall(vfs, "fstat") == (sqlite3_syscall_ptr)renamed_fstat)
        return;
    stay_loaded();
    vfs->xSetSystemCall(vfs, "stat", (sqlite3_syscall_ptr)renamed_stat);
    vfs->xSetSystemCall(vfs, "fstat", (sqlite3_syscall_ptr)renamed_fstat);
}
