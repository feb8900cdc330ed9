// Rows as they lie in a database file, taken apart without trusting a byte of them.
#ifndef MB_STORAGE_RECORD_H
#define MB_STORAGE_RECORD_H

#include "kernel/common.h"

// One column of a row.
typedef struct mb_record_value {
    int type;             // SQLITE_INTEGER, _FLOAT, _TEXT, _BLOB or _NULL
    int64_t integer;      // for the first
    double real;          // for the second
    const uint8_t *bytes; // for text and bytes
    uint64_t size;        // how many
} mb_record_value;

typedef struct mb_record {
    const uint8_t *header;     // the type of the next column
    const uint8_t *header_end; // behind the last one
    const uint8_t *body;       // the next column
    const uint8_t *end;        // behind the row
    bool broken;               // a column makes no sense
} mb_record;

MB_HIDDEN_BEGIN

// Reads a number of variable length; where it ends, NULL when it goes beyond 'end'.
const uint8_t *mb_record_number(const uint8_t *at, const uint8_t *end, uint64_t *value);

// Begins with a row; false for one that cannot be.
bool mb_record_open(mb_record *record, const uint8_t *bytes, uint64_t size);

// The next column; false behind the last one, or when it makes no sense.
bool mb_record_next(mb_record *record, mb_record_value *value);

// After the last column: the row was read to its end, and made sense.
bool mb_record_is_whole(const mb_record *record);

MB_HIDDEN_END

#endif
