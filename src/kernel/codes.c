#include "kernel/codes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct code_row {
    const char *name;    // what the API calls it
    const char *message; // default message
    const char *doc;     // documentation sentence
    bool retryable;      // the same call may succeed later
} code_row;

static const code_row rows[MB_CODE_COUNT] = {
    [MB_OK] = { "ok", "no error", "Nothing went wrong.", false },
#define CODE_ROW(constant, name, retryable, message, doc)                                      \
    [MB_##constant] = { name, message, doc, retryable },
    MB_CODES(CODE_ROW)
#undef CODE_ROW
};

static const code_row *row_of(mb_code code)
{
    return &rows[(unsigned)code < MB_CODE_COUNT ? code : MB_INTERNAL];
}

const char *mb_code_name(mb_code code)
{
    return row_of(code)->name;
}

const char *mb_code_message(mb_code code)
{
    return row_of(code)->message;
}

const char *mb_code_doc(mb_code code)
{
    return row_of(code)->doc;
}

bool mb_code_retryable(mb_code code)
{
    return row_of(code)->retryable;
}

mb_code mb_code_from_name(const char *name)
{
    for (int code = MB_OK + 1; code < MB_CODE_COUNT; code++) {
        if (strcmp(rows[code].name, name) == 0) {
            return (mb_code)code;
        }
    }
    return MB_OK;
}

// The longest prefix of `text`, of at most `limit` bytes, that does not end inside a character.
static size_t cut_length(const char *text, size_t length, size_t limit)
{
    if (length <= limit) {
        return length;
    }
    while (limit > 0 && ((unsigned char)text[limit] & 0xC0) == 0x80) {
        limit--;
    }
    return limit;
}

void mb_error_set_field(mb_error *error, const char *field, size_t length)
{
    length = cut_length(field, length, sizeof error->field - 1);
    if (length > 0) { // an empty path may have no address
        memcpy(error->field, field, length);
    }
    error->field[length] = '\0';
}

mb_code mb_error_set(mb_error *error, mb_code code, int sqlite, const char *format, ...)
{
    if (error == NULL) {
        return code;
    }
    error->code = code;
    error->sqlite = sqlite;
    error->field[0] = '\0';
    // One character more than fits shows where a cut would fall.
    char text[sizeof error->message + 1];
    int length = -1;
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        length = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
    }
    const char *source = length < 0 ? mb_code_message(code) : text;
    size_t kept = cut_length(source, strlen(source), sizeof error->message - 1);
    memcpy(error->message, source, kept);
    error->message[kept] = '\0';
    return code;
}
