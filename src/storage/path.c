#include "storage/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool path_fail(mb_error *err, mb_code code, const char *path, const char *why)
{
    mb_error_set(err, code, 0, "cannot open '%s': %s", path, why);
    return false;
}

// Splits 'path' into the folder to resolve and the name to put behind it.
static const char *split(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= size)
        return NULL;
    memcpy(folder, length ? path : ".", length ? length : 1);
    folder[length ? length : 1] = '\0';
    return slash ? slash + 1 : path;
}

static bool join(char *out, size_t size, const char *folder, const char *name)
{
    size_t head = strlen(folder), tail = strlen(name);
    if (head + tail + 2 > size)
        return false;
    memcpy(out, folder, head);
    if (head == 0 || out[head - 1] != '/')
        out[head++] = '/';
    memcpy(out + head, name, tail + 1);
    return true;
}

bool mb_canonical_path(const char *path, char *out, size_t size, mb_error *err)
{
    char folder[PATH_MAX], resolved[PATH_MAX];
    if (realpath(path, resolved) != NULL) {
        if (strlen(resolved) < size)
            return memcpy(out, resolved, strlen(resolved) + 1) != NULL;
        return path_fail(err, MB_INVALID, path, strerror(ENAMETOOLONG));
    }
    if (errno != ENOENT)
        return path_fail(err, errno == EACCES ? MB_DENIED : MB_IO, path, strerror(errno));
    const char *name = split(path, folder, sizeof folder);
    if (name == NULL || realpath(folder, resolved) == NULL)
        return path_fail(err, MB_NOT_FOUND, path, "no such folder");
    if (!join(out, size, resolved, name))
        return path_fail(err, MB_INVALID, path, strerror(ENAMETOOLONG));
    return true;
}

mb_code mb_why_not_made(const char *path)
{
    char folder[PATH_MAX];
    if (split(path, folder, sizeof folder) == NULL)
        return MB_INVALID;
    if (access(folder, W_OK | X_OK) == 0)
        return MB_OK;
    switch (errno) {
    case EACCES:
    case EPERM:
        return MB_DENIED;
    case EROFS:
        return MB_READONLY;
    default:
        return MB_NOT_FOUND;
    }
}
