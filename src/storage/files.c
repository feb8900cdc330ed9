#include "storage/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mb_code code_of(int why)
{
    switch (why) {
    case ENOENT:
        return MB_NOT_FOUND;
    case EEXIST:
        return MB_EXISTS;
    case EACCES:
    case EPERM:
        return MB_DENIED;
    case EROFS:
        return MB_READONLY;
    case ENOSPC:
    case EDQUOT:
        return MB_FULL;
    default:
        return MB_IO;
    }
}

static bool file_fail(mb_error *err, const char *doing, const char *path)
{
    mb_error_set(err, code_of(errno), 0, "%s '%s': %s", doing, path, strerror(errno));
    return false;
}

mb_file_status mb_file_look(const char *path)
{
    mb_file_status status = { 0 };
    struct stat info;
    status.exists = stat(path, &info) == 0;
    if (!status.exists)
        return status;
    status.plain = S_ISREG(info.st_mode);
    status.size = info.st_size;
    snprintf(status.id, sizeof status.id, "%llx:%llx", (unsigned long long)info.st_dev,
             (unsigned long long)info.st_ino);
    return status;
}

bool mb_file_sync(const char *path, mb_error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return file_fail(err, "open", path);
    bool good = fsync(file) == 0 || file_fail(err, "sync", path);
    close(file);
    return good;
}

bool mb_file_link(const char *path, const char *name, mb_error *err)
{
    return link(path, name) == 0 || file_fail(err, "give another name to", path);
}

bool mb_file_resemble(const char *path, const char *other, mb_error *err)
{
    struct stat info;
    if (stat(other, &info) != 0)
        return errno == ENOENT || file_fail(err, "look at", other);
    if (chown(path, info.st_uid, info.st_gid) != 0)
        errno = 0; // only root may, and nobody else needs it
    return chmod(path, info.st_mode & 07777) == 0 || file_fail(err, "set the rights of", path);
}

bool mb_file_rename(const char *path, const char *name, mb_error *err)
{
    return rename(path, name) == 0 || file_fail(err, "rename", path);
}
