#include "crash_vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, MOST_FILES = 16 };

typedef enum op_kind { OP_BASE, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_DELETE } op_kind;

// One thing that was done to a file.
typedef struct crash_op {
    op_kind kind;
    int file;     // its number
    int64_t at;   // where; the size that a truncation leaves
    int64_t size; // bytes; OP_BASE: -1 for a file that was not there
    char *data;   // those
} crash_op;

typedef struct crash_file {
    through_file through; // first
    crash_vfs *vfs;       // where it is remembered
    int number;           // -1: not watched
} crash_file;

static crash_file *of(sqlite3_file *file)
{
    return (crash_file *)file;
}

static void note(crash_vfs *vfs, op_kind kind, int file, int64_t at, int64_t size,
                 const void *data)
{
    if (file < 0 || vfs->prefix == NULL)
        return;
    if (vfs->count == vfs->room) {
        vfs->room = 2 * vfs->room + 256;
        vfs->ops = realloc(vfs->ops, (size_t)vfs->room * sizeof *vfs->ops);
    }
    crash_op *op = &vfs->ops[vfs->count++];
    *op = (crash_op){ kind, file, at, size, NULL };
    if (data != NULL && size > 0) {
        op->data = malloc((size_t)size);
        memcpy(op->data, data, (size_t)size);
    }
}

// Notes what a file holds that is met for the first time.
static void note_base(crash_vfs *vfs, int number, const char *name)
{
    FILE *file = fopen(name, "rb");
    char *bytes = NULL;
    long size = -1;
    if (file != NULL) {
        fseek(file, 0, SEEK_END);
        size = ftell(file);
        rewind(file);
        bytes = malloc((size_t)size + 1);
        size = (long)fread(bytes, 1, (size_t)size, file);
        fclose(file);
    }
    note(vfs, OP_BASE, number, 0, size, bytes);
    free(bytes);
}

// The number of a file that is watched; -1.
static int number_of(crash_vfs *vfs, const char *name)
{
    if (name == NULL || vfs->prefix == NULL ||
        strncmp(name, vfs->prefix, strlen(vfs->prefix)) != 0)
        return -1;
    for (int i = 0; i < vfs->files; i++)
        if (strcmp(vfs->names[i], name) == 0)
            return i;
    if (vfs->files == MOST_FILES)
        return -1;
    vfs->names[vfs->files] = strdup(name);
    note_base(vfs, vfs->files, name);
    return vfs->files++;
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    note(of(file)->vfs, OP_WRITE, of(file)->number, at, size, from);
    return THROUGH(file, xWrite)(through_real(file), from, size, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    note(of(file)->vfs, OP_TRUNCATE, of(file)->number, size, 0, NULL);
    return THROUGH(file, xTruncate)(through_real(file), size);
}

// Nothing is lost here in truth, so the disk need not be waited for.
static int file_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    note(of(file)->vfs, OP_SYNC, of(file)->number, 0, 0, NULL);
    return SQLITE_OK;
}

static crash_vfs *self(sqlite3_vfs *base)
{
    return base->pAppData;
}

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    of(file)->vfs = self(base);
    of(file)->number = number_of(self(base), name);
    return through_open(&self(base)->through, name, file, (int)sizeof(crash_file), flags, out);
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync)
{
    note(self(base), OP_DELETE, number_of(self(base), name), 0, 0, NULL);
    return self(base)->through.real->xDelete(self(base)->through.real, name, sync);
}

void crash_vfs_install(crash_vfs *vfs)
{
    memset(vfs, 0, sizeof *vfs);
    through_vfs_install(&vfs->through, "crashes", (int)sizeof(crash_file));
    vfs->through.methods.xWrite = file_write;
    vfs->through.methods.xTruncate = file_truncate;
    vfs->through.methods.xSync = file_sync;
    vfs->through.base.xOpen = vfs_open;
    vfs->through.base.xDelete = vfs_delete;
}

void crash_vfs_remove(crash_vfs *vfs)
{
    crash_vfs_watch(vfs, NULL);
    through_vfs_remove(&vfs->through);
}

void crash_vfs_watch(crash_vfs *vfs, const char *prefix)
{
    for (long i = 0; i < vfs->count; i++)
        free(vfs->ops[i].data);
    for (int i = 0; i < vfs->files; i++)
        free(vfs->names[i]);
    free(vfs->ops);
    free(vfs->prefix);
    vfs->ops = NULL;
    vfs->count = vfs->room = 0;
    vfs->files = 0;
    vfs->prefix = prefix == NULL ? NULL : strdup(prefix);
}

