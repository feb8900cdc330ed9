#include "storage/transaction.h"

#include <stdio.h>
#include <string.h>

#include "storage/sqlite_error.h"
#include "storage/write_set.h"

static bool step_once(mb_link *link, const char *sql, mb_error *err)
{
    mb_statement *s = mb_statement_get(&link->cache, sql, strlen(sql), err);
    if (s == NULL)
        return false;
    int result = sqlite3_step(s->handle);
    if (result != SQLITE_DONE)
        mb_sqlite_fail(err, link->cache.db, result, sql);
    sqlite3_reset(s->handle);
    return result == SQLITE_DONE;
}

// The savepoint of level n (from 1) is called ln; level 0 is the transaction.
static bool savepoint(mb_connection *c, const char *verb, size_t level, mb_error *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "%s l%zu", verb, level);
    return step_once(&c->writer, sql, err);
}

static bool make_room(mb_connection *c, mb_error *err)
{
    if (c->depth < c->capacity)
        return true;
    size_t capacity = c->capacity ? c->capacity * 2 : 8;
    mb_level *levels = sqlite3_realloc64(c->levels, capacity * sizeof *levels);
    if (levels == NULL)
        return mb_sqlite_fail(err, NULL, SQLITE_NOMEM, "begin");
    c->levels = levels;
    c->capacity = capacity;
    return true;
}

static bool begin(mb_connection *c, int timeout, mb_error *err)
{
    int usual = c->busy.timeout;
    if (timeout >= 0)
        c->busy.timeout = timeout;
    bool begun = step_once(&c->writer, "BEGIN IMMEDIATE", err);
    c->busy.timeout = usual;
    return begun;
}

static bool fail_doomed(const mb_connection *c, mb_error *err)
{
    *err = c->writer.doomed;
    return false;
}

static bool may_enter(mb_connection *c, const void *user, mb_error *err)
{
    if (c->depth > 0 && c->owner != user) {
        mb_error_set(err, MB_BUSY, 0, "a transaction of another coroutine is open");
        return false;
    }
    if (c->writer.snapshots > 0) {
        mb_error_set(err, MB_INTERNAL, 0, "a write inside a read of one snapshot");
        return false;
    }
    if (c->writer.doomed.code != MB_OK)
        return fail_doomed(c, err);
    return mb_link_ready(&c->writer, err) && make_room(c, err);
}

uint64_t mb_enter(mb_connection *c, const void *user, int timeout, mb_error *err)
{
    if (!may_enter(c, user, err))
        return 0;
    if (!(c->depth == 0 ? begin(c, timeout, err) : savepoint(c, "SAVEPOINT", c->depth, err))) {
        mb_connection_failed(c, &c->writer, err);
        return 0;
    }
    c->owner = user;
    c->levels[c->depth++] =
        (mb_level){ ++c->last_serial, c->writes ? mb_write_set_mark(c->writes) : 0 };
    return c->last_serial;
}

static void forget_from(mb_connection *c, size_t level)
{
    c->depth = level;
    if (level > 0)
        return;
    c->owner = NULL;
    c->writer.doomed.code = MB_OK;
    if (c->recording)
        mb_write_set_stop(c->writes, c->writer.cache.db);
    c->recording = false;
}

// Rolling back takes no more than a lack of memory to fail.
static bool roll_back(mb_link *link, mb_error *err)
{
    sqlite3 *db = link->cache.db;
    link->stuck = !sqlite3_get_autocommit(db) && !step_once(link, "ROLLBACK", err) &&
                  !sqlite3_get_autocommit(db);
    return !link->stuck;
}

bool mb_link_ready(mb_link *link, mb_error *err)
{
    return !link->stuck || roll_back(link, err);
}

// Undoes a level. A savepoint that cannot be undone takes the whole transaction
// with it, or what the caller gave up would be committed with the rest.
static void undo(mb_connection *c, size_t level)
{
    mb_error why;
    if (level == 0) {
        roll_back(&c->writer, &why);
        return;
    }
    if (c->writer.doomed.code != MB_OK)
        return;
    if (!savepoint(c, "ROLLBACK TO", level, &why)) {
        c->writer.doomed = why;
        return;
    }
    savepoint(c, "RELEASE", level, &why);
    if (c->recording)
        mb_write_set_undo(c->writes, c->levels[level].mark);
}

static bool keep_level(mb_connection *c, size_t level, mb_error *err)
{
    if (c->writer.doomed.code != MB_OK)
        return fail_doomed(c, err);
    if (level == 0 ? step_once(&c->writer, "COMMIT", err) : savepoint(c, "RELEASE", level, err))
        return true;
    mb_connection_failed(c, &c->writer, err);
    return false;
}

static bool find_level(const mb_connection *c, uint64_t serial, size_t *level)
{
    for (size_t i = c->depth; i-- > 0;) {
        if (c->levels[i].serial == serial) {
            *level = i;
            return true;
        }
    }
    return false;
}

bool mb_level_open(const mb_connection *c, uint64_t serial)
{
    size_t level;
    return find_level(c, serial, &level);
}

bool mb_record_writes(mb_connection *c)
{
    if (c->writes != NULL && c->depth == 1)
        c->recording = mb_write_set_start(c->writes, c->writer.cache.db);
    return c->recording;
}

bool mb_leave(mb_connection *c, uint64_t serial, bool keep, mb_error *err)
{
    size_t level;
    if (!find_level(c, serial, &level)) {
        mb_error_set(err, MB_CLOSED, 0, "the transaction has ended");
        return false;
    }
    bool kept = keep && keep_level(c, level, err);
    if (!kept)
        undo(c, level);
    forget_from(c, level);
    return kept || !keep;
}

void mb_abandon(mb_connection *c, uint64_t serial)
{
    mb_error ignored;
    if (!mb_process_is_present(&c->opener) || !mb_level_open(c, serial))
        return;
    // A finalizer may run in the middle of a call on this very connection. Levels
    // nest, so the outermost abandoned one takes the others with it.
    if (!mb_connection_in_use(c))
        mb_leave(c, serial, false, &ignored);
    else if (c->abandoned == 0 || serial < c->abandoned)
        c->abandoned = serial;
}

bool mb_snapshot_open(mb_connection *c, const void *user, mb_link **link, mb_error *err)
{
    *link = NULL;
    if (c->depth > 0 && c->owner == user)
        return true;
    mb_link *used = mb_connection_link(c, user, err);
    if (used == NULL || (used->snapshots == 0 && !step_once(used, "BEGIN", err)))
        return false;
    used->viewer = user;
    used->snapshots++;
    *link = used;
    return true;
}

void mb_snapshot_close(mb_link *link)
{
    mb_error ignored;
    if (link == NULL || --link->snapshots > 0)
        return;
    link->doomed.code = MB_OK;
    roll_back(link, &ignored); // nothing was written
}

void mb_rollback_all(mb_connection *c)
{
    mb_error ignored;
    if (c->depth == 0)
        return;
    roll_back(&c->writer, &ignored);
    forget_from(c, 0);
}
