// What the blobs part of moonbase does, as a program written for just that would do it: one row
// under the hash of its bytes, not compressed; the hash is checked when it is read. SHA-256 is
// moonbase's, because libsodium's would take six times as long where the processor has
// instructions for it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"
#include "src/kernel/sha256.c"
#include "src/kernel/sha256_hardware.c"

enum { LARGEST = 1 << 20, KNOWN = 4096 };

static sqlite3_stmt *begin, *commit, *insert, *find, *exists, *orphans, *collect;
static unsigned char bytes[LARGEST];
static char hashes[KNOWN][MB_SHA256_HEX + 1]; // of what was put last
static int put_count;
static bool hardware;

static void prepare(bare *b)
{
    if (begin != NULL)
        return;
    hardware = mb_sha256_hardware();
    begin = bare_prepare(b, "BEGIN IMMEDIATE");
    commit = bare_prepare(b, "COMMIT");
    exists = bare_prepare(b, "SELECT 1 FROM blobs WHERE scope = 1 AND hash = ?");
    insert = bare_prepare(b, "INSERT INTO blobs (scope, created_at, size, stored, packed, hash,"
                             " content) VALUES (1, ?1, ?2, ?2, 0, ?3, ?4)");
    find = bare_prepare(b, "SELECT content FROM blobs WHERE scope = 1 AND hash = ?");
    orphans = bare_prepare(b, "SELECT count(*), sum(stored) FROM blobs WHERE scope = 1"
                              " AND hash NOT IN (SELECT hash FROM artifact_versions)");
    collect = bare_prepare(b, "DELETE FROM blobs WHERE scope = 1"
                              " AND hash NOT IN (SELECT hash FROM artifact_versions)");
}

// The first bytes of a file of the folder, with a number in front that makes them new.
static void load(bare *b, const char *name, size_t size)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", b->folder, name);
    FILE *file = fopen(path, "rb");
    bare_check(b, file != NULL && fread(bytes, 1, size, file) == size, path);
    fclose(file);
}

static bool is_there(bare *b, const char *hash)
{
    bare_text(exists, 1, hash);
    int result = sqlite3_step(exists);
    bare_check(b, result == SQLITE_ROW || result == SQLITE_DONE, "look");
    sqlite3_reset(exists);
    return result == SQLITE_ROW;
}

static void put(bare *b, size_t size)
{
    char *hash = hashes[put_count % KNOWN];
    mb_sha256_hex(bytes, size, hardware, hash);
    bare_step(b, begin);
    if (!is_there(b, hash)) {
        sqlite3_bind_int64(insert, 1, bare_now());
        sqlite3_bind_int64(insert, 2, (sqlite3_int64)size);
        bare_text(insert, 3, hash);
        sqlite3_bind_blob(insert, 4, bytes, (int)size, SQLITE_STATIC);
        bare_step(b, insert);
    }
    bare_step(b, commit);
}

// blob_put COUNT SIZE FILE: new ones.
static void put_new(bare *b, int count, char **arguments)
{
    size_t size = (size_t)atoi(arguments[0]);
    prepare(b);
    load(b, arguments[1], size);
    for (int i = 0; i < count; i++) {
        put_count++;
        memcpy(bytes, &put_count, sizeof put_count);
        bare_start(b);
        put(b, size);
        bare_stop(b);
    }
}

// blob_again COUNT: the last one again, which is in `bytes` still.
static void put_again(bare *b, int count, char **arguments)
{
    size_t size = (size_t)atoi(arguments[0]);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        put(b, size);
        bare_stop(b);
    }
}

static void get(bare *b, const char *hash)
{
    char found[MB_SHA256_HEX + 1];
    bare_text(find, 1, hash);
    bare_row(b, find);
    mb_sha256_hex(sqlite3_column_blob(find, 0), (size_t)sqlite3_column_bytes(find, 0), hardware,
                  found);
    bare_check(b, strcmp(found, hash) == 0, "verify");
    sqlite3_reset(find);
}

// blob_get COUNT SIZE FILE: those that were put last.
static void get_last(bare *b, int count, char **arguments)
{
    (void)arguments;
    for (int i = 0; i < count; i++) {
        bare_start(b);
        get(b, hashes[(put_count - i % count) % KNOWN]);
        bare_stop(b);
    }
}

// blob_seed 1 COUNT: so many of a kilobyte that nothing names.
static void seed(bare *b, int count, char **arguments)
{
    (void)count;
    prepare(b);
    load(b, "noise", 1024);
    memset(bytes + 8, 0, 8); // unlike any that was put
    bare_step(b, begin);
    for (int i = atoi(arguments[0]); i > 0; i--) {
        char hash[MB_SHA256_HEX + 1];
        memcpy(bytes, &i, sizeof i);
        mb_sha256_hex(bytes, 1024, hardware, hash);
        sqlite3_bind_int64(insert, 1, bare_now());
        sqlite3_bind_int64(insert, 2, 1024);
        bare_text(insert, 3, hash);
        sqlite3_bind_blob(insert, 4, bytes, 1024, SQLITE_STATIC);
        bare_step(b, insert);
    }
    bare_step(b, commit);
}

// blob_gc 1: all that nothing names.
static void collect_all(bare *b, int count, char **arguments)
{
    (void)count;
    (void)arguments;
    prepare(b);
    bare_start(b);
    bare_step(b, begin);
    bare_row(b, orphans);
    sqlite3_reset(orphans);
    bare_step(b, collect);
    bare_step(b, commit);
    bare_stop(b);
}

const bare_work bare_blobs[] = {
    { "blob_put", put_new }, { "blob_again", put_again }, { "blob_get", get_last },
    { "blob_seed", seed },   { "blob_gc", collect_all },  { NULL, NULL },
};
