// Reading rows inside the core, statement after statement, through the handle that the user
// reads through. One statement is in use at a time; what goes wrong stays in `err`, and from
// then on nothing more is read.
#ifndef MB_STORAGE_READER_H
#define MB_STORAGE_READER_H

#include "storage/connection.h"

typedef struct mb_reader {
    mb_connection *connection; // where it reads
    const void *user;          // for whom; see mb_connection_prepare
    mb_link *link;             // the handle that the statement runs on
    mb_statement *statement;   // in use, or NULL
    const char *sql;           // its text, as given
    mb_link *snapshot;         // what mb_reader_close gives up, or NULL
    mb_error err;              // why it failed; its code is MB_OK while it has not
} mb_reader;

MB_HIDDEN_BEGIN

// Begins to read: everything is of one state of the file, until mb_reader_close. False with
// `err` filled when that cannot be had.
bool mb_reader_open(mb_reader *r, mb_connection *connection, const void *user);

// Ends the use of the statement and of the state of the file. Needed after a failed open too.
void mb_reader_close(mb_reader *r);

// Puts `sql`, a constant that outlives the reader, to use; its parameters are bound next. True
// when it can be stepped. The statement that was in use is put down, unless it is the same one.
bool mb_reader_use(mb_reader *r, const char *sql);

// Binds a parameter of the statement, from 1. Text and bytes must stay where they are.
void mb_reader_bind(mb_reader *r, int index, int64_t value);
void mb_reader_bind_text(mb_reader *r, int index, const char *text, size_t length);
void mb_reader_bind_blob(mb_reader *r, int index, const void *bytes, size_t length);

// The next row: true when there is one. Without one the statement can be bound anew after
// another mb_reader_use.
bool mb_reader_row(mb_reader *r);

// Runs the statement to its end and puts it down, whatever rows it gives. False when it failed.
bool mb_reader_run(mb_reader *r);

// A column of the present row, from 0; a NULL is 0. The text is valid until the next row; a
// lack of memory gives NULL and fails the reader.
int64_t mb_reader_integer(const mb_reader *r, int column);
double mb_reader_number(const mb_reader *r, int column);
const char *mb_reader_text(mb_reader *r, int column, size_t *length);

// The bytes of a column, valid until the next row. NULL where there are none; a lack of memory
// gives NULL and fails the reader.
const uint8_t *mb_reader_blob(mb_reader *r, int column, size_t *length);
bool mb_reader_is_null(const mb_reader *r, int column);

// Puts the statement down. Needed before anything else uses the connection.
void mb_reader_done(mb_reader *r);

// Fails the reader. Returns false.
bool mb_reader_fail(mb_reader *r, mb_code code, const char *format, ...) MB_PRINTF(3, 4);

// Fails it for lack of memory. Returns false.
bool mb_reader_no_memory(mb_reader *r);

MB_HIDDEN_END

// Whether all went well so far.
static inline bool mb_reader_good(const mb_reader *r)
{
    return r->err.code == MB_OK;
}

#endif
