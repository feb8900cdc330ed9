// libFuzzer target: a file of any bytes is read as a damaged database, with any log or journal
// beside it. What is wrong shows under the sanitizers: nothing may be read outside of what
// there is, and it must come to an end.
//
// The first byte says how much of the input is the file, the rest lies beside it.

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "storage/salvage.h"

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    close(file);
}

static void copy_tree(mb_salvage *s, sqlite3 *db, uint32_t root, bool index)
{
    mb_salvage_target target = { .db = db, .columns = 5, .key = -1, .index = index };
    mb_salvage_count count = { 0 };
    mb_error err;
    bool sound;
    sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, ?, ?, ?, ?)", -1, &target.insert, NULL);
    mb_salvage_rows(s, root, &target, &count, &err);
    mb_salvage_entries(s, root, &sound);
    sqlite3_finalize(target.insert);
}

static void salvage(const char *path)
{
    sqlite3 *db;
    mb_salvage s;
    mb_error err;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_exec(db, "CREATE TABLE t (a, b, c, d, e); BEGIN", NULL, NULL, NULL) !=
            SQLITE_OK)
        abort();
    if (mb_salvage_open(&s, path, 0, &err)) {
        for (uint32_t root = 1; root < 8; root++)
            mb_owners_claim(&s.owners, root, root % 2 == 0);
        mb_owners_adopt(&s.owners);
        for (uint32_t root = 1; root < 8; root++)
            copy_tree(&s, db, root, root % 2 == 0);
    }
    mb_salvage_close(&s);
    sqlite3_close(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], log[80];
    if (size < 1)
        return 0;
    size_t main = (size - 1) * (data[0] >> 1) / 127;
    snprintf(path, sizeof path, "/dev/shm/moonbase-fuzz-%ld", (long)getpid());
    snprintf(log, sizeof log, "%s%s", path, data[0] & 1 ? "-wal" : "-journal");
    write_file(path, data + 1, main);
    write_file(log, data + 1 + main, size - 1 - main);
    salvage(path);
    unlink(path);
    unlink(log);
    return 0;
}
