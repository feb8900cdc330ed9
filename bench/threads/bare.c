// What the threads part of moonbase does, as a program written for just that would do it: on
// the same tables, keeping the same promises (one durable commit, the backlog of the text
// index).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"

// A thread's row.
typedef struct thread {
    sqlite3_int64 key;
    sqlite3_int64 segment; // where its messages lie
    sqlite3_int64 count;   // how many there are
    sqlite3_int64 indexed; // how many of them the text index holds
} thread;

static sqlite3_stmt *begin_write, *begin_read, *commit;  // of transactions
static sqlite3_stmt *find, *insert, *advance, *note;     // of an append
static sqlite3_stmt *index_tail, *set_indexed, *unnote;  // of each 400th message
static sqlite3_stmt *read_range, *read_back;             // of reading
static sqlite3_stmt *new_thread, *new_segment, *set_tip; // of a fork
static sqlite3_stmt *match, *hit;                        // of a search

static void prepare_writes(bare *b)
{
    begin_write = bare_prepare(b, "BEGIN IMMEDIATE");
    begin_read = bare_prepare(b, "BEGIN");
    commit = bare_prepare(b, "COMMIT");
    find = bare_prepare(
        b, "SELECT key, segment, count, indexed FROM threads WHERE scope = 1 AND id = ?");
    insert = bare_prepare(b, "INSERT INTO messages (key, created_at, internal, id, body)"
                             " VALUES (?, ?, 0, ?, ?)");
    advance = bare_prepare(b, "UPDATE threads SET count = ?, updated_at = ? WHERE key = ?");
    note = bare_prepare(b, "INSERT INTO message_backlog (segment) VALUES (?)");
    index_tail = bare_prepare(b, "INSERT INTO message_text (rowid, tag, text)"
                                 " SELECT key, 's1', body ->> 'content' FROM messages"
                                 " WHERE key > ? AND key <= ? ORDER BY key");
    set_indexed = bare_prepare(b, "UPDATE threads SET indexed = count WHERE key = ?");
    unnote = bare_prepare(b, "DELETE FROM message_backlog WHERE segment = ?");
    new_thread =
        bare_prepare(b, "INSERT INTO threads (scope, id, created_at, updated_at, count,"
                        " inherited, indexed) VALUES (1, ?1, ?2, ?2, ?3, ?3, ?3)");
    new_segment = bare_prepare(b, "INSERT INTO segments (parent, fork, level, jump, owner)"
                                  " SELECT p.id, ?2, p.level + 1,"
                                  " CASE WHEN p.level - j.level = j.level - k.level"
                                  " THEN k.id ELSE p.id END, ?3"
                                  " FROM segments p LEFT JOIN segments j ON j.id = p.jump"
                                  " LEFT JOIN segments k ON k.id = j.jump WHERE p.id = ?1");
    set_tip = bare_prepare(b, "UPDATE threads SET segment = ? WHERE key = ?");
}

static void prepare_reads(bare *b)
{
    read_range = bare_prepare(b, "SELECT key, created_at, step, run, id, body FROM messages"
                                 " WHERE key > ? AND key <= ? ORDER BY key");
    read_back = bare_prepare(b, "SELECT key, created_at, step, run, id, body FROM messages"
                                " WHERE key > ? AND key < ? ORDER BY key DESC LIMIT 50");
    match = bare_prepare(b, "SELECT rowid, rank FROM message_text WHERE message_text MATCH ?"
                            " ORDER BY rank LIMIT 10");
    hit = bare_prepare(b, "SELECT key, created_at, step, run, id, body FROM messages"
                          " WHERE key = ?");
}

static void prepare(bare *b)
{
    if (begin_write != NULL)
        return;
    prepare_writes(b);
    prepare_reads(b);
}

