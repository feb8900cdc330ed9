#include "storage/vector_blocks.h"

#include <string.h>

#include "storage/sqlite_error.h"

// Blocks are as large as they may be while a change in the middle, which follows the chain of
// their pages, still costs little; a collection's first block begins small and doubles.
enum { BLOCK_BYTES = 128 * 1024, LEAST_RECORDS = 16, MOST_RECORDS = 1024, FIRST_RECORDS = 8 };

size_t mb_record_size(size_t dim)
{
    return MB_RECORD_HEAD + dim;
}

size_t mb_block_records(size_t dim)
{
    size_t records = BLOCK_BYTES / mb_record_size(dim);
    return records < LEAST_RECORDS  ? LEAST_RECORDS
           : records > MOST_RECORDS ? MOST_RECORDS
                                    : records;
}

int64_t mb_vector_key(const mb_vector_set *set, size_t number)
{
    return (int64_t)((uint64_t)set->key << 32 | number);
}

void mb_blocks_open(mb_block_writer *w, mb_reader *reader, const mb_vector_set *set)
{
    memset(w, 0, sizeof *w);
    w->reader = reader;
    w->set = set;
}

static bool check(mb_block_writer *w, int result)
{
    if (result == SQLITE_OK)
        return true;
    mb_reader *r = w->reader;
    if (mb_reader_good(r)) {
        mb_sqlite_fail(&r->err, r->connection->writer.cache.db, result, "write vectors");
        mb_connection_failed(r->connection, &r->connection->writer, &r->err);
    }
    return false;
}

static bool put_down(mb_block_writer *w)
{
    sqlite3_blob *blob = w->blob;
    w->blob = NULL;
    return blob == NULL || check(w, sqlite3_blob_close(blob));
}

// Runs the statement whose first parameter is the key of the present block.
static bool run(mb_block_writer *w)
{
    mb_reader *r = w->reader;
    mb_reader_bind(r, 1, mb_vector_key(w->set, w->block));
    while (mb_reader_row(r)) {
    }
    mb_reader_done(r);
    return mb_reader_good(r);
}

static bool stamp(mb_block_writer *w)
{
    mb_reader *r = w->reader;
    if (!mb_reader_use(r, "INSERT INTO vector_stamps (key, stamp) VALUES ($key, $stamp)"
                          " ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp"))
        return false;
    mb_reader_bind_text(r, 2, w->set->stamp, w->set->stamp_length);
    return run(w);
}

static bool damaged(mb_block_writer *w)
{
    return mb_reader_fail(w->reader, MB_CORRUPT, "the vectors of collection %lld are damaged",
                          (long long)w->set->key);
}

// How many records fit into the present block; 0: there is no such block.
static bool measure(mb_block_writer *w)
{
    mb_reader *r = w->reader;
    w->capacity = 0;
    if (!mb_reader_use(r, "SELECT length(data) FROM vector_blocks WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, w->block));
    bool exists = mb_reader_row(r);
    if (exists)
        w->capacity = (size_t)mb_reader_integer(r, 0) / mb_record_size(w->set->dim);
    mb_reader_done(r);
    return mb_reader_good(r) && (!exists || w->capacity > 0 || damaged(w));
}

static bool make(mb_block_writer *w)
{
    mb_reader *r = w->reader;
    size_t full = mb_block_records(w->set->dim);
    w->capacity = w->block > 0 || full < FIRST_RECORDS ? full : FIRST_RECORDS;
    if (!mb_reader_use(r,
                       "INSERT INTO vector_blocks (key, data) VALUES ($key, zeroblob($size))"))
        return false;
    mb_reader_bind(r, 2, (int64_t)(w->capacity * mb_record_size(w->set->dim)));
    return run(w);
}

// Gives the block, read into memory with room for `size` bytes, back to its row.
static bool replace(mb_block_writer *w, uint8_t *bytes, size_t size)
{
    mb_reader *r = w->reader;
    size_t old = w->capacity * mb_record_size(w->set->dim);
    if (!check(w, sqlite3_blob_read(w->blob, bytes, (int)old, 0)) || !put_down(w) ||
        !mb_reader_use(r, "UPDATE vector_blocks SET data = $data WHERE key = $key"))
        return false;
    memset(bytes + old, 0, size - old);
    sqlite3_bind_blob64(r->statement->handle, 1, bytes, size, SQLITE_STATIC);
    mb_reader_bind(r, 2, mb_vector_key(w->set, w->block));
    while (mb_reader_row(r)) {
    }
    mb_reader_done(r);
    return mb_reader_good(r);
}

static bool open_blob(mb_block_writer *w)
{
    return check(w, sqlite3_blob_open(w->reader->connection->writer.cache.db, "main",
                                      "vector_blocks", "data", mb_vector_key(w->set, w->block),
                                      1, &w->blob));
}

static bool grow(mb_block_writer *w)
{
    size_t full = mb_block_records(w->set->dim);
    size_t records = 2 * w->capacity < full ? 2 * w->capacity : full;
    size_t size = records * mb_record_size(w->set->dim);
    uint8_t *bytes = sqlite3_malloc64(size);
    bool grown = bytes != NULL ? replace(w, bytes, size) : mb_reader_no_memory(w->reader);
    sqlite3_free(bytes);
    w->capacity = records;
    return grown && open_blob(w);
}

// Opens another block for a change. Slots have no gaps: only its first record makes a block.
static bool move_to(mb_block_writer *w, size_t slot, bool writing)
{
    size_t full = mb_block_records(w->set->dim);
    if (!put_down(w))
        return false;
    w->block = slot / full;
    if (!measure(w))
        return false;
    if (w->capacity == 0) {
        bool made = writing && slot % full == 0 ? make(w) : damaged(w);
        if (!made)
            return false;
    }
    return stamp(w) && open_blob(w);
}

static bool reach(mb_block_writer *w, size_t slot, bool writing)
{
    size_t full = mb_block_records(w->set->dim), at = slot % full;
    if ((w->blob == NULL || w->block != slot / full) && !move_to(w, slot, writing))
        return false;
    if (at < w->capacity)
        return true;
    return writing && at == w->capacity ? grow(w) : damaged(w);
}

bool mb_blocks_write(mb_block_writer *w, size_t slot, const uint8_t *record)
{
    size_t size = mb_record_size(w->set->dim), full = mb_block_records(w->set->dim);
    return reach(w, slot, true) &&
           check(w, sqlite3_blob_write(w->blob, record, (int)size, (int)(slot % full * size)));
}

bool mb_blocks_read(mb_block_writer *w, size_t slot, uint8_t *record)
{
    size_t size = mb_record_size(w->set->dim), full = mb_block_records(w->set->dim);
    return reach(w, slot, false) &&
           check(w, sqlite3_blob_read(w->blob, record, (int)size, (int)(slot % full * size)));
}

bool mb_blocks_release(mb_block_writer *w, size_t slot)
{
    mb_reader *r = w->reader;
    w->block = slot / mb_block_records(w->set->dim);
    return put_down(w) && mb_reader_use(r, "DELETE FROM vector_blocks WHERE key = $key") &&
           run(w) && mb_reader_use(r, "DELETE FROM vector_stamps WHERE key = $key") && run(w);
}

bool mb_blocks_close(mb_block_writer *w)
{
    return put_down(w) && mb_reader_good(w->reader);
}
