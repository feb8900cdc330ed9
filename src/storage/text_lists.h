// Lists of postings that are too long for a page: a directory, which tells what to expect in
// each chunk, and the chunks.
#ifndef MB_STORAGE_TEXT_LISTS_H
#define MB_STORAGE_TEXT_LISTS_H

#include "kernel/text_columns.h"
#include "storage/text_rows.h"

// Postings in memory. All zero: none.
typedef struct mb_text_postings {
    mb_posting *items;
    size_t count;
    size_t capacity;
} mb_text_postings;

// A chunk, as the directory has it.
typedef struct mb_text_part {
    uint32_t number;        // in its key
    uint32_t first;         // the least serial in it
    uint32_t last;          // the greatest one
    uint32_t count;         // of postings
    mb_posting_peaks peaks; // of its postings, and perhaps of some that are gone
} mb_text_part;

typedef struct mb_text_directory {
    mb_text_part *parts; // by serial
    size_t count;
    size_t capacity;
} mb_text_directory;

// A chunk in memory: its columns and its serials.
typedef struct mb_text_chunk {
    mb_text_columns columns;
    uint32_t serials[MB_TEXT_COLUMNS_MAX];
    uint8_t data[MB_TEXT_COLUMNS_ROOM]; // where the columns are
} mb_text_chunk;

MB_HIDDEN_BEGIN

// Has room for so many more postings.
bool mb_text_postings_room(mb_reader *r, mb_text_postings *postings, size_t extra);
void mb_text_postings_free(mb_text_postings *postings);

// Fills the directory in; tells how many postings there are; writes and frees it.
bool mb_text_directory_read(mb_reader *r, int64_t segment, uint32_t list,
                            mb_text_directory *directory);
size_t mb_text_directory_total(const mb_text_directory *directory);
bool mb_text_directory_write(mb_reader *r, int64_t segment, uint32_t list,
                             const mb_text_directory *directory, size_t *bytes);
void mb_text_directory_free(mb_text_directory *directory);

// Reads a chunk.
bool mb_text_chunk_read(mb_reader *r, int64_t segment, uint32_t list, const mb_text_part *part,
                        mb_text_chunk *chunk);

// Writes a chunk with as many of the postings as fit; or, without `fit`, with all, which are
// some of those that it had. Changes the part to what it is then. Without postings, deletes it.
bool mb_text_chunk_write(mb_reader *r, int64_t segment, uint32_t list, mb_text_part *part,
                         const mb_posting *items, size_t count, bool fit, size_t *bytes);

// Writes all of a list that is not there yet. Adds to `bytes` what it takes.
bool mb_text_list_write(mb_reader *r, int64_t segment, uint32_t list, const mb_posting *items,
                        size_t count, size_t *bytes);

// Appends the postings of a list.
bool mb_text_list_read(mb_reader *r, int64_t segment, uint32_t list,
                       mb_text_postings *postings);

// The posting at a place in a chunk.
mb_posting mb_text_chunk_posting(const mb_text_chunk *chunk, size_t at);

// Removes a list.
bool mb_text_list_delete(mb_reader *r, int64_t segment, uint32_t list);

MB_HIDDEN_END

#endif
