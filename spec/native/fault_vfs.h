// A file system for SQLite that fails on demand: every call goes to the real one, but the n-th
// call of a chosen kind, counted from when the fault is set, gives a chosen error instead and
// has no effect. Everything it knows is in one struct that the VFS points to.
#ifndef MB_SPEC_FAULT_VFS_H
#define MB_SPEC_FAULT_VFS_H

#include <stdbool.h>

#include "through_vfs.h"

// The kinds of calls that can fail. Giving up a lock is not among them: it has no way to fail
// that a program could do anything about.
typedef enum fault_kind {
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_SIZE,
    FAULT_LOCK,
    FAULT_ACCESS,
    FAULT_DELETE,
    FAULT_SHM_MAP,
    FAULT_SHM_LOCK,
    FAULT_TORN_WRITE, // half of it is there nevertheless
    FAULT_KINDS       // how many
} fault_kind;

typedef struct fault_vfs {
    through_vfs through;    // first
    bool armed;             // calls are counted and may fail
    fault_kind kind;        // the kind that fails
    int error;              // what it fails with
    long at;                // the call that fails, from 1; 0: none
    bool lasting;           // so do all later ones
    long seen[FAULT_KINDS]; // calls of each kind while armed, since the fault was set
    long injected;          // how many of them failed
    int open_files;         // files open at present, of whatever connection
} fault_vfs;

// Makes 'vfs' the file system that SQLite opens files through; it must stay where it is until
// fault_vfs_remove.
void fault_vfs_install(fault_vfs *vfs);
void fault_vfs_remove(fault_vfs *vfs);

// Starts counting anew; unarmed.
void fault_vfs_set(fault_vfs *vfs, fault_kind kind, int error, long at, bool lasting);

#endif
