#include "storage/salvage.h"

#include <string.h>

#include "kernel/utf8.h"
#include "storage/record.h"
#include "storage/sqlite_error.h"

enum { MOST_BYTES = 1000000000 }; // of a row, by SQLite's limits

// A cell taken apart.
typedef struct cell {
    int64_t rowid;          // 0 for one of an index
    uint64_t size;          // bytes of the row
    size_t local;           // how many of them lie in the page
    const uint8_t *payload; // those
} cell;

bool mb_salvage_open(mb_salvage *s, const char *path, int timeout, mb_error *err)
{
    memset(s, 0, sizeof *s);
    s->pages.log = -1;
    if (!mb_hold_take(&s->hold, path, timeout, err) || !mb_pages_open(&s->pages, &s->hold, err))
        return false;
    s->page = sqlite3_malloc64(s->pages.size);
    s->spill = sqlite3_malloc64(s->pages.size);
    if (mb_owners_open(&s->owners, &s->pages) && s->page != NULL && s->spill != NULL)
        return true;
    mb_error_set(err, MB_INTERNAL, SQLITE_NOMEM, "no memory to read '%s'", path);
    return false;
}

void mb_salvage_close(mb_salvage *s)
{
    mb_owners_close(&s->owners);
    mb_pages_close(&s->pages);
    sqlite3_free(s->page);
    sqlite3_free(s->spill);
    sqlite3_free(s->row);
    mb_hold_release(&s->hold);
    s->page = s->spill = s->row = NULL;
}

// How much of a row lies in its page, by the rules of the file format.
static size_t local_size(size_t usable, uint64_t size, bool index)
{
    size_t most = index ? (usable - 12) * 64 / 255 - 23 : usable - 35;
    size_t least = (usable - 12) * 32 / 255 - 23;
    if (size <= most)
        return (size_t)size;
    size_t wanted = least + (size_t)((size - least) % (usable - 4));
    return wanted <= most ? wanted : least;
}

static bool parse_cell(const mb_salvage *s, const mb_tree_page *tree, const uint8_t *at,
                       cell *c)
{
    uint64_t rowid = 0;
    if (!tree->leaf)
        at += 4; // the child
    at = mb_record_number(at, tree->end, &c->size);
    if (at != NULL && !tree->index)
        at = mb_record_number(at, tree->end, &rowid);
    if (at == NULL || c->size == 0 || c->size > MOST_BYTES)
        return false;
    c->rowid = (int64_t)rowid;
    c->local = local_size(s->pages.usable, c->size, tree->index);
    c->payload = at;
    return at + c->local + (c->local < c->size ? 4 : 0) <= tree->end;
}

static bool reserve(mb_salvage *s, size_t size)
{
    if (size <= s->room)
        return true;
    uint8_t *more = sqlite3_realloc64(s->row, size);
    if (more == NULL)
        return false;
    s->row = more;
    s->room = size;
    return true;
}

// Whether a page can be the next one of a row.
static bool is_spill(mb_salvage *s, uint32_t number, uint32_t before, bool first)
{
    uint32_t parent = 0;
    if (number < 2 || number > s->pages.count || s->owners.root[number] != 0)
        return false;
    mb_page_use use = mb_pages_use(&s->pages, number, &parent);
    mb_page_use wanted = first ? MB_PAGE_OVERFLOW_FIRST : MB_PAGE_OVERFLOW;
    return use == MB_PAGE_UNKNOWN || (use == wanted && parent == before);
}

// Puts a row together that goes on in other pages.
static const uint8_t *gather(mb_salvage *s, const cell *c, uint32_t page)
{
    size_t have = c->local, part = s->pages.usable - 4;
    if (!reserve(s, (size_t)c->size))
        return NULL;
    memcpy(s->row, c->payload, have);
    uint32_t next = mb_big32(c->payload + have);
    while (have < c->size) {
        if (!is_spill(s, next, page, have == c->local) ||
            !mb_pages_read(&s->pages, next, s->spill))
            return NULL;
        size_t size = c->size - have < part ? (size_t)c->size - have : part;
        memcpy(s->row + have, s->spill + 4, size);
        have += size;
        page = next;
        next = mb_big32(s->spill);
    }
    return s->row;
}

