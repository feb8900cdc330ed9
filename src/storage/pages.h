// The pages of a database file that may be damaged, as SQLite would see them: the file itself,
// and over it what its write-ahead log has committed or what its hot rollback journal takes
// back. Nothing is written anywhere, and no page is trusted.
#ifndef MB_STORAGE_PAGES_H
#define MB_STORAGE_PAGES_H

#include "storage/hold.h"

typedef struct mb_pages {
    mb_hold *hold;     // of the file
    int log;           // the log that stands over it; -1: none
    int64_t *log_at;   // by page: where in the log it is, 0: in the file; NULL: no log
    uint32_t logged;   // how many pages log_at is about
    size_t size;       // of a page
    size_t usable;     // of it without what is reserved at its end
    uint32_t count;    // pages are numbered from 1
    bool sound;        // the header of page 1 makes sense
    bool foreign;      // the log beside it is another file's, and left out
    bool mapped;       // there are pointer maps
    uint32_t version;  // user_version of the header
    uint32_t program;  // application_id of the header
    uint8_t *map;      // the pointer map that was read last
    uint32_t map_page; // its number; 0: none
    bool map_sound;    // every entry of it can be
} mb_pages;

// What a pointer map says of a page.
typedef enum mb_page_use {
    MB_PAGE_UNKNOWN, // the map is damaged, or there is none
    MB_PAGE_ROOT,
    MB_PAGE_FREE,
    MB_PAGE_OVERFLOW_FIRST,
    MB_PAGE_OVERFLOW,
    MB_PAGE_TREE
} mb_page_use;

MB_HIDDEN_BEGIN

// Looks at a file that is held, and at what lies beside it. False with 'err' filled when memory
// runs out or a read fails; a file that makes no sense has no pages. Needs mb_pages_close in
// any case.
bool mb_pages_open(mb_pages *pages, mb_hold *hold, mb_error *err);
void mb_pages_close(mb_pages *pages);

// Reads a page into 'to', of pages->size bytes.
bool mb_pages_read(mb_pages *pages, uint32_t number, uint8_t *to);

// How a page is used, and by which page.
mb_page_use mb_pages_use(mb_pages *pages, uint32_t number, uint32_t *parent);

// Whether a page is a pointer map, or the one that only locks are on.
bool mb_pages_is_special(const mb_pages *pages, uint32_t number);

MB_HIDDEN_END

// Numbers in the file are big-endian.
static inline uint32_t mb_big16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t mb_big32(const uint8_t *p)
{
    return mb_big16(p) << 16 | mb_big16(p + 2);
}

#endif