static thread find_thread(bare *b, const char *id)
{
    thread t;
    bare_text(find, 1, id);
    bare_row(b, find);
    t.key = sqlite3_column_int64(find, 0);
    t.segment = sqlite3_column_int64(find, 1);
    t.count = sqlite3_column_int64(find, 2);
    t.indexed = sqlite3_column_int64(find, 3);
    sqlite3_reset(find);
    return t;
}

// As long as a UUID, and in order like one that begins with the time.
static void new_id(char id[37])
{
    static unsigned last;
    snprintf(id, 37, "01920000-0000-7000-8000-%06u%06u", (unsigned)getpid() % 1000000,
             ++last % 1000000);
}

static void insert_message(bare *b, const thread *t, int64_t now, const char *body)
{
    char id[37];
    new_id(id);
    sqlite3_bind_int64(insert, 1, (t->segment << 32) + t->count);
    sqlite3_bind_int64(insert, 2, now);
    bare_text(insert, 3, id);
    bare_text(insert, 4, body);
    bare_step(b, insert);
}

static void index_messages(bare *b, const thread *t)
{
    sqlite3_bind_int64(index_tail, 1, (t->segment << 32) + t->indexed);
    sqlite3_bind_int64(index_tail, 2, (t->segment << 32) + t->count);
    bare_step(b, index_tail);
    sqlite3_bind_int64(set_indexed, 1, t->key);
    bare_step(b, set_indexed);
    sqlite3_bind_int64(unnote, 1, t->segment);
    bare_step(b, unnote);
}

// The text index is brought up to date with many messages at once, which costs less for each.
static void note_messages(bare *b, const thread *t, int length)
{
    if (t->indexed == t->count - length) {
        sqlite3_bind_int64(note, 1, t->segment);
        bare_step(b, note);
    }
    if (t->count - t->indexed >= 400)
        index_messages(b, t);
}

static void append_some(bare *b, const char *id, char **bodies, int length)
{
    int64_t now = bare_now();
    bare_step(b, begin_write);
    thread t = find_thread(b, id);
    for (int i = 0; i < length; i++) {
        t.count++;
        insert_message(b, &t, now, bodies[i]);
    }
    sqlite3_bind_int64(advance, 1, t.count);
    sqlite3_bind_int64(advance, 2, now);
    sqlite3_bind_int64(advance, 3, t.key);
    bare_step(b, advance);
    note_messages(b, &t, length);
    bare_step(b, commit);
}

// append COUNT THREAD LENGTH: so many messages in one transaction.
static void append(bare *b, int count, char **arguments)
{
    static char **bodies;
    static int known, next;
    int length = atoi(arguments[1]);
    prepare(b);
    if (bodies == NULL)
        known = bare_lines(b, "plain.jsonl", &bodies);
    for (int i = 0; i < count; i++) {
        next = next + length > known ? 0 : next;
        bare_start(b);
        append_some(b, arguments[0], bodies + next, length);
        bare_stop(b);
        next += length;
    }
}

// Reads every column, as a program that uses the rows must.
static int touch_rows(sqlite3_stmt *s, sqlite3_int64 *last)
{
    int rows = 0;
    volatile sqlite3_int64 sum = 0;
    while (sqlite3_step(s) == SQLITE_ROW) {
        *last = sqlite3_column_int64(s, 0);
        for (int i = 1; i < 3; i++)
            sum += sqlite3_column_int64(s, i);
        for (int i = 3; i < 6; i++) {
            const unsigned char *text = sqlite3_column_text(s, i);
            sum += sqlite3_column_bytes(s, i) + (text ? text[0] : 0);
        }
        rows++;
    }
    sqlite3_reset(s);
    return rows;
}

// load COUNT THREAD: all messages.
static void load(bare *b, int count, char **arguments)
{
    prepare(b);
    for (int i = 0; i < count; i++) {
        sqlite3_int64 last;
        bare_start(b);
        bare_step(b, begin_read);
        thread t = find_thread(b, arguments[0]);
        sqlite3_bind_int64(read_range, 1, t.segment << 32);
        sqlite3_bind_int64(read_range, 2, (t.segment << 32) + t.count);
        bare_check(b, touch_rows(read_range, &last) == t.count, "load");
        bare_step(b, commit);
        bare_stop(b);
    }
}