static void bind_value(const mb_salvage_target *t, int column, const mb_record_value *value)
{
    sqlite3_stmt *s = t->insert;
    int index = column + 1, size = (int)value->size;
    switch (value->type) {
    case SQLITE_INTEGER:
        sqlite3_bind_int64(s, index, value->integer);
        break;
    case SQLITE_FLOAT:
        sqlite3_bind_double(s, index, value->real);
        break;
    case SQLITE_TEXT:
        sqlite3_bind_text(s, index, (const char *)value->bytes, size, SQLITE_STATIC);
        break;
    case SQLITE_BLOB:
        sqlite3_bind_blob(s, index, value->bytes, size, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_null(s, index);
    }
}

// Binds the columns of a row; false for one that makes no sense.
static bool bind_row(const mb_salvage_target *t, const uint8_t *bytes, uint64_t size,
                     int64_t rowid)
{
    mb_record record;
    mb_record_value value;
    sqlite3_clear_bindings(t->insert);
    if (!mb_record_open(&record, bytes, size))
        return false;
    for (int i = 0; mb_record_next(&record, &value); i++) {
        bool text = value.type == SQLITE_TEXT;
        if (i >= t->columns ||
            (text && !mb_utf8_valid((const char *)value.bytes, (size_t)value.size)))
            return false;
        bind_value(t, i, &value);
    }
    if (t->key >= 0)
        sqlite3_bind_int64(t->insert, t->key + 1, rowid);
    return mb_record_is_whole(&record);
}

static bool insert(const mb_salvage_target *t, mb_salvage_count *count, mb_error *err)
{
    int result = sqlite3_step(t->insert);
    sqlite3_reset(t->insert);
    if (result == SQLITE_DONE)
        count->saved++;
    else if ((result & 0xff) == SQLITE_CONSTRAINT || (result & 0xff) == SQLITE_MISMATCH)
        count->lost++;
    else
        return mb_sqlite_fail(err, t->db, result, "save a row");
    return true;
}

static bool copy_cell(mb_salvage *s, const mb_tree_page *tree, uint32_t number, uint32_t n,
                      const mb_salvage_target *t, mb_salvage_count *count, mb_error *err)
{
    cell c;
    const uint8_t *at = mb_tree_page_cell(tree, s->page, n), *row = NULL;
    if (at != NULL && parse_cell(s, tree, at, &c))
        row = c.local == c.size ? c.payload : gather(s, &c, number);
    if (row != NULL && bind_row(t, row, c.size, c.rowid))
        return insert(t, count, err);
    count->lost++;
    return true;
}

// The pages that a page leads to and that are not to be had.
static int64_t missing_children(const mb_salvage *s, const mb_tree_page *tree, uint32_t root)
{
    int64_t missing = 0;
    for (uint32_t n = 0; n <= tree->cells; n++) {
        const uint8_t *at =
            n < tree->cells ? mb_tree_page_cell(tree, s->page, n) : tree->at - 4;
        uint32_t child = at == NULL ? 0 : mb_big32(at);
        missing += child == 0 || child > s->pages.count || s->owners.root[child] != root;
    }
    return missing;
}

static bool copy_page(mb_salvage *s, uint32_t number, const mb_salvage_target *t,
                      mb_salvage_count *count, mb_error *err)
{
    mb_tree_page tree;
    if (!mb_pages_read(&s->pages, number, s->page) ||
        !mb_tree_page_parse(&tree, &s->pages, s->page, number) || tree.index != t->index) {
        count->broken += !mb_owners_is_replaced(&s->owners, number);
        return true;
    }
    if (!tree.leaf)
        count->broken += missing_children(s, &tree, s->owners.root[number]);
    if (!tree.leaf && !tree.index)
        return true; // leads to rows and has none
    for (uint32_t n = 0; n < tree.cells; n++)
        if (!copy_cell(s, &tree, number, n, t, count, err))
            return false;
    return true;
}

bool mb_salvage_rows(mb_salvage *s, uint32_t root, const mb_salvage_target *t,
                     mb_salvage_count *count, mb_error *err)
{
    count->broken += root > s->pages.count;
    for (uint32_t number = 1; number <= s->pages.count; number++)
        if (s->owners.root[number] == root && !copy_page(s, number, t, count, err))
            return false;
    return mb_hold_good(&s->hold, err);
}

int64_t mb_salvage_entries(mb_salvage *s, uint32_t root, bool *sound)
{
    mb_tree_page tree;
    int64_t entries = 0;
    *sound = root != 0 && root <= s->pages.count;
    for (uint32_t number = 1; number <= s->pages.count; number++) {
        if (s->owners.root[number] != root)
            continue;
        if (mb_pages_read(&s->pages, number, s->page) &&
            mb_tree_page_parse(&tree, &s->pages, s->page, number) && tree.index)
            entries += tree.cells;
        if (mb_owners_is_broken(&s->owners, number))
            *sound = false;
    }
    return entries;
}
