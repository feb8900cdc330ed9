#include "storage/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "storage/sqlite_error.h"
#include "storage/transaction.h"

bool mb_reader_open(mb_reader *r, mb_connection *connection, const void *user)
{
    memset(r, 0, sizeof *r);
    r->connection = connection;
    r->user = user;
    return mb_snapshot_open(connection, user, &r->snapshot, &r->err);
}

void mb_reader_done(mb_reader *r)
{
    if (r->statement == NULL)
        return;
    mb_connection_done(r->link);
    r->statement = NULL;
    if (!mb_reader_good(r))
        mb_connection_failed(r->connection, r->link, &r->err);
}

void mb_reader_close(mb_reader *r)
{
    mb_reader_done(r);
    mb_snapshot_close(r->snapshot);
    r->snapshot = NULL;
}

bool mb_reader_use(mb_reader *r, const char *sql)
{
    if (!mb_reader_good(r))
        return false;
    if (r->statement != NULL && r->sql == sql) {
        sqlite3_reset(r->statement->handle);
        return true;
    }
    mb_reader_done(r);
    r->sql = sql;
    r->statement =
        mb_connection_prepare(r->connection, r->user, sql, strlen(sql), &r->link, &r->err);
    return r->statement != NULL;
}

void mb_reader_bind(mb_reader *r, int index, int64_t value)
{
    sqlite3_bind_int64(r->statement->handle, index, value);
}

void mb_reader_bind_text(mb_reader *r, int index, const char *text, size_t length)
{
    sqlite3_bind_text64(r->statement->handle, index, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

void mb_reader_bind_blob(mb_reader *r, int index, const void *bytes, size_t length)
{
    sqlite3_bind_blob64(r->statement->handle, index, bytes, length, SQLITE_STATIC);
}

bool mb_reader_row(mb_reader *r)
{
    if (!mb_reader_good(r))
        return false;
    int result = sqlite3_step(r->statement->handle);
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE)
        mb_sqlite_fail(&r->err, r->link->cache.db, result, "read");
    return false;
}

bool mb_reader_run(mb_reader *r)
{
    while (mb_reader_row(r)) {
    }
    mb_reader_done(r);
    return mb_reader_good(r);
}

int64_t mb_reader_integer(const mb_reader *r, int column)
{
    return sqlite3_column_int64(r->statement->handle, column);
}

double mb_reader_number(const mb_reader *r, int column)
{
    return sqlite3_column_double(r->statement->handle, column);
}

const char *mb_reader_text(mb_reader *r, int column, size_t *length)
{
    const char *text = (const char *)sqlite3_column_text(r->statement->handle, column);
    *length = (size_t)sqlite3_column_bytes(r->statement->handle, column);
    if (text == NULL)
        mb_reader_no_memory(r);
    return text;
}

const uint8_t *mb_reader_blob(mb_reader *r, int column, size_t *length)
{
    const uint8_t *bytes = sqlite3_column_blob(r->statement->handle, column);
    *length = (size_t)sqlite3_column_bytes(r->statement->handle, column);
    if (bytes == NULL && sqlite3_errcode(r->link->cache.db) == SQLITE_NOMEM)
        mb_reader_no_memory(r);
    return bytes;
}

bool mb_reader_is_null(const mb_reader *r, int column)
{
    return sqlite3_column_type(r->statement->handle, column) == SQLITE_NULL;
}

bool mb_reader_fail(mb_reader *r, mb_code code, const char *format, ...)
{
    char message[2 * sizeof r->err.message]; // mb_error_set knows where to cut
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (mb_reader_good(r))
        mb_error_set(&r->err, code, 0, "%s", message);
    return false;
}

bool mb_reader_no_memory(mb_reader *r)
{
    if (mb_reader_good(r))
        mb_sqlite_fail(&r->err, NULL, SQLITE_NOMEM, "read");
    return false;
}
