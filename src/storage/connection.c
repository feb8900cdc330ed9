#include "storage/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/functions.h"
#include "storage/path.h"
#include "storage/pin.h"
#include "storage/sqlite_error.h"
#include "storage/transaction.h"
#include "storage/vector_cache.h"
#include "storage/write_set.h"

// A database file may come from anywhere. What its schema could smuggle in
// (triggers, views, functions called by them) is switched off, and the parser
// is bounded; none of this costs anything.
static void distrust(sqlite3 *db)
{
    static const int off[] = {
        SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
        SQLITE_DBCONFIG_DQS_DML,        SQLITE_DBCONFIG_DQS_DDL,
        SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION
    };
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        sqlite3_db_config(db, off[i], 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 100000);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 200);
    sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 50);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1); // VACUUM attaches one itself
}

static bool open_fail(mb_error *err, const char *path, mb_code code, int result,
                      const char *why)
{
    mb_error_set(err, code, result, "cannot open '%s': %s", path, why);
    return false;
}

// A file that is missing: errno tells no more than that, because SQLite tries
// to read what it could not make.
static bool explain_missing(const char *path, int flags, int result, mb_error *err)
{
    mb_code code = flags & SQLITE_OPEN_CREATE ? mb_why_not_made(path) : MB_NOT_FOUND;
    if (code == MB_OK)
        return open_fail(err, path, MB_IO, result, sqlite3_errstr(result));
    return open_fail(err, path, code, result,
                     code == MB_NOT_FOUND ? "no such file or folder"
                                          : "it cannot be made there");
}

// SQLite says only that it "cannot open"; the reason is in errno.
static bool explain_open(const char *path, sqlite3 *db, int flags, int result, mb_error *err)
{
    struct stat info;
    int why = db ? sqlite3_system_errno(db) : 0;
    if ((result & 0xff) != SQLITE_CANTOPEN)
        return open_fail(err, path, mb_sqlite_code(result), result,
                         db ? sqlite3_errmsg(db) : sqlite3_errstr(result));
    if (stat(path, &info) != 0 && errno == ENOENT)
        return explain_missing(path, flags, result, err);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return open_fail(err, path, MB_IO, result, "it is a directory");
    if (why == EACCES || why == EPERM)
        return open_fail(err, path, MB_DENIED, result, strerror(why));
    return open_fail(err, path, MB_IO, result, why ? strerror(why) : sqlite3_errmsg(db));
}

