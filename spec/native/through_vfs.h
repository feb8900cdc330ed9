// A file system for SQLite that does what the real one does; the test file systems are made of
// it by replacing some calls. A file of theirs begins with a through_file, and the real file
// lies behind it in the same allocation.
#ifndef MB_SPEC_THROUGH_VFS_H
#define MB_SPEC_THROUGH_VFS_H

#include <sqlite3.h>

typedef struct through_file {
    sqlite3_file base;  // what SQLite sees
    sqlite3_file *real; // does the work
} through_file;

typedef struct through_vfs {
    sqlite3_vfs base;           // what SQLite sees; its pAppData is this struct
    sqlite3_vfs *real;          // does the work
    sqlite3_io_methods methods; // of its files
} through_vfs;

// Makes 'vfs' the file system that SQLite opens files through, whose files are structs of
// 'file_size' bytes; it must stay where it is until through_vfs_remove. Calls are replaced
// next.
void through_vfs_install(through_vfs *vfs, const char *name, int file_size);
void through_vfs_remove(through_vfs *vfs);

// Opens a file on the real file system.
int through_open(through_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int file_size,
                 int flags, int *out);

// The real file behind one.
static inline sqlite3_file *through_real(sqlite3_file *file)
{
    return ((through_file *)file)->real;
}

// A method of the real file.
#define THROUGH(file, call) (through_real(file)->pMethods->call)

#endif
