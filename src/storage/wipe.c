#include "storage/wipe.h"

#include <string.h>

#include "storage/pages.h"
#include "storage/sqlite_error.h"

// The header of a page of a tree: where its parts begin.
typedef struct layout {
    const uint8_t *cells; // two bytes for each cell: where it is
    size_t count;         // of cells
    size_t gap;           // where the room between these and the cells begins
    size_t content;       // where it ends
    size_t free;          // the first free block; 0: none
} layout;

static bool read_layout(const uint8_t *page, size_t usable, layout *to)
{
    uint8_t kind = page[0];
    size_t header = kind & 8 ? 8 : 12;
    if (kind != 2 && kind != 5 && kind != 10 && kind != 13)
        return false;
    to->free = mb_big16(page + 1);
    to->count = mb_big16(page + 3);
    to->content = mb_big16(page + 5) == 0 ? 65536 : mb_big16(page + 5);
    to->cells = page + header;
    to->gap = header + 2 * to->count;
    return to->gap <= to->content && to->content <= usable;
}

// Whether no cell begins in a range.
static bool is_unused(const layout *l, size_t from, size_t to)
{
    for (size_t i = 0; i < l->count; i++) {
        size_t at = mb_big16(l->cells + 2 * i);
        if (at >= from && at < to)
            return false;
    }
    return true;
}

static bool clear(uint8_t *page, size_t from, size_t to)
{
    bool changed = false;
    for (size_t i = from; i < to; i++) {
        changed = changed || page[i] != 0;
        page[i] = 0;
    }
    return changed;
}

// Free blocks, each of which names the next one and its own size. Ends at the first that cannot
// be.
static bool clear_blocks(uint8_t *page, size_t usable, const layout *l)
{
    bool changed = false;
    size_t last = l->content;
    for (size_t at = l->free; at >= last && at + 4 <= usable; at = mb_big16(page + at)) {
        size_t size = mb_big16(page + at + 2);
        if (size < 4 || at + size > usable || !is_unused(l, at, at + size))
            break;
        changed = clear(page, at + 4, at + size) || changed;
        last = at + size;
    }
    return changed;
}

// True when there was something to clear.
static bool clear_page(uint8_t *page, size_t usable)
{
    layout l;
    if (!read_layout(page, usable, &l) || !is_unused(&l, 0, l.content))
        return false;
    bool changed = clear(page, l.gap, l.content);
    return clear_blocks(page, usable, &l) || changed;
}

static bool fail(mb_connection *c, int result, mb_error *err)
{
    mb_sqlite_fail(err, c->writer.cache.db, result, "wipe");
    return false;
}

static bool wipe_page(mb_connection *c, mb_pages *p, uint32_t number, uint8_t *page,
                      mb_error *err)
{
    uint32_t parent;
    mb_page_use use = mb_pages_use(p, number, &parent);
    if (use != MB_PAGE_ROOT && use != MB_PAGE_TREE)
        return true;
    if (!mb_pages_read(p, number, page))
        return fail(c, SQLITE_IOERR_READ, err);
    if (!clear_page(page, p->usable))
        return true;
    sqlite3_file *file = p->hold->file;
    int result = file->pMethods->xWrite(file, page, (int)p->size,
                                        (int64_t)(number - 1) * (int64_t)p->size);
    return result == SQLITE_OK || fail(c, result, err);
}

static bool wipe_pages(mb_connection *c, mb_pages *p, mb_error *err)
{
    if (p->log >= 0) {
        mb_error_set(err, MB_BUSY, 0, "the log of '%s' is not empty", c->path);
        return false;
    }
    uint8_t *page = sqlite3_malloc64(p->size);
    if (page == NULL)
        return fail(c, SQLITE_NOMEM, err);
    bool good = true;
    for (uint32_t number = 1; good && number <= p->count; number++)
        good = mb_pages_is_special(p, number) || wipe_page(c, p, number, page, err);
    sqlite3_free(page);
    if (!good)
        return false;
    int result = p->hold->file->pMethods->xSync(p->hold->file, SQLITE_SYNC_FULL);
    return result == SQLITE_OK || fail(c, result, err);
}

bool mb_wipe(mb_connection *c, mb_error *err)
{
    mb_pages pages;
    sqlite3 *db = c->writer.cache.db;
    mb_hold hold = { .name = sqlite3_db_filename(db, "main"), .opener = c->opener };
    int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &hold.file);
    if (result != SQLITE_OK)
        return fail(c, result, err);
    bool good = mb_pages_open(&pages, &hold, err) && wipe_pages(c, &pages, err);
    mb_pages_close(&pages);
    sqlite3_db_release_memory(db); // or it would write the old bytes again
    return good;
}