static bool link_open(mb_link *link, mb_connection *c, int flags, mb_error *err)
{
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(c->path, &db,
                                 flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (result != SQLITE_OK) {
        explain_open(c->path, db, flags, result, err);
        sqlite3_close_v2(db);
        return false;
    }
    result = mb_functions_add(db);
    if (result != SQLITE_OK) {
        sqlite3_close_v2(db);
        return open_fail(err, c->path, mb_sqlite_code(result), result, sqlite3_errstr(result));
    }
    link->cache.db = db;
    distrust(db);
    mb_busy_install(&c->busy, db);
    return true;
}

static void link_close(mb_link *link)
{
    link->active = NULL;
    mb_statement_cache_clear(&link->cache);
    sqlite3_close_v2(link->cache.db);
    link->cache.db = NULL;
}

static void connection_free(mb_connection *c)
{
    mb_vector_cache_free(c);
    mb_process_forget(&c->opener);
    mb_write_set_free(c->writes);
    sqlite3_free(c->timeouts);
    sqlite3_free(c->levels);
    sqlite3_free(c->path);
    sqlite3_free(c);
}

static mb_connection *connection_new(const char *path, const mb_open_options *options)
{
    mb_connection *c = sqlite3_malloc64(sizeof *c);
    if (c == NULL)
        return NULL;
    memset(c, 0, sizeof *c);
    c->path = sqlite3_mprintf("%s", path);
    c->memory = strcmp(path, ":memory:") == 0;
    c->references = 1;
    mb_process_remember(&c->opener);
    c->busy.timeout = options->busy_timeout;
    c->watched = options->watched;
    if (c->path != NULL)
        return c;
    connection_free(c);
    return NULL;
}

static int open_flags(const mb_open_options *options)
{
    if (options->readonly)
        return SQLITE_OPEN_READONLY;
    return SQLITE_OPEN_READWRITE | (options->create ? SQLITE_OPEN_CREATE : 0);
}

// Opens the file that bears the name and goes on bearing it.
static bool writer_open(mb_connection *c, int flags, mb_error *err)
{
    while (link_open(&c->writer, c, flags, err)) {
        mb_pin pin = c->memory ? MB_PIN_NONE : mb_pin_file(c->writer.cache.db, &c->busy);
        if (pin == MB_PIN_HELD || pin == MB_PIN_NONE)
            return true;
        link_close(&c->writer);
        if (pin == MB_PIN_BUSY)
            return open_fail(err, c->path, MB_BUSY, SQLITE_BUSY, "it is locked");
    }
    return false;
}

mb_connection *mb_connection_open(const char *path, const mb_open_options *options,
                                  mb_error *err)
{
    mb_connection *c = connection_new(path, options);
    if (c == NULL) {
        open_fail(err, path, MB_INTERNAL, SQLITE_NOMEM, sqlite3_errstr(SQLITE_NOMEM));
        return NULL;
    }
    if (!writer_open(c, open_flags(options), err)) {
        connection_free(c);
        return NULL;
    }
    if (options->raw)
        sqlite3_db_config(c->writer.cache.db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    c->readonly = sqlite3_db_readonly(c->writer.cache.db, "main") == 1;
    return c;
}

mb_connection *mb_connection_retain(mb_connection *c)
{
    c->references++;
    return c;
}

void mb_connection_release(mb_connection *c)
{
    if (--c->references > 0 || !mb_process_is_present(&c->opener))
        return; // in a forked child the memory is left to the end of the process
    mb_rollback_all(c);
    if (c->reader.cache.db != NULL)
        link_close(&c->reader);
    link_close(&c->writer);
    connection_free(c);
}

int mb_connection_done(mb_link *link)
{
    mb_statement *active = link->active;
    link->active = NULL;
    return active == NULL ? SQLITE_OK : mb_statement_done(active);
}

bool mb_connection_owned(const mb_connection *c, mb_error *err)
{
    if (mb_process_is_present(&c->opener))
        return true;
    mb_error_set(err, MB_FORKED, 0, "'%s' was opened by process %ld; open it again in this one",
                 c->path, c->opener.pid);
    return false;
}

bool mb_connection_in_use(const mb_connection *c)
{
    return c->writer.active != NULL || c->reader.active != NULL;
}

void mb_connection_tidy(mb_connection *c)
{
    mb_error ignored;
    uint64_t abandoned = c->abandoned;
    mb_connection_done(&c->writer);
    mb_connection_done(&c->reader);
    c->abandoned = 0;
    if (abandoned != 0)
        mb_leave(c, abandoned, false, &ignored);
}

static bool reader_open(mb_connection *c, mb_error *err)
{
    if (c->reader.cache.db != NULL)
        return true;
    if (c->memory) {
        mb_error_set(err, MB_BUSY, 0, "a transaction of another coroutine is open");
        return false;
    }
    return link_open(&c->reader, c, SQLITE_OPEN_READONLY, err);
}

static mb_link *choose_link(mb_connection *c, const void *user, mb_error *err)
{
    if (c->depth > 0 && c->owner == user)
        return &c->writer;
    // A view stays where it was opened, though the transaction that it had to
    // make way for may have ended meanwhile.
    bool viewing = c->reader.snapshots > 0 && c->reader.viewer == user;
    if (c->depth == 0 && !viewing)
        return &c->writer;
    return reader_open(c, err) ? &c->reader : NULL;
}

mb_link *mb_connection_link(mb_connection *c, const void *user, mb_error *err)
{
    mb_link *link = choose_link(c, user, err);
    return link != NULL && mb_link_ready(link, err) ? link : NULL;
}

// Whether a transaction or view is open as far as its user knows.
static bool believed_open(const mb_connection *c, const mb_link *link)
{
    return link->snapshots > 0 || (link == &c->writer && c->depth > 0);
}

void mb_connection_failed(mb_connection *c, mb_link *link, const mb_error *err)
{
    if (link->doomed.code == MB_OK && believed_open(c, link) &&
        sqlite3_get_autocommit(link->cache.db))
        link->doomed = *err;
}

// Nothing may run any more in what SQLite itself has ended.
static bool still_open(mb_connection *c, mb_link *link, mb_error *err)
{
    mb_error lost;
    mb_error_set(&lost, MB_INTERNAL, 0, "the transaction was ended behind its back");
    mb_connection_failed(c, link, &lost);
    if (link->doomed.code == MB_OK)
        return true;
    *err = link->doomed;
    return false;
}

static bool refuse_write(mb_error *err)
{
    mb_error_set(err, MB_BUSY, 0, "a transaction of another coroutine is open");
    return false;
}

mb_statement *mb_connection_prepare(mb_connection *c, const void *user, const char *sql,
                                    size_t length, mb_link **used, mb_error *err)
{
    mb_link *link = *used = mb_connection_link(c, user, err);
    if (link == NULL || !still_open(c, link, err))
        return NULL;
    mb_statement *s = link->active = mb_statement_get(&link->cache, sql, length, err);
    if (s == NULL || link == &c->writer || sqlite3_stmt_readonly(s->handle))
        return s;
    mb_connection_done(link);
    refuse_write(err);
    return NULL;
}

bool mb_connection_moved(const mb_connection *c)
{
    return mb_file_moved(c->writer.cache.db);
}

bool mb_connection_in_place(const mb_connection *c, mb_error *err)
{
    bool idle = c->depth == 0 && c->writer.snapshots == 0 && c->reader.snapshots == 0;
    if (!c->watched || !idle || c->memory || !mb_connection_moved(c))
        return true;
    mb_error_set(err, MB_IO, 0, "'%s' was replaced or removed; open it again", c->path);
    return false;
}

bool mb_connection_exec(mb_connection *c, const void *user, const char *script, mb_error *err)
{
    sqlite3 *db = c->writer.cache.db;
    if (c->depth > 0 && c->owner != user)
        return refuse_write(err);
    if (!mb_link_ready(&c->writer, err) || !still_open(c, &c->writer, err))
        return false;
    int result = sqlite3_exec(db, script, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        return true;
    mb_sqlite_fail(err, db, result, "execute");
    mb_connection_failed(c, &c->writer, err);
    return false;
}
