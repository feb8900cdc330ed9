#include "storage/pages.h"

#include <string.h>
#include <unistd.h>

#include "storage/page_log.h"

enum { HEADER = 100, DEFAULT_SIZE = 4096, MAP_ENTRY = 5 };

static const char magic[16] = "SQLite format 3";

// Takes over what the header of a database says, when it makes sense.
static bool take_header(mb_pages *p, const uint8_t *header)
{
    size_t size = mb_big16(header + 16) == 1 ? 65536 : mb_big16(header + 16);
    if (memcmp(header, magic, sizeof magic) != 0 || size < 512 || (size & (size - 1)) != 0)
        return false;
    p->size = size;
    p->usable = size - header[20];
    p->mapped = mb_big32(header + 52) != 0;
    p->version = mb_big32(header + 60);
    p->program = mb_big32(header + 68);
    return true;
}

// Without a header the file is taken for one of ours.
static void assume(mb_pages *p, size_t size)
{
    p->size = p->usable = size;
    p->mapped = true;
}

static void take_log(mb_pages *p, mb_page_log *log)
{
    p->log = log->file;
    p->log_at = log->at;
    p->logged = log->logged;
    p->count = log->count;
}

// The header as the log has it.
static bool logged_header(const mb_page_log *log, uint8_t *header)
{
    return log->file >= 0 && log->at[1] != 0 &&
           pread(log->file, header, HEADER, log->at[1]) == HEADER;
}

// A log of pages of another size, or of another program's database, belongs to another file.
static bool belongs(const mb_pages *p, const mb_page_log *log)
{
    uint8_t header[HEADER];
    mb_pages seen = { 0 };
    if (!p->sound)
        return true;
    if (log->size != p->size)
        return false;
    // A file whose first commits all lie in the log bears no program's number yet.
    return p->program == 0 || !logged_header(log, header) ||
           (take_header(&seen, header) && seen.program == p->program);
}

static bool open_log(mb_page_log *log, const char *path, uint64_t file_bytes)
{
    char *name = sqlite3_mprintf("%s-wal", path);
    bool good = name != NULL && mb_page_log_open_wal(log, name, file_bytes);
    sqlite3_free(name);
    if (!good || log->file >= 0)
        return good;
    name = sqlite3_mprintf("%s-journal", path);
    good = name != NULL && mb_page_log_open_journal(log, name, file_bytes);
    sqlite3_free(name);
    return good;
}

static void lay_over(mb_pages *p, mb_page_log *log)
{
    uint8_t header[HEADER];
    if (log->file < 0)
        return;
    if (!belongs(p, log)) {
        p->foreign = true;
        mb_page_log_close(log);
        return;
    }
    if (logged_header(log, header) && take_header(p, header))
        p->sound = true;
    if (!p->sound)
        assume(p, log->size);
    take_log(p, log);
}

bool mb_pages_open(mb_pages *p, mb_hold *hold, mb_error *err)
{
    uint8_t header[HEADER];
    int64_t bytes = 0;
    mb_page_log log = { .file = -1 };
    memset(p, 0, sizeof *p);
    p->hold = hold;
    p->log = -1;
    p->sound = mb_hold_read(hold, header, HEADER, 0) && take_header(p, header);
    if (!p->sound)
        assume(p, DEFAULT_SIZE);
    mb_hold_size(hold, &bytes);
    bool good = open_log(&log, hold->name, (uint64_t)bytes);
    if (log.failed)
        hold->failed = SQLITE_IOERR_READ;
    lay_over(p, &log);
    if (p->log < 0)
        p->count = (uint32_t)(bytes / (int64_t)p->size);
    p->map = sqlite3_malloc64(p->size);
    if (good && p->map != NULL)
        return mb_hold_good(hold, err);
    mb_error_set(err, MB_INTERNAL, SQLITE_NOMEM, "no memory to read '%s'", hold->name);
    return false;
}

void mb_pages_close(mb_pages *p)
{
    if (p->log >= 0)
        close(p->log);
    sqlite3_free(p->log_at);
    sqlite3_free(p->map);
    memset(p, 0, sizeof *p);
    p->log = -1;
}

bool mb_pages_read(mb_pages *p, uint32_t number, uint8_t *to)
{
    if (number == 0 || number > p->count)
        return false;
    int64_t at = p->log_at != NULL && number <= p->logged ? p->log_at[number] : 0;
    if (at != 0) {
        ssize_t got = pread(p->log, to, p->size, at);
        if (got < 0)
            p->hold->failed = SQLITE_IOERR_READ;
        return got == (ssize_t)p->size;
    }
    return mb_hold_read(p->hold, to, p->size, (int64_t)(number - 1) * (int64_t)p->size);
}

static uint32_t lock_page(const mb_pages *p)
{
    return (uint32_t)(0x40000000 / p->size) + 1;
}

// The map that tells of a page.
static uint32_t map_of(const mb_pages *p, uint32_t number)
{
    uint32_t group = (uint32_t)(p->usable / MAP_ENTRY) + 1;
    uint32_t map = number < 2 ? 0 : (number - 2) / group * group + 2;
    return map == lock_page(p) ? map + 1 : map;
}

bool mb_pages_is_special(const mb_pages *p, uint32_t number)
{
    return number == lock_page(p) || (p->mapped && map_of(p, number) == number);
}

// Every entry of a sound map can be: garbage is hardly ever so.
static bool map_makes_sense(const mb_pages *p, uint32_t map)
{
    for (size_t i = 0; (i + 1) * MAP_ENTRY <= p->usable; i++) {
        const uint8_t *entry = p->map + i * MAP_ENTRY;
        uint32_t number = map + 1 + (uint32_t)i, parent = mb_big32(entry + 1);
        if (number > p->count)
            break;
        if (number == lock_page(p))
            continue;
        bool alone = entry[0] == MB_PAGE_ROOT || entry[0] == MB_PAGE_FREE;
        if (entry[0] < MB_PAGE_ROOT || entry[0] > MB_PAGE_TREE || (parent == 0) != alone)
            return false;
    }
    return true;
}

static bool find_map(mb_pages *p, uint32_t map)
{
    if (p->map_page != map) {
        p->map_page = map;
        p->map_sound = mb_pages_read(p, map, p->map) && map_makes_sense(p, map);
    }
    return p->map_sound;
}

mb_page_use mb_pages_use(mb_pages *p, uint32_t number, uint32_t *parent)
{
    uint32_t map = p->mapped ? map_of(p, number) : 0;
    if (map < 2 || number <= map || number > p->count || !find_map(p, map))
        return MB_PAGE_UNKNOWN;
    const uint8_t *entry = p->map + (size_t)(number - map - 1) * MAP_ENTRY;
    *parent = mb_big32(entry + 1);
    return (mb_page_use)entry[0];
}
