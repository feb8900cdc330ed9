// A file system for SQLite that remembers all that is written, and afterwards tells what would
// be on the disk had the power failed at any point: what was synced is there, and of what was
// not any part may be, in any order, down to a part of a single write.
#ifndef MB_SPEC_CRASH_VFS_H
#define MB_SPEC_CRASH_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "through_vfs.h"

// What became of writes that were not synced.
typedef enum crash_mode {
    CRASH_KILL, // the process was killed: all are there
    CRASH_NONE, // none is
    CRASH_SOME, // each is or is not
    CRASH_TORN  // so, and of each only some sectors
} crash_mode;

typedef struct crash_vfs {
    through_vfs through;  // first
    char *prefix;         // files whose names begin so are watched; NULL: none
    struct crash_op *ops; // what was done to them, in order
    long count, room;     // of those
    char *names[16];      // the files
    int files;            // how many
} crash_vfs;

void crash_vfs_install(crash_vfs *vfs);
void crash_vfs_remove(crash_vfs *vfs);

// Forgets what was remembered, and watches files whose names begin with 'prefix' (NULL: none).
void crash_vfs_watch(crash_vfs *vfs, const char *prefix);

// Whether operation 'n', from 1, makes earlier ones last.
bool crash_vfs_is_sync(const crash_vfs *vfs, long n);

// Writes the files as they would be after 'n' operations; 'path' takes the place of the prefix.
// 'seed' decides what is left to chance.
void crash_vfs_write(const crash_vfs *vfs, long n, crash_mode mode, uint32_t seed,
                     const char *path);

#endif
