// Takes the rows out of a damaged file, page by page, into a sound one.
#ifndef MB_STORAGE_SALVAGE_H
#define MB_STORAGE_SALVAGE_H

#include "storage/owners.h"

typedef struct mb_salvage {
    mb_hold hold;     // of the damaged file
    mb_pages pages;   // of it
    mb_owners owners; // of the pages
    uint8_t *page;    // whose cells are being read
    uint8_t *spill;   // a page of a row that is longer than a page
    uint8_t *row;     // a row that does not lie within its page
    size_t room;      // bytes that fit in 'row'
} mb_salvage;

// Where rows go.
typedef struct mb_salvage_target {
    sqlite3 *db;          // inside a transaction
    sqlite3_stmt *insert; // takes the columns in the order in which a row has them
    int columns;          // how many
    int key;              // the one, from 0, that stands for the rowid; -1: none
    bool index;           // it is a table without rowids
} mb_salvage_target;

typedef struct mb_salvage_count {
    int64_t saved;  // rows that were taken
    int64_t lost;   // rows that were found and make no sense
    int64_t broken; // pages with rows that cannot be read
} mb_salvage_count;

MB_HIDDEN_BEGIN

// Takes hold of the file and looks at its pages. False with 'err' filled. Needs
// mb_salvage_close in any case.
bool mb_salvage_open(mb_salvage *salvage, const char *path, int timeout, mb_error *err);
void mb_salvage_close(mb_salvage *salvage);

// Copies the rows of the tree of that root. A row that breaks a rule of its table is lost.
// False with 'err' filled when the target fails.
bool mb_salvage_rows(mb_salvage *salvage, uint32_t root, const mb_salvage_target *target,
                     mb_salvage_count *count, mb_error *err);

// The entries of an index that can be counted; 'sound': that is all of them.
int64_t mb_salvage_entries(mb_salvage *salvage, uint32_t root, bool *sound);

MB_HIDDEN_END

#endif
