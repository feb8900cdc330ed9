// What a checkpoint of moonbase writes, as a program written for just that would do it: the
// same rows of the same tables in one durable commit.
#include <stdio.h>
#include <string.h>

#include "bench/bare.h"

static sqlite3_stmt *begin, *commit, *find_thread, *insert_message, *advance;
static sqlite3_stmt *find_run, *update_run, *set_state;
static sqlite3_stmt *next_cursors, *find_stream, *insert_event;
static sqlite3_stmt *open_queue, *insert_job, *insert_payload;
static char **texts;
static int known, used;

static void prepare_thread(bare *b)
{
    begin = bare_prepare(b, "BEGIN IMMEDIATE");
    commit = bare_prepare(b, "COMMIT");
    find_thread =
        bare_prepare(b, "SELECT key, segment, count FROM threads WHERE scope = 1 AND id = ?");
    insert_message =
        bare_prepare(b, "INSERT INTO messages (key, created_at, internal, id, body)"
                        " VALUES (?, ?, 0, ?, ?)");
    advance = bare_prepare(b, "UPDATE threads SET count = ?, updated_at = ?, active_run = ?,"
                              " open_run = ?, latest_run = ?, latest_run_at = ? WHERE key = ?");
    find_run = bare_prepare(b, "SELECT key, status FROM runs WHERE scope = 1 AND id = ?");
    update_run = bare_prepare(b, "UPDATE runs SET written = 1, updated_at = ?, steps = ?,"
                                 " body = '{}' WHERE key = ?");
    set_state = bare_prepare(b, "INSERT INTO thread_states (thread, document) VALUES (?, ?)"
                                " ON CONFLICT (thread) DO UPDATE SET document ="
                                " excluded.document");
}

static void prepare_rest(bare *b)
{
    next_cursors = bare_prepare(b, "UPDATE sequences SET value = value + 2 WHERE scope = 1"
                                   " AND name = 'events' RETURNING value");
    find_stream = bare_prepare(b, "SELECT id FROM event_streams WHERE scope = 1 AND name = ?");
    insert_event = bare_prepare(b, "INSERT INTO events (key, stream, at, ahead, type, data)"
                                   " VALUES ((1 << 40) + ?, ?, ?, 0, 'step', ?)");
    open_queue = bare_prepare(b, "UPDATE job_queues SET open = open + 1 WHERE scope = 1"
                                 " AND name = 'tools' RETURNING key");
    insert_job = bare_prepare(b, "INSERT INTO jobs (scope, queue, priority, state, attempt,"
                                 " updated_at, available_at, max_attempts, created_at, id)"
                                 " VALUES (1, ?1, 128, 'ready', 0, ?2, ?2, 5, ?2, ?3)"
                                 " RETURNING key");
    insert_payload = bare_prepare(b, "INSERT INTO job_payloads (key, payload) VALUES (?, ?)");
}

static void prepare(bare *b)
{
    if (begin != NULL)
        return;
    prepare_thread(b);
    prepare_rest(b);
    known = bare_lines(b, "plain.jsonl", &texts);
}

// As long as a UUID, and in order like one that begins with the time.
static void bind_new_id(sqlite3_stmt *s, int index)
{
    char id[37];
    snprintf(id, sizeof id, "01920000-0000-7000-8000-%012d", ++used);
    sqlite3_bind_text(s, index, id, -1, SQLITE_TRANSIENT);
}

static sqlite3_int64 one_value(bare *b, sqlite3_stmt *s)
{
    bare_row(b, s);
    sqlite3_int64 value = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return value;
}

static sqlite3_int64 write_messages(bare *b, int64_t now, const char *thread)
{
    bare_text(find_thread, 1, thread);
    bare_row(b, find_thread);
    sqlite3_int64 key = sqlite3_column_int64(find_thread, 0);
    sqlite3_int64 segment = sqlite3_column_int64(find_thread, 1);
    sqlite3_int64 count = sqlite3_column_int64(find_thread, 2);
    sqlite3_reset(find_thread);
    for (int i = 1; i <= 3; i++) {
        sqlite3_bind_int64(insert_message, 1, (segment << 32) + count + i);
        sqlite3_bind_int64(insert_message, 2, now);
        bind_new_id(insert_message, 3);
        bare_text(insert_message, 4, texts[used % known]);
        bare_step(b, insert_message);
    }
    sqlite3_bind_int64(advance, 1, count + 3);
    sqlite3_bind_int64(advance, 2, now);
    for (int i = 3; i <= 5; i++)
        bare_text(advance, i, thread);
    sqlite3_bind_int64(advance, 6, now);
    sqlite3_bind_int64(advance, 7, key);
    bare_step(b, advance);
    return key;
}

static void write_run(bare *b, int64_t now, const char *run, sqlite3_int64 thread, int step)
{
    char state[40];
    bare_text(find_run, 1, run);
    sqlite3_bind_int64(update_run, 1, now);
    sqlite3_bind_int(update_run, 2, step);
    sqlite3_bind_int64(update_run, 3, one_value(b, find_run));
    bare_step(b, update_run);
    snprintf(state, sizeof state, "{\"step\":%d}", step);
    sqlite3_bind_int64(set_state, 1, thread);
    bare_text(set_state, 2, state);
    bare_step(b, set_state);
}

static void write_events(bare *b, int64_t now)
{
    bare_text(find_stream, 1, "run");
    sqlite3_int64 stream = one_value(b, find_stream), last = one_value(b, next_cursors);
    for (int i = 1; i >= 0; i--) {
        sqlite3_bind_int64(insert_event, 1, last - i);
        sqlite3_bind_int64(insert_event, 2, stream);
        sqlite3_bind_int64(insert_event, 3, now);
        bare_text(insert_event, 4, texts[used % known]);
        bare_step(b, insert_event);
    }
}

static void write_job(bare *b, int64_t now)
{
    sqlite3_bind_int64(insert_job, 1, one_value(b, open_queue));
    sqlite3_bind_int64(insert_job, 2, now);
    bind_new_id(insert_job, 3);
    sqlite3_bind_int64(insert_payload, 1, one_value(b, insert_job));
    bare_text(insert_payload, 2, texts[used % known]);
    bare_step(b, insert_payload);
}

// step_commit COUNT THREAD: 3 messages, the run, the state, 2 events and a job in each.
static void commit_steps(bare *b, int count, char **arguments)
{
    prepare(b);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        int64_t now = bare_now();
        bare_step(b, begin);
        sqlite3_int64 thread = write_messages(b, now, arguments[0]);
        write_run(b, now, arguments[0], thread, i);
        write_events(b, now);
        write_job(b, now);
        bare_step(b, commit);
        bare_stop(b);
    }
}

const bare_work bare_checkpoints[] = {
    { "step_commit", commit_steps },
    { NULL, NULL },
};