bool crash_vfs_is_sync(const crash_vfs *vfs, long n)
{
    op_kind kind = vfs->ops[n - 1].kind;
    return kind == OP_SYNC || kind == OP_DELETE || kind == OP_TRUNCATE;
}

// A file as it would be on the disk.
typedef struct image {
    char *bytes;
    int64_t size, room;
    bool exists;
} image;

static uint32_t next_chance(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void image_resize(image *i, int64_t size)
{
    if (size > i->room) {
        i->room = 2 * size;
        i->bytes = realloc(i->bytes, (size_t)i->room);
    }
    if (size > i->size)
        memset(i->bytes + i->size, 0, (size_t)(size - i->size));
    i->size = size;
}

static void image_write(image *i, int64_t at, const char *data, int64_t size)
{
    if (at + size > i->size)
        image_resize(i, at + size);
    memcpy(i->bytes + at, data, (size_t)size);
}

// Some of the sectors of a write.
static void image_tear(image *i, const crash_op *op, uint32_t *seed)
{
    for (int64_t from = 0, to; from < op->size; from = to) {
        to = from + SECTOR - (op->at + from) % SECTOR;
        if (to > op->size)
            to = op->size;
        if (next_chance(seed) & 1)
            image_write(i, op->at + from, op->data + from, to - from);
    }
}

static void image_apply(image *i, const crash_op *op)
{
    i->exists = true;
    if (op->kind == OP_WRITE)
        image_write(i, op->at, op->data, op->size);
    else if (op->kind == OP_TRUNCATE)
        image_resize(i, op->at);
}

static bool is_kept(crash_mode mode, uint32_t *seed)
{
    return mode == CRASH_KILL || (mode != CRASH_NONE && (next_chance(seed) & 1));
}

// What is there of the operations on a file behind its last sync.
static void apply_unsynced(const crash_vfs *vfs, image *i, int file, long from, long n,
                           crash_mode mode, uint32_t *seed)
{
    for (long at = from; at < n; at++) {
        const crash_op *op = &vfs->ops[at];
        if (op->file != file || (op->kind != OP_WRITE && op->kind != OP_TRUNCATE) ||
            !is_kept(mode, seed))
            continue;
        if (mode == CRASH_TORN && op->kind == OP_WRITE) {
            i->exists = true;
            image_tear(i, op, seed);
        } else {
            image_apply(i, op);
        }
    }
}

static void image_base(image *i, const crash_op *op)
{
    i->size = 0;
    i->exists = op->size >= 0;
    if (op->size > 0)
        image_write(i, 0, op->data, op->size);
}

// What is surely there; gives the first operation that is not.
static long apply_synced(const crash_vfs *vfs, image *i, int file, long n)
{
    long behind = 0;
    for (long at = 0; at < n; at++) {
        const crash_op *op = &vfs->ops[at];
        if (op->file != file || op->kind == OP_WRITE || op->kind == OP_TRUNCATE)
            continue;
        for (; op->kind == OP_SYNC && behind < at; behind++)
            if (vfs->ops[behind].file == file &&
                (vfs->ops[behind].kind == OP_WRITE || vfs->ops[behind].kind == OP_TRUNCATE))
                image_apply(i, &vfs->ops[behind]);
        if (op->kind == OP_BASE)
            image_base(i, op);
        if (op->kind == OP_SYNC)
            i->exists = true;
        if (op->kind == OP_DELETE) {
            i->exists = false;
            i->size = 0;
        }
        behind = at + 1;
    }
    return behind;
}

static void image_save(const image *i, const char *name)
{
    if (!i->exists) {
        unlink(name);
        return;
    }
    FILE *file = fopen(name, "wb");
    fwrite(i->bytes, 1, (size_t)i->size, file);
    fclose(file);
}

void crash_vfs_write(const crash_vfs *vfs, long n, crash_mode mode, uint32_t seed,
                     const char *path)
{
    for (int file = 0; file < vfs->files; file++) {
        image i = { 0 };
        char name[500];
        long from = apply_synced(vfs, &i, file, n);
        apply_unsynced(vfs, &i, file, from, n, mode, &seed);
        snprintf(name, sizeof name, "%s%s", path, vfs->names[file] + strlen(vfs->prefix));
        image_save(&i, name);
        free(i.bytes);
    }
}
