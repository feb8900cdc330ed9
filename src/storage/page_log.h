// What lies beside a database file: its write-ahead log or its rollback journal, read without
// SQLite and without touching them.
#ifndef MB_STORAGE_PAGE_LOG_H
#define MB_STORAGE_PAGE_LOG_H

#include "kernel/common.h"

typedef struct mb_page_log {
    int file;        // the log, open; -1: there is none, or nothing counts in it
    size_t size;     // of a page
    uint32_t count;  // pages of the database as the log leaves it
    uint64_t bytes;  // of the database file and the log: more pages than fit there are none
    int64_t *at;     // by page, from 1: its offset in the log; 0: not in it
    uint32_t logged; // the greatest page that 'at' has room for
    bool failed;     // a read failed, which does not mean that there is nothing
} mb_page_log;

MB_HIDDEN_BEGIN

// Opens the write-ahead log 'path' of a file of so many bytes: the pages of its last commit.
// False for lack of memory; a log without a commit gives file -1.
bool mb_page_log_open_wal(mb_page_log *log, const char *path, uint64_t file_bytes);

// The same for a rollback journal: the pages as they were before the transaction.
bool mb_page_log_open_journal(mb_page_log *log, const char *path, uint64_t file_bytes);

// Idempotent.
void mb_page_log_close(mb_page_log *log);

MB_HIDDEN_END

#endif
