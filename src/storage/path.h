// Names of database files.
#ifndef MB_STORAGE_PATH_H
#define MB_STORAGE_PATH_H

#include <stddef.h>

#include "kernel/codes.h"

MB_HIDDEN_BEGIN

// Writes the canonical form of 'path' (links resolved, the file itself may be
// missing) to 'out'. MB_NOT_FOUND when its folder does not exist.
bool mb_canonical_path(const char *path, char *out, size_t size, mb_error *err);

// Why the missing file 'path' could not be made: MB_NOT_FOUND when its folder
// is missing too, MB_DENIED, MB_READONLY, or MB_OK when nothing is seen to stand
// against it.
mb_code mb_why_not_made(const char *path);

MB_HIDDEN_END

#endif