// pages COUNT THREAD: from the newest message back, 50 at a time, so many pages.
static void pages(bare *b, int count, char **arguments)
{
    sqlite3_int64 before = INT64_MAX;
    prepare(b);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        bare_step(b, begin_read);
        thread t = find_thread(b, arguments[0]);
        sqlite3_int64 end = (t.segment << 32) + t.count + 1;
        sqlite3_bind_int64(read_back, 1, t.segment << 32);
        sqlite3_bind_int64(read_back, 2, before < end ? before : end);
        bare_check(b, touch_rows(read_back, &before) == 50, "page");
        bare_step(b, commit);
        bare_stop(b);
    }
}

static void branch_off(bare *b, const char *origin, const char *id, int at)
{
    bare_step(b, begin_write);
    thread t = find_thread(b, origin);
    bare_text(new_thread, 1, id);
    sqlite3_bind_int64(new_thread, 2, bare_now());
    sqlite3_bind_int(new_thread, 3, at);
    bare_step(b, new_thread);
    sqlite3_int64 key = sqlite3_last_insert_rowid(b->db);
    sqlite3_bind_int64(new_segment, 1, t.segment);
    sqlite3_bind_int(new_segment, 2, at);
    sqlite3_bind_int64(new_segment, 3, key);
    bare_step(b, new_segment);
    sqlite3_bind_int64(set_tip, 1, sqlite3_last_insert_rowid(b->db));
    sqlite3_bind_int64(set_tip, 2, key);
    bare_step(b, set_tip);
    bare_step(b, commit);
}

// fork COUNT THREAD AT
static void fork_thread(bare *b, int count, char **arguments)
{
    static int last;
    char id[40];
    prepare(b);
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "bare-fork-%d", ++last);
        bare_start(b);
        branch_off(b, arguments[0], id, atoi(arguments[1]));
        bare_stop(b);
    }
}

static void find_words(bare *b, const char *query)
{
    sqlite3_int64 last;
    bare_text(match, 1, query);
    while (sqlite3_step(match) == SQLITE_ROW) {
        sqlite3_bind_int64(hit, 1, sqlite3_column_int64(match, 0));
        bare_check(b, touch_rows(hit, &last) == 1, "hit");
    }
    sqlite3_reset(match);
}

// search COUNT WORD...: ten messages that hold any of the words, best first.
static void search(bare *b, int count, char **arguments)
{
    char query[1000] = "text : (";
    prepare(b);
    for (int i = 0; arguments[i] != NULL; i++) {
        size_t at = strlen(query);
        snprintf(query + at, sizeof query - at, "%s\"%s\"", i > 0 ? " OR " : "", arguments[i]);
    }
    strcat(query, ")");
    for (int i = 0; i < count; i++) {
        bare_start(b);
        find_words(b, query);
        bare_stop(b);
    }
}

static void open_once(bare *b, const char *path, const char *id)
{
    bare other = { .folder = b->folder };
    bare_open(&other, path);
    sqlite3_stmt *s =
        bare_prepare(&other, "SELECT count FROM threads WHERE scope = 1 AND id = ?");
    bare_text(s, 1, id);
    bare_row(&other, s);
    sqlite3_finalize(s);
    sqlite3_close_v2(other.db);
}

// open COUNT THREAD: opens the file once more, reads how long a thread is, and closes it.
static void open_file(bare *b, int count, char **arguments)
{
    const char *path = sqlite3_db_filename(b->db, "main");
    for (int i = 0; i < count; i++) {
        bare_start(b);
        open_once(b, path, arguments[0]);
        bare_stop(b);
    }
}

const bare_work bare_threads[] = {
    { "append", append }, { "load", load },      { "pages", pages }, { "fork", fork_thread },
    { "search", search }, { "open", open_file }, { NULL, NULL },
};
