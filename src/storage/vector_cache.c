#include "storage/vector_cache.h"

#include <string.h>

enum { VIEWS = 16 };

struct mb_vector_cache {
    mb_vector_view views[VIEWS]; // those with a key are in use
    size_t bytes;                // of all blocks
    size_t limit;                // how many there may be
    uint64_t clock;              // counts searches
};

typedef struct mb_vector_cache cache;

static cache *get_cache(mb_connection *c)
{
    if (c->vectors == NULL) {
        c->vectors = sqlite3_malloc64(sizeof *c->vectors);
        if (c->vectors != NULL) {
            memset(c->vectors, 0, sizeof *c->vectors);
            c->vectors->limit = MB_VECTOR_CACHE_LIMIT;
        }
    }
    return c->vectors;
}

void mb_vector_block_free(mb_vector_block *b)
{
    sqlite3_free(b->memory);
    memset(b, 0, sizeof *b);
}

static void forget_block(cache *all, mb_vector_view *view, mb_vector_block *b)
{
    view->bytes -= b->bytes;
    all->bytes -= b->bytes;
    mb_vector_block_free(b);
}

static void forget_view(cache *all, mb_vector_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        forget_block(all, view, &view->blocks[i]);
    sqlite3_free(view->blocks);
    memset(view, 0, sizeof *view);
}

// Has room for as many more bytes, at the cost of collections that were not used for longer.
static bool make_room(cache *all, const mb_vector_view *keep, size_t bytes)
{
    while (bytes <= all->limit && all->bytes > all->limit - bytes) {
        mb_vector_view *oldest = NULL;
        for (size_t i = 0; i < VIEWS; i++) {
            mb_vector_view *view = &all->views[i];
            if (view != keep && view->bytes > 0 &&
                (oldest == NULL || view->used < oldest->used))
                oldest = view;
        }
        if (oldest == NULL)
            return false;
        forget_view(all, oldest);
    }
    return bytes <= all->limit;
}

// The view of a collection, or one that was not used for longest, emptied.
static mb_vector_view *find_view(cache *all, int64_t key)
{
    mb_vector_view *oldest = &all->views[0];
    for (size_t i = 0; i < VIEWS; i++) {
        mb_vector_view *view = &all->views[i];
        if (view->key == key)
            return view;
        if (view->used < oldest->used)
            oldest = view;
    }
    forget_view(all, oldest);
    oldest->key = key;
    return oldest;
}

static bool set_count(mb_reader *r, cache *all, mb_vector_view *view, size_t count)
{
    for (size_t i = count; i < view->count; i++)
        forget_block(all, view, &view->blocks[i]);
    if (count > view->count) {
        mb_vector_block *blocks = sqlite3_realloc64(view->blocks, count * sizeof *blocks);
        if (blocks == NULL)
            return mb_reader_no_memory(r);
        memset(blocks + view->count, 0, (count - view->count) * sizeof *blocks);
        view->blocks = blocks;
    }
    view->count = count;
    return true;
}

static bool damaged(mb_reader *r, const mb_vector_set *set)
{
    return mb_reader_fail(r, MB_CORRUPT, "the vectors of collection %lld are damaged",
                          (long long)set->key);
}

static bool check_block(mb_reader *r, const mb_vector_set *set, cache *all,
                        mb_vector_view *view, size_t i)
{
    size_t length;
    const char *stamp = mb_reader_text(r, 1, &length);
    if (stamp == NULL)
        return false;
    if (length > MB_STAMP_SIZE || i >= view->count || (size_t)mb_reader_integer(r, 0) != i)
        return damaged(r, set);
    mb_vector_block *b = &view->blocks[i];
    if (memcmp(b->stamp, stamp, length) != 0 || b->stamp[length] != '\0') {
        forget_block(all, view, b);
        memcpy(b->stamp, stamp, length);
    }
    return true;
}

