// What opening needs of the file system and Lua's io lacks. No file that SQLite may have open
// is opened here: to close it would give up the locks of the whole process.
#ifndef MB_STORAGE_FILES_H
#define MB_STORAGE_FILES_H

#include "kernel/codes.h"

typedef struct mb_file_status {
    bool exists;  // something bears the name
    bool plain;   // it is a file
    int64_t size; // bytes
    char id[48];  // the same for every name of it, of no other file; terminated
} mb_file_status;

MB_HIDDEN_BEGIN

mb_file_status mb_file_look(const char *path);

// Makes a file, or what names a folder holds, survive a power loss.
bool mb_file_sync(const char *path, mb_error *err);

// Gives a file a second name; MB_EXISTS when that is taken.
bool mb_file_link(const char *path, const char *name, mb_error *err);

// Gives a file the rights of another, and as far as that is allowed its owner.
bool mb_file_resemble(const char *path, const char *other, mb_error *err);

// Gives a file another name, whoever bore it before.
bool mb_file_rename(const char *path, const char *name, mb_error *err);

MB_HIDDEN_END

#endif
