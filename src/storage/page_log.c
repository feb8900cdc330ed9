#include "storage/page_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/pages.h"

enum { WAL_HEADER = 32, FRAME_HEADER = 24, JOURNAL_HEADER = 28 };

static bool read_at(mb_page_log *log, void *to, size_t size, int64_t at)
{
    ssize_t got = pread(log->file, to, size, at);
    log->failed = log->failed || got < 0;
    return got == (ssize_t)size;
}

static bool is_page_size(size_t size)
{
    return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

void mb_page_log_close(mb_page_log *log)
{
    if (log->file >= 0)
        close(log->file);
    sqlite3_free(log->at);
    log->file = -1;
    log->at = NULL;
}

static bool log_start(mb_page_log *log, const char *path, uint64_t file_bytes)
{
    struct stat info;
    memset(log, 0, sizeof *log);
    log->file = open(path, O_RDONLY | O_CLOEXEC);
    log->failed = log->file < 0 && errno != ENOENT;
    bool plain = log->file >= 0 && fstat(log->file, &info) == 0 && S_ISREG(info.st_mode);
    if (plain)
        log->bytes = file_bytes + (uint64_t)info.st_size;
    else
        mb_page_log_close(log); // a folder, say
    return plain;
}

// How many pages there can be.
static uint32_t most_pages(const mb_page_log *log)
{
    uint64_t most = log->bytes / log->size + 1;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX - 1;
}

static void set_count(mb_page_log *log, uint32_t count)
{
    log->count = count < most_pages(log) ? count : most_pages(log);
}

// Notes where a page is. A journal says first what counts, a write-ahead log last.
static bool note(mb_page_log *log, uint32_t page, int64_t at, bool first_counts)
{
    if (page > most_pages(log))
        return true; // it would lie in no file
    if (page > log->logged) {
        uint32_t room = page + page / 2 + 64;
        int64_t *more = sqlite3_realloc64(log->at, ((uint64_t)room + 1) * sizeof *more);
        if (more == NULL)
            return false;
        size_t had = log->at == NULL ? 0 : (size_t)log->logged + 1;
        memset(more + had, 0, ((size_t)room + 1 - had) * sizeof *more);
        log->at = more;
        log->logged = room;
    }
    if (log->at[page] == 0 || !first_counts)
        log->at[page] = at;
    return true;
}

// The sums that a frame ends the chain of, and how its numbers are read for that.
typedef struct wal_sum {
    uint32_t a, b;
    bool big; // big-endian
} wal_sum;

static void sum_up(wal_sum *sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        const uint8_t *p = bytes + i;
        uint32_t x = mb_big32(p), y = mb_big32(p + 4);
        if (!sum->big) {
            x = __builtin_bswap32(x);
            y = __builtin_bswap32(y);
        }
        sum->a += x + sum->b;
        sum->b += y + sum->a;
    }
}

static bool sums_match(const wal_sum *sum, const uint8_t *stored)
{
    return sum->a == mb_big32(stored) && sum->b == mb_big32(stored + 4);
}

// A frame of the log that counts: sum and salts are right.
static bool frame_counts(const uint8_t *header, const uint8_t *frame, size_t page_size,
                         wal_sum *sum)
{
    if (memcmp(frame + 8, header + 16, 8) != 0 || mb_big32(frame) == 0)
        return false;
    sum_up(sum, frame, 8);
    sum_up(sum, frame + FRAME_HEADER, page_size);
    return sums_match(sum, frame + 16);
}

// Notes the frames from one commit to the next; the offset behind it. 0: there is no further
// commit; -1: memory ran out.
static int64_t note_commit(mb_page_log *log, int64_t from, int64_t to)
{
    uint8_t header[FRAME_HEADER];
    for (int64_t at = from; at < to; at += FRAME_HEADER + (int64_t)log->size) {
        if (!read_at(log, header, sizeof header, at))
            return 0;
        if (!note(log, mb_big32(header), at + FRAME_HEADER, false))
            return -1;
        set_count(log, mb_big32(header + 4));
    }
    return to;
}

