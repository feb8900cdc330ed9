#include "storage/vector_blocks.h"

#include <string.h>

#include "storage/sqlite_error.h"

// Blocks are as large as they may be while a change in the middle, which follows the chain of
// their pages, still costs little; a set's first block begins small and doubles.
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

bool mb_vectors_damaged(mb_reader *r, const mb_vector_set *set)
{
    return mb_reader_fail(r, MB_CORRUPT, "the vectors of collection %lld are damaged",
                          (long long)set->key);
}

bool mb_vector_missing(mb_reader *r, const mb_vector_set *set, uint32_t serial)
{
    return mb_reader_fail(r, MB_CORRUPT, "vector %u of collection %lld is damaged", serial,
                          (long long)set->key);
}

bool mb_vector_numbers(mb_reader *r, const mb_vector_set *set, int column, uint32_t serial,
                       float *values)
{
    size_t length;
    const uint8_t *bytes = mb_reader_blob(r, column, &length);
    if (bytes == NULL || length != 4 * set->dim)
        return mb_vector_missing(r, set, serial);
    for (size_t i = 0; i < set->dim; i++)
        values[i] = mb_read_f32(bytes + 4 * i);
    return true;
}

// The present row's records.
static bool unpack(mb_reader *r, const mb_vector_set *set, size_t records, mb_vector_rows *rows,
                   bool *plain)
{
    size_t size = mb_record_size(set->dim);
    size_t length;
    const uint8_t *data = mb_reader_blob(r, 0, &length);
    if (data == NULL || length < records * size)
        return mb_vectors_damaged(r, set);
    *plain = true;
    for (size_t i = 0; i < records; i++)
        *plain = mb_vector_rows_read(rows, i, set->metric, data + i * size) && *plain;
    rows->count = records;
    return true;
}

bool mb_block_read(mb_reader *r, const mb_vector_set *set, size_t block, size_t records,
                   mb_vector_rows *rows, bool *plain)
{
    if (!mb_reader_use(r, "SELECT data FROM vector_blocks WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(set, block));
    bool read = mb_reader_row(r) ? unpack(r, set, records, rows, plain)
                                 : mb_reader_good(r) && mb_vectors_damaged(r, set);
    mb_reader_done(r);
    return read;
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

static bool put_row(mb_block_writer *w, size_t block, const uint8_t *bytes, size_t size)
{
    mb_reader *r = w->reader;
    if (!put_down(w) ||
        !mb_reader_use(r, "INSERT INTO vector_blocks (key, data) VALUES ($key, $data)"
                          " ON CONFLICT (key) DO UPDATE SET data = excluded.data"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, block));
    mb_reader_bind_blob(r, 2, bytes, size);
    return mb_reader_run(r);
}

bool mb_block_write(mb_block_writer *w, size_t block, const mb_vector_rows *rows)
{
    size_t size = mb_record_size(w->set->dim), all = mb_block_records(w->set->dim) * size;
    uint8_t *bytes = sqlite3_malloc64(all);
    if (bytes == NULL)
        return mb_reader_no_memory(w->reader);
    memset(bytes + rows->count * size, 0, all - rows->count * size);
    for (size_t i = 0; i < rows->count; i++)
        mb_vector_rows_write(rows, i, bytes + i * size);
    bool written = put_row(w, block, bytes, all);
    sqlite3_free(bytes);
    return written;
}

bool mb_block_make(mb_block_writer *w, size_t block, bool first)
{
    mb_reader *r = w->reader;
    size_t full = mb_block_records(w->set->dim);
    size_t records = !first || full < FIRST_RECORDS ? full : FIRST_RECORDS;
    if (!put_down(w) ||
        !mb_reader_use(r,
                       "INSERT INTO vector_blocks (key, data) VALUES ($key, zeroblob($size))"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, block));
    mb_reader_bind(r, 2, (int64_t)(records * mb_record_size(w->set->dim)));
    return mb_reader_run(r);
}

static bool open_block(mb_block_writer *w, size_t block)
{
    mb_connection *c = w->reader->connection;
    if (!put_down(w))
        return false;
    int result = sqlite3_blob_open(c->writer.cache.db, "main", "vector_blocks", "data",
                                   mb_vector_key(w->set, block), 1, &w->blob);
    if (result == SQLITE_ERROR) // no such row
        return mb_vectors_damaged(w->reader, w->set);
    if (!check(w, result))
        return false;
    w->block = block;
    w->capacity = (size_t)sqlite3_blob_bytes(w->blob) / mb_record_size(w->set->dim);
    return true;
}

static bool grow(mb_block_writer *w)
{
    size_t size = mb_record_size(w->set->dim), full = mb_block_records(w->set->dim);
    size_t old = w->capacity * size, block = w->block;
    size_t all = (2 * w->capacity < full ? 2 * w->capacity : full) * size;
    uint8_t *bytes = sqlite3_malloc64(all);
    if (bytes == NULL)
        return mb_reader_no_memory(w->reader);
    memset(bytes + old, 0, all - old);
    bool grown = check(w, sqlite3_blob_read(w->blob, bytes, (int)old, 0)) &&
                 put_row(w, block, bytes, all);
    sqlite3_free(bytes);
    return grown && open_block(w, block);
}

bool mb_block_put(mb_block_writer *w, size_t block, size_t at, const uint8_t *record)
{
    size_t size = mb_record_size(w->set->dim);
    if ((w->blob == NULL || w->block != block) && !open_block(w, block))
        return false;
    if (at >= mb_block_records(w->set->dim) || at > w->capacity || w->capacity == 0)
        return mb_vectors_damaged(w->reader, w->set);
    return (at < w->capacity || grow(w)) &&
           check(w, sqlite3_blob_write(w->blob, record, (int)size, (int)(at * size)));
}

bool mb_block_delete(mb_block_writer *w, size_t block)
{
    mb_reader *r = w->reader;
    if (!put_down(w) || !mb_reader_use(r, "DELETE FROM vector_blocks WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(w->set, block));
    return mb_reader_run(r);
}

bool mb_block_close(mb_block_writer *w)
{
    return put_down(w) && mb_reader_good(w->reader);
}
