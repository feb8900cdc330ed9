// What the sessions part of moonbase does, as a program written for just that would do it.
// Reads of a path come in four kinds: of the segments that moonbase keeps, in a sequential scan
// of as many rows, by a recursive query over an indexed parent column, and by one look-up for
// each node. The last two have a table of their own with the same nodes, plain_nodes, as one
// would write it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"

static sqlite3_stmt *begin, *commit, *find, *insert, *advance, *locate, *scan, *thousand,
    *segment;
static sqlite3_stmt *recurse, *look_up;
static char **bodies;
static int known, next_node, prefix;

static void prepare_reads(bare *b)
{
    locate =
        bare_prepare(b, "SELECT n.key, s.live FROM sessions t CROSS JOIN session_nodes n"
                        " LEFT JOIN segments s ON s.id = n.key >> 32"
                        " WHERE t.scope = 1 AND t.id = ? AND n.tree = t.tree AND n.id = ?");
    scan = bare_prepare(b, "SELECT key & 4294967295, id, body FROM session_nodes"
                           " WHERE key > ? AND key <= ? ORDER BY key");
    thousand = bare_prepare(b, "SELECT key & 4294967295, id, body FROM session_nodes"
                               " WHERE key > ? ORDER BY key LIMIT 1000");
    segment = bare_prepare(b, "SELECT parent, fork FROM segments WHERE id = ?");
    recurse =
        bare_prepare(b, "WITH RECURSIVE path (depth, id, parent, body) AS ("
                        " SELECT 0, id, parent, body FROM plain_nodes"
                        " WHERE session = 1 AND id = ?"
                        " UNION ALL SELECT p.depth + 1, n.id, n.parent, n.body FROM path p"
                        " CROSS JOIN plain_nodes n ON n.session = 1 AND n.id = p.parent)"
                        " SELECT depth, id, body FROM path ORDER BY depth DESC");
    look_up = bare_prepare(b, "SELECT id, parent, body FROM plain_nodes"
                              " WHERE session = 1 AND id = ?");
}

static void prepare_writes(bare *b)
{
    begin = bare_prepare(b, "BEGIN IMMEDIATE");
    commit = bare_prepare(b, "COMMIT");
    find = bare_prepare(b, "SELECT t.key, t.tree, t.leaf, t.last_seq, t.revision, n.users,"
                           " n.first_user, n.checkpoint FROM sessions t"
                           " CROSS JOIN session_nodes n ON n.key = t.leaf"
                           " WHERE t.scope = 1 AND t.id = ?");
    insert = bare_prepare(b, "INSERT INTO session_nodes (key, scope, tree, seq, user, users,"
                             " first_user, checkpoint, id, body)"
                             " VALUES (?, 1, ?, ?, 0, ?, ?, ?, ?, ?)");
    advance = bare_prepare(b, "UPDATE sessions SET revision = ?2, updated_at = ?3, leaf = ?4,"
                              " node_count = node_count + ?6, last_seq = ?5 WHERE key = ?1");
}

static void prepare(bare *b)
{
    if (begin != NULL)
        return;
    prepare_writes(b);
    prepare_reads(b);
    known = bare_lines(b, "plain.jsonl", &bodies);
    prefix = (int)(bare_now() % 1000000);
}

// Reads every column, as a program that uses the rows must.
static int touch(sqlite3_stmt *s)
{
    int rows = 0;
    volatile sqlite3_int64 sum = 0;
    while (sqlite3_step(s) == SQLITE_ROW) {
        sum += sqlite3_column_int64(s, 0);
        for (int i = 1; i < 3; i++)
            sum += sqlite3_column_text(s, i)[0] + sqlite3_column_bytes(s, i);
        rows++;
    }
    sqlite3_reset(s);
    return rows;
}

static sqlite3_int64 key_of(bare *b, const char *session, const char *id)
{
    bare_text(locate, 1, session);
    bare_text(locate, 2, id);
    bare_row(b, locate);
    sqlite3_int64 key = sqlite3_column_int64(locate, 0);
    sqlite3_reset(locate);
    return key;
}

enum { MOST_SEGMENTS = 1000 };