static bool note_frames(mb_page_log *log, const uint8_t *header, wal_sum sum, uint8_t *frame)
{
    size_t size = FRAME_HEADER + log->size;
    int64_t committed = WAL_HEADER, at = WAL_HEADER;
    while (read_at(log, frame, size, at) && frame_counts(header, frame, log->size, &sum)) {
        at += (int64_t)size;
        if (mb_big32(frame + 4) == 0)
            continue;
        if (note_commit(log, committed, at) < 0)
            return false;
        committed = at;
    }
    return true;
}

bool mb_page_log_open_wal(mb_page_log *log, const char *path, uint64_t file_bytes)
{
    uint8_t header[WAL_HEADER];
    if (!log_start(log, path, file_bytes))
        return true;
    uint32_t magic = read_at(log, header, sizeof header, 0) ? mb_big32(header) : 0;
    wal_sum sum = { 0, 0, (magic & 1) != 0 };
    sum_up(&sum, header, WAL_HEADER - 8);
    log->size = mb_big32(header + 8);
    bool good = true;
    if ((magic | 1) == 0x377f0683 && is_page_size(log->size) &&
        sums_match(&sum, header + WAL_HEADER - 8)) {
        uint8_t *frame = sqlite3_malloc64(FRAME_HEADER + log->size);
        good = frame != NULL && note_frames(log, header, sum, frame);
        sqlite3_free(frame);
    }
    if (!good || log->at == NULL)
        mb_page_log_close(log);
    return good;
}

static uint32_t journal_sum(uint32_t nonce, const uint8_t *page, size_t size)
{
    for (int64_t i = (int64_t)size - 200; i > 0; i -= 200)
        nonce += page[i];
    return nonce;
}

// Notes the records of one part of the journal, up to the first one that does not count. The
// number of those that did; -1: memory ran out.
static int64_t note_records(mb_page_log *log, const uint8_t *header, int64_t at,
                            uint8_t *record)
{
    uint32_t most = mb_big32(header + 8), nonce = mb_big32(header + 12);
    size_t size = log->size + 8;
    for (uint32_t n = 0; n < most; n++, at += (int64_t)size) {
        uint32_t page = read_at(log, record, size, at) ? mb_big32(record) : 0;
        if (page == 0 || page > log->count ||
            journal_sum(nonce, record + 4, log->size) != mb_big32(record + 4 + log->size))
            return n;
        if (!note(log, page, at + 4, true))
            return -1;
    }
    return most;
}

static const uint8_t journal_magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };

static bool read_journal_header(mb_page_log *log, uint8_t *header, int64_t at)
{
    return read_at(log, header, JOURNAL_HEADER, at) &&
           memcmp(header, journal_magic, sizeof journal_magic) == 0;
}

static bool note_journal(mb_page_log *log, uint8_t *header, uint8_t *record)
{
    int64_t at = 0, sector = mb_big32(header + 20);
    if (sector < 32 || sector > 65536)
        return true;
    while (read_journal_header(log, header, at)) {
        uint32_t most = mb_big32(header + 8);
        int64_t noted = note_records(log, header, at + sector, record);
        if (noted < (int64_t)most || most == 0)
            return noted >= 0;
        at += sector + noted * (int64_t)(log->size + 8);
        at = (at + sector - 1) / sector * sector;
    }
    return true;
}

static bool read_journal(mb_page_log *log, uint8_t *header)
{
    uint8_t *record = sqlite3_malloc64(log->size + 8);
    set_count(log, mb_big32(header + 16));
    bool good = record != NULL && note_journal(log, header, record);
    sqlite3_free(record);
    return good;
}

bool mb_page_log_open_journal(mb_page_log *log, const char *path, uint64_t file_bytes)
{
    uint8_t header[JOURNAL_HEADER];
    if (!log_start(log, path, file_bytes))
        return true;
    bool good = true;
    if (read_journal_header(log, header, 0)) {
        log->size = mb_big32(header + 24);
        good = !is_page_size(log->size) || read_journal(log, header);
    }
    if (!good || log->at == NULL)
        mb_page_log_close(log);
    return good;
}
