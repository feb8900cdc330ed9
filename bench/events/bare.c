// What the events part of moonbase does, as a program written for just that would do it: on the
// same tables, keeping the same promises (one durable commit, cursors that are never given
// twice, the indexes of every way to read).
#include <stdio.h>
#include <stdlib.h>

#include "bench/bare.h"

enum { STREAMS = 4, TYPES = 2 };

static sqlite3_stmt *begin, *commit, *advance, *find_stream, *find_key, *insert;
static char **bodies;
static int known, next_event;
static sqlite3_int64 total; // the last cursor when the program began

#define COLUMNS "e.key & 1099511627775, e.at, s.name, e.type, e.retry_key, e.data"
#define RANGE " WHERE e.key > (1 << 40) + ?1 AND e.key < (1 << 40) + 1099511627776"

static void prepare_writes(bare *b)
{
    begin = bare_prepare(b, "BEGIN IMMEDIATE");
    commit = bare_prepare(b, "COMMIT");
    advance = bare_prepare(b, "UPDATE sequences SET value = value + ?"
                              " WHERE scope = 1 AND name = 'events' RETURNING value");
    find_stream = bare_prepare(b, "SELECT id FROM event_streams WHERE scope = 1 AND name = ?");
    find_key = bare_prepare(b, "SELECT " COLUMNS " FROM event_streams s"
                               " CROSS JOIN events e ON e.stream = s.id"
                               " WHERE s.scope = 1 AND s.name = ? AND e.retry_key = ?");
    insert =
        bare_prepare(b, "INSERT INTO events (key, stream, at, ahead, type, retry_key, data)"
                        " VALUES ((1 << 40) + ?1, ?2, ?3, max(0, coalesce((SELECT at + ahead"
                        " FROM events WHERE key > 1 << 40 AND key < (1 << 40) + ?1"
                        " ORDER BY key DESC LIMIT 1), 0) - ?3), ?4, ?5, ?6)");
}

static void prepare(bare *b)
{
    if (begin != NULL)
        return;
    prepare_writes(b);
    known = bare_lines(b, "plain.jsonl", &bodies);
    sqlite3_bind_int(advance, 1, 0);
    bare_row(b, advance);
    total = sqlite3_column_int64(advance, 0);
    sqlite3_reset(advance);
}

static sqlite3_int64 one_value(bare *b, sqlite3_stmt *s)
{
    bare_row(b, s);
    sqlite3_int64 value = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return value;
}

// One event with the next cursor; 'key' may be NULL.
static void insert_event(bare *b, sqlite3_int64 cursor, const char *key)
{
    char stream[20], type[20];
    next_event++;
    snprintf(stream, sizeof stream, "run-%d", next_event % STREAMS);
    snprintf(type, sizeof type, "type-%d", next_event / STREAMS % TYPES);
    bare_text(find_stream, 1, stream);
    if (key != NULL) {
        bare_text(find_key, 1, stream);
        bare_text(find_key, 2, key);
        bare_step(b, find_key);
    }
    sqlite3_bind_int64(insert, 1, cursor);
    sqlite3_bind_int64(insert, 2, one_value(b, find_stream));
    sqlite3_bind_int64(insert, 3, bare_now());
    bare_text(insert, 4, type);
    sqlite3_bind_text(insert, 5, key, -1, SQLITE_STATIC);
    bare_text(insert, 6, bodies[next_event % known]);
    bare_step(b, insert);
}

static void append_some(bare *b, int length, const char *key)
{
    bare_step(b, begin);
    sqlite3_bind_int(advance, 1, length);
    sqlite3_int64 last = one_value(b, advance);
    for (int i = 1; i <= length; i++)
        insert_event(b, last - length + i, key);
    bare_step(b, commit);
}

static void append_many(bare *b, int count, int length, int keyed)
{
    char key[20];
    prepare(b);
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key-%d", next_event);
        bare_start(b);
        append_some(b, length, keyed ? key : NULL);
        bare_stop(b);
    }
}

// event_append COUNT: one in each transaction.
static void append(bare *b, int count, char **arguments)
{
    (void)arguments;
    append_many(b, count, 1, 0);
}

// event_keyed COUNT: the same with a key.
static void append_keyed(bare *b, int count, char **arguments)
{
    (void)arguments;
    append_many(b, count, 1, 1);
}

// event_batch COUNT LENGTH: so many in each transaction.
static void append_batch(bare *b, int count, char **arguments)
{
    append_many(b, count, atoi(arguments[0]), 0);
}

// Reads every column, as a program that uses the rows must.
static int touch_rows(sqlite3_stmt *s)
{
    int rows = 0;
    volatile sqlite3_int64 sum = 0;
    while (sqlite3_step(s) == SQLITE_ROW) {
        sum += sqlite3_column_int64(s, 0) + sqlite3_column_int64(s, 1);
        for (int i = 2; i < 6; i++) {
            const unsigned char *text = sqlite3_column_text(s, i);
            sum += sqlite3_column_bytes(s, i) + (text ? text[0] : 0);
        }
        rows++;
    }
    sqlite3_reset(s);
    return rows;
}

#define OF_STREAM                                                                              \
    "SELECT " COLUMNS " FROM event_streams s CROSS JOIN events e ON e.stream = s.id" RANGE     \
    " AND s.scope = 1 AND s.name = 'run-1'"
#define OF_ALL                                                                                 \
    "SELECT " COLUMNS " FROM events e CROSS JOIN event_streams s ON s.id = e.stream" RANGE
#define OF_TYPE " AND e.type = 'type-1'"
#define END " ORDER BY e.key LIMIT 100"

static sqlite3_stmt *poll_statement(bare *b, const char *by)
{
    static sqlite3_stmt *statements[4];
    static const char *const texts[] = { OF_ALL END, OF_STREAM END, OF_ALL OF_TYPE END,
                                         OF_STREAM OF_TYPE END };
    // all, stream, type, both (its name is "stream+type")
    int which = by[0] == 'a' ? 0 : by[0] == 't' ? 2 : by[6] == '+' ? 3 : 1;
    if (statements[which] == NULL)
        statements[which] = bare_prepare(b, texts[which]);
    return statements[which];
}

// event_poll COUNT BY WHERE: 100 events of the log as it was at the start, from its end or from
// anywhere.
static void poll_events(bare *b, int count, char **arguments)
{
    prepare(b);
    sqlite3_stmt *s = poll_statement(b, arguments[0]);
    int newest = arguments[1][0] == 'n';
    for (int i = 1; i <= count; i++) {
        bare_start(b);
        sqlite3_int64 place = (sqlite3_int64)i * 7919 % (total - 900);
        sqlite3_bind_int64(s, 1, newest ? total - 900 : place);
        bare_check(b, touch_rows(s) == 100, "poll");
        bare_stop(b);
    }
}

const bare_work bare_events[] = {
    { "event_append", append },
    { "event_keyed", append_keyed },
    { "event_batch", append_batch },
    { "event_poll", poll_events },
    { NULL, NULL },
};
