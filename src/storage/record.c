#include "storage/record.h"

#include <sqlite3.h>
#include <string.h>

const uint8_t *mb_record_number(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++, at++) {
        if (at >= end)
            return NULL;
        n = n << 7 | (*at & 0x7f);
        if (*at < 0x80) {
            *value = n;
            return at + 1;
        }
    }
    if (at >= end)
        return NULL;
    *value = n << 8 | *at;
    return at + 1;
}

bool mb_record_open(mb_record *r, const uint8_t *bytes, uint64_t size)
{
    uint64_t header = 0;
    r->end = bytes + size;
    r->broken = false;
    r->header = mb_record_number(bytes, r->end, &header);
    if (r->header == NULL || header > size || bytes + header < r->header)
        return false;
    r->header_end = r->body = bytes + header;
    return true;
}

// Types 0 to 9 have a size of their own, 10 and 11 do not exist.
static uint64_t size_of(uint64_t type)
{
    static const uint8_t sizes[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0 };
    return type < sizeof sizes ? sizes[type] : (type - 12) / 2;
}

static int64_t read_integer(const uint8_t *at, uint64_t size)
{
    uint64_t n = at[0] & 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = 0; i < size; i++)
        n = n << 8 | at[i];
    return (int64_t)n;
}

static void read_value(mb_record_value *value, uint64_t type, const uint8_t *at)
{
    static const int types[] = { SQLITE_NULL,    SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_INTEGER,
                                 SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_FLOAT,
                                 SQLITE_INTEGER, SQLITE_INTEGER };
    value->type = type < 10 ? types[type] : type % 2 == 0 ? SQLITE_BLOB : SQLITE_TEXT;
    value->bytes = at;
    if (type >= 1 && type <= 7)
        value->integer = read_integer(at, value->size);
    else
        value->integer = type == 9;
    if (type == 7)
        memcpy(&value->real, &value->integer, sizeof value->real);
}

bool mb_record_next(mb_record *r, mb_record_value *value)
{
    uint64_t type = 0;
    if (r->broken || r->header == r->header_end)
        return false;
    r->header = mb_record_number(r->header, r->header_end, &type);
    bool known = r->header != NULL && type != 10 && type != 11;
    value->size = known ? size_of(type) : 0;
    if (!known || value->size > (uint64_t)(r->end - r->body)) {
        r->broken = true;
        return false;
    }
    read_value(value, type, r->body);
    r->body += value->size;
    return true;
}

bool mb_record_is_whole(const mb_record *r)
{
    return !r->broken && r->body == r->end;
}