// From the root on: the segments of the path are found first.
static int by_segments(bare *b, const char *id)
{
    static sqlite3_int64 low[MOST_SEGMENTS], high[MOST_SEGMENTS];
    sqlite3_int64 key = key_of(b, "big", id);
    int count = 0, rows = 0;
    while (key != 0 && count < MOST_SEGMENTS) {
        sqlite3_bind_int64(segment, 1, key >> 32);
        bare_row(b, segment);
        sqlite3_int64 fork = sqlite3_column_int64(segment, 1);
        low[count] = (key >> 32 << 32) + fork;
        high[count++] = key;
        key = fork != 0 ? (sqlite3_column_int64(segment, 0) << 32) + fork : 0;
        sqlite3_reset(segment);
    }
    while (count-- > 0) {
        sqlite3_bind_int64(scan, 1, low[count]);
        sqlite3_bind_int64(scan, 2, high[count]);
        rows += touch(scan);
    }
    return rows;
}

// As many rows of the table, one after another: nothing reads them faster.
static int by_scan(bare *b, const char *id)
{
    sqlite3_bind_int64(thousand, 1, key_of(b, "big", id) - ((sqlite3_int64)100 << 32));
    return touch(thousand);
}

static int by_recursion(bare *b, const char *id)
{
    (void)b;
    bare_text(recurse, 1, id);
    return touch(recurse);
}

static int by_hops(bare *b, const char *id)
{
    char next[64];
    int rows = 0;
    snprintf(next, sizeof next, "%s", id);
    while (next[0] != '\0') {
        bare_text(look_up, 1, next);
        bare_row(b, look_up);
        const char *parent = (const char *)sqlite3_column_text(look_up, 1);
        volatile int length = sqlite3_column_bytes(look_up, 2);
        (void)length;
        snprintf(next, sizeof next, "%s", parent ? parent : "");
        sqlite3_reset(look_up);
        rows++;
    }
    return rows;
}

// session_path COUNT HOW ID: the path to a node, 1,000 long.
static void read_path(bare *b, int count, char **arguments)
{
    int (*how)(bare *, const char *) = strcmp(arguments[0], "segments") == 0    ? by_segments
                                       : strcmp(arguments[0], "scan") == 0      ? by_scan
                                       : strcmp(arguments[0], "recursion") == 0 ? by_recursion
                                                                                : by_hops;
    prepare(b);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        bare_step(b, begin);
        bare_check(b, how(b, arguments[1]) == 1000, "path");
        bare_step(b, commit);
        bare_stop(b);
    }
}

static void insert_node(bare *b, sqlite3_int64 leaf, sqlite3_int64 seq)
{
    char id[40];
    snprintf(id, sizeof id, "01920000-0000-7000-%06d-%012d", prefix, next_node++);
    sqlite3_bind_int64(insert, 1, leaf);
    sqlite3_bind_int64(insert, 2, sqlite3_column_int64(find, 1));
    sqlite3_bind_int64(insert, 3, seq);
    for (int i = 0; i < 3; i++)
        sqlite3_bind_value(insert, 4 + i, sqlite3_column_value(find, 5 + i));
    sqlite3_bind_text(insert, 7, id, -1, SQLITE_TRANSIENT);
    bare_text(insert, 8, bodies[next_node % known]);
    bare_step(b, insert);
}

// session_append COUNT SESSION LENGTH: so many nodes in each transaction.
static void append(bare *b, int count, char **arguments)
{
    int length = atoi(arguments[1]);
    prepare(b);
    for (int n = 0; n < count; n++) {
        bare_start(b);
        bare_step(b, begin);
        bare_text(find, 1, arguments[0]);
        bare_row(b, find);
        sqlite3_int64 leaf = sqlite3_column_int64(find, 2), seq = sqlite3_column_int64(find, 3);
        for (int i = 1; i <= length; i++)
            insert_node(b, leaf + i, seq + i);
        sqlite3_bind_int64(advance, 1, sqlite3_column_int64(find, 0));
        sqlite3_bind_int64(advance, 2, sqlite3_column_int64(find, 4) + 1);
        sqlite3_reset(find);
        sqlite3_bind_int64(advance, 3, bare_now());
        sqlite3_bind_int64(advance, 4, leaf + length);
        sqlite3_bind_int64(advance, 5, seq + length);
        sqlite3_bind_int(advance, 6, length);
        bare_step(b, advance);
        bare_step(b, commit);
        bare_stop(b);
    }
}

const bare_work bare_sessions[] = {
    { "session_path", read_path },
    { "session_append", append },
    { NULL, NULL },
};
