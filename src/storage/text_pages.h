// Pages of entries: finding one, and writing those of a segment one after the other.
#ifndef MB_STORAGE_TEXT_PAGES_H
#define MB_STORAGE_TEXT_PAGES_H

#include "storage/text_lists.h"

// Bytes in memory. All zero: none.
typedef struct mb_text_bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
} mb_text_bytes;

// Writes the pages of a segment, whose words come in the order of their hashes.
typedef struct mb_text_writer {
    mb_reader *reader;        // inside a transaction of its user
    mb_text_segment *segment; // its lists and bytes are kept up to date
    mb_text_bytes page;       // the page that is being filled
    int64_t first;            // place of its first word
    int64_t last;             // place of its last word
} mb_text_writer;

MB_HIDDEN_BEGIN

// Has room for so many more bytes.
bool mb_text_bytes_room(mb_reader *r, mb_text_bytes *bytes, size_t extra);
void mb_text_bytes_append(mb_text_bytes *bytes, const void *data, size_t size);
void mb_text_bytes_free(mb_text_bytes *bytes);

// Reads the page of a segment that would hold a word of that place. `key` is that of the page,
// 0 when there is none.
bool mb_text_page_find(mb_reader *r, int64_t segment, int64_t place, mb_text_bytes *page,
                       int64_t *key);

// Reads the first page of a segment whose key is `from` or greater; `key` as above.
bool mb_text_page_next(mb_reader *r, int64_t segment, int64_t from, mb_text_bytes *page,
                       int64_t *key);

// Writes a page; without bytes, deletes it.
bool mb_text_page_write(mb_reader *r, int64_t key, const uint8_t *data, size_t size);

// The entry of a word in a page, with `after` behind it; false when there is none. Fails the
// reader when the page is damaged.
bool mb_text_page_entry(mb_reader *r, const mb_text_bytes *page, uint64_t hash,
                        mb_text_entry *entry, const uint8_t **at, const uint8_t **after);

void mb_text_writer_open(mb_text_writer *w, mb_reader *reader, mb_text_segment *segment);

// Adds a word with its postings.
bool mb_text_writer_add(mb_text_writer *w, uint64_t hash, const mb_posting *items,
                        size_t count);

// Writes what is left, and frees.
bool mb_text_writer_close(mb_text_writer *w);

MB_HIDDEN_END

#endif
