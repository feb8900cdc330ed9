#include "storage/functions.h"

#include "kernel/json_integers.h"
#include "storage/sqlite_memory.h"

static void give_kept(sqlite3_context *context, const char *text, size_t length,
                      const char *old, size_t old_length)
{
    mb_buffer out;
    mb_buffer_init(&out, mb_sqlite_allocator());
    mb_json_keep_integers(&out, text, length, old, old_length);
    if (out.failed)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text64(context, out.data, out.length, SQLITE_TRANSIENT, SQLITE_UTF8);
    mb_buffer_free(&out);
}

static void keep_integers(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (sqlite3_value_type(values[0]) != SQLITE_TEXT ||
        sqlite3_value_type(values[1]) != SQLITE_TEXT) {
        sqlite3_result_value(context, values[0]);
        return;
    }
    const char *text = (const char *)sqlite3_value_text(values[0]);
    const char *old = (const char *)sqlite3_value_text(values[1]);
    if (text == NULL || old == NULL)
        sqlite3_result_error_nomem(context);
    else
        give_kept(context, text, (size_t)sqlite3_value_bytes(values[0]), old,
                  (size_t)sqlite3_value_bytes(values[1]));
}

int mb_functions_add(sqlite3 *db)
{
    return sqlite3_create_function_v2(db, "keep_integers", 2,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                      NULL, keep_integers, NULL, NULL, NULL);
}