static bool read_stamps(mb_reader *r, const mb_vector_set *set, cache *all,
                        mb_vector_view *view)
{
    size_t found = 0;
    if (!mb_reader_use(r, "SELECT key & 4294967295, stamp FROM vector_stamps"
                          " WHERE key BETWEEN $first AND $last ORDER BY key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(set, 0));
    mb_reader_bind(r, 2, mb_vector_key(set, UINT32_MAX));
    while (mb_reader_row(r) && check_block(r, set, all, view, found))
        found++;
    mb_reader_done(r);
    return mb_reader_good(r) && (found == view->count || damaged(r, set));
}

mb_vector_view *mb_vector_view_get(mb_reader *r, const mb_vector_set *set)
{
    cache *all = get_cache(r->connection);
    if (all == NULL) {
        mb_reader_no_memory(r);
        return NULL;
    }
    mb_vector_view *view = find_view(all, set->key);
    size_t full = mb_block_records(set->dim);
    view->used = ++all->clock;
    if (strlen(view->stamp) == set->stamp_length &&
        memcmp(view->stamp, set->stamp, set->stamp_length) == 0)
        return view;
    view->stamp[0] = '\0';
    if (!set_count(r, all, view, (set->count + full - 1) / full) ||
        !read_stamps(r, set, all, view))
        return NULL;
    memcpy(view->stamp, set->stamp, set->stamp_length);
    view->stamp[set->stamp_length] = '\0';
    return view;
}

static size_t block_bytes(size_t records, size_t stride)
{
    return MB_VECTOR_ALIGN + records * (stride + 4 * sizeof(float));
}

// Memory for so many records, the codes at its first address that is a multiple of their
// alignment.
static bool allocate(mb_reader *r, mb_vector_block *b, size_t records, size_t stride)
{
    size_t bytes = block_bytes(records, stride);
    if (b->bytes < bytes) {
        void *memory = sqlite3_malloc64(bytes);
        if (memory == NULL)
            return mb_reader_no_memory(r);
        sqlite3_free(b->memory);
        b->memory = memory;
        b->bytes = bytes;
    }
    b->records = records;
    b->codes = (uint8_t *)b->memory + (-(uintptr_t)b->memory & (MB_VECTOR_ALIGN - 1));
    b->factors = (float *)(void *)(b->codes + records * stride);
    b->norms = b->factors + records;
    b->bases = b->norms + records;
    b->serials = (uint32_t *)(void *)(b->bases + records);
    return true;
}

// The nearness of an Euclidean distance lacks half the square of the vector's length; a little
// less, because it is a float.
static float base_of(const mb_vector_set *set, float norm)
{
    return set->metric == MB_L2 ? -0.499999f * norm * norm : 0;
}

static void unpack(const mb_vector_set *set, const uint8_t *data, mb_vector_block *b)
{
    size_t stride = mb_vector_stride(set->dim), size = mb_record_size(set->dim);
    b->plain = true;
    for (size_t i = 0; i < b->records; i++, data += size) {
        mb_record record = mb_record_read(data);
        b->plain = b->plain && mb_norm_is_plain(record.norm);
        b->serials[i] = record.serial;
        b->factors[i] = record.factor;
        b->norms[i] = record.norm;
        b->bases[i] = base_of(set, record.norm);
        memcpy(b->codes + i * stride, data + MB_RECORD_HEAD, set->dim);
        memset(b->codes + i * stride + set->dim, 128, stride - set->dim);
    }
}

static bool read_block(mb_reader *r, const mb_vector_set *set, size_t number, size_t records,
                       mb_vector_block *b)
{
    if (!mb_reader_use(r, "SELECT data FROM vector_blocks WHERE key = $key"))
        return false;
    mb_reader_bind(r, 1, mb_vector_key(set, number));
    if (!mb_reader_row(r))
        return mb_reader_good(r) ? damaged(r, set) : false;
    const uint8_t *data = sqlite3_column_blob(r->statement->handle, 0);
    size_t length = (size_t)sqlite3_column_bytes(r->statement->handle, 0);
    if (data == NULL && sqlite3_errcode(r->link->cache.db) == SQLITE_NOMEM)
        return mb_reader_no_memory(r);
    if (data == NULL || length < records * mb_record_size(set->dim))
        return damaged(r, set);
    if (!allocate(r, b, records, mb_vector_stride(set->dim)))
        return false;
    unpack(set, data, b);
    return true;
}

const mb_vector_block *mb_vector_block_get(mb_reader *r, const mb_vector_set *set,
                                           mb_vector_view *view, size_t number,
                                           mb_vector_block *spare)
{
    mb_vector_block *kept = &view->blocks[number];
    if (kept->memory != NULL)
        return kept;
    cache *all = r->connection->vectors;
    size_t full = mb_block_records(set->dim), rest = set->count - number * full;
    size_t records = rest < full ? rest : full;
    bool fits = make_room(all, view, block_bytes(records, mb_vector_stride(set->dim)));
    mb_vector_block *b = fits ? kept : spare;
    bool read = read_block(r, set, number, records, b);
    if (fits) {
        view->bytes += b->bytes;
        all->bytes += b->bytes;
    }
    return read ? b : NULL;
}

bool mb_vector_cache_limit(mb_connection *c, size_t bytes)
{
    cache *all = get_cache(c);
    if (all == NULL)
        return false;
    all->limit = bytes;
    for (size_t i = 0; i < VIEWS; i++) {
        if (all->bytes > bytes)
            forget_view(all, &all->views[i]);
    }
    return true;
}

size_t mb_vector_cache_bytes(const mb_connection *c)
{
    return c->vectors != NULL ? c->vectors->bytes : 0;
}

void mb_vector_cache_free(mb_connection *c)
{
    for (size_t i = 0; c->vectors != NULL && i < VIEWS; i++)
        forget_view(c->vectors, &c->vectors->views[i]);
    sqlite3_free(c->vectors);
    c->vectors = NULL;
}
