#include "storage/statement.h"

#include <string.h>

#include "storage/sqlite_error.h"

// Statements are constants of the program, so they differ in length or near
// their ends; reading a whole long text on every call would cost more than
// the comparison that follows.
static unsigned text_hash(const char *sql, size_t length)
{
    size_t step = (length >> 5) + 1;
    unsigned hash = (unsigned)length;
    for (size_t i = length; i >= step; i -= step)
        hash ^= (hash << 5) + (hash >> 2) + (unsigned char)sql[i - 1];
    return hash;
}

static mb_statement **bucket_of(mb_statement_cache *cache, unsigned hash)
{
    return &cache->buckets[hash % MB_STATEMENT_BUCKETS];
}

static void unlink_age(mb_statement_cache *cache, mb_statement *s)
{
    *(s->newer ? &s->newer->older : &cache->newest) = s->older;
    *(s->older ? &s->older->newer : &cache->oldest) = s->newer;
}

static void link_newest(mb_statement_cache *cache, mb_statement *s)
{
    s->newer = NULL;
    s->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = s;
    cache->newest = s;
}

static void statement_free(mb_statement *s)
{
    sqlite3_finalize(s->handle);
    sqlite3_free(s->names);
    sqlite3_free(s->parameters);
    sqlite3_free(s->sql);
    sqlite3_free(s);
}

static void evict_oldest(mb_statement_cache *cache)
{
    mb_statement *s = cache->oldest;
    mb_statement **link = bucket_of(cache, s->hash);
    while (*link != s)
        link = &(*link)->chain;
    *link = s->chain;
    unlink_age(cache, s);
    cache->count--;
    statement_free(s);
}

static mb_statement *find(mb_statement_cache *cache, const char *sql, size_t length,
                          unsigned hash)
{
    mb_statement *s = *bucket_of(cache, hash);
    while (s && (s->hash != hash || s->length != length || memcmp(s->sql, sql, length)))
        s = s->chain;
    return s;
}

static mb_value_kind suffix_kind(const char *suffix)
{
    if (strcmp(suffix, "(json)") == 0)
        return MB_JSON;
    if (strcmp(suffix, "(blob)") == 0)
        return MB_BLOB;
    if (strcmp(suffix, "(boolean)") == 0)
        return MB_BOOLEAN;
    return MB_PLAIN;
}

static void parse_name(mb_name *name, const char *text)
{
    const char *suffix = strchr(text, '(');
    name->text = text;
    name->length = suffix ? (size_t)(suffix - text) : strlen(text);
    name->kind = suffix ? suffix_kind(suffix) : MB_PLAIN;
    name->parent = -1;
    name->children = 0;
}

static bool same_name(const mb_name *name, const char *text, size_t length)
{
    return name->length == length && memcmp(name->text, text, length) == 0;
}

// A column "a.b" is field b of the table that an earlier column a gave.
static void find_parent(mb_statement *s, int column)
{
    mb_name *name = &s->columns[column];
    const char *dot = memchr(name->text, '.', name->length);
    if (dot == NULL)
        return;
    size_t head = (size_t)(dot - name->text);
    for (int i = 0; i < column; i++) {
        if (same_name(&s->columns[i], name->text, head)) {
            name->parent = i;
            s->columns[i].children++;
            name->text += head + 1;
            name->length -= head + 1;
            return;
        }
    }
}

static const char *raw_name(mb_statement *s, int i)
{
    const char *name = NULL;
    if (i < s->parameter_count) {
        name = sqlite3_bind_parameter_name(s->handle, i + 1);
        return name ? name + 1 : ""; // past the '$'
    }
    name = sqlite3_column_name(s->handle, i - s->parameter_count);
    return name ? name : "";
}

// Copies all names, because SQLite's own go with the next re-preparation.
static bool copy_names(mb_statement *s)
{
    int total = s->parameter_count + s->column_count;
    size_t bytes = 1;
    for (int i = 0; i < total; i++)
        bytes += strlen(raw_name(s, i)) + 1;
    s->names = sqlite3_malloc64(bytes);
    s->parameters = sqlite3_malloc64(sizeof(mb_name) * ((size_t)total + 1));
    if (s->names == NULL || s->parameters == NULL)
        return false;
    s->columns = s->parameters + s->parameter_count;
    char *at = s->names;
    for (int i = 0; i < total; i++) {
        const char *name = raw_name(s, i);
        size_t size = strlen(name) + 1;
        memcpy(at, name, size);
        parse_name(&s->parameters[i], at);
        at += size;
    }
    for (int i = 0; i < s->column_count; i++)
        find_parent(s, i);
    return true;
}

// A PRAGMA that does something counts as writing too, but may not like to be
// inside a transaction.
static bool is_returning(const mb_statement *s)
{
    const char *verb = s->sql + strspn(s->sql, " \t\r\n");
    return s->column_count > 0 && !sqlite3_stmt_readonly(s->handle) &&
           sqlite3_strnicmp(verb, "PRAGMA", 6) != 0;
}

static bool describe(mb_statement *s)
{
    s->parameter_count = sqlite3_bind_parameter_count(s->handle);
    s->column_count = sqlite3_column_count(s->handle);
    s->returning = is_returning(s);
    if (!copy_names(s))
        return false;
    for (int i = 0; i < s->parameter_count; i++)
        s->copies = s->copies || s->parameters[i].kind == MB_JSON;
    return true;
}

static int compile(mb_statement_cache *cache, mb_statement *s, const char *sql)
{
    s->sql = sqlite3_malloc64(s->length + 1);
    if (s->sql == NULL)
        return SQLITE_NOMEM;
    memcpy(s->sql, sql, s->length);
    s->sql[s->length] = '\0';
    int result = sqlite3_prepare_v3(cache->db, s->sql, (int)s->length + 1,
                                    SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
    if (result != SQLITE_OK)
        return result;
    if (s->handle == NULL)
        return SQLITE_MISUSE; // nothing but white space and comments
    return describe(s) ? SQLITE_OK : SQLITE_NOMEM;
}

static mb_statement *statement_new(mb_statement_cache *cache, const char *sql, size_t length,
                                   mb_error *err)
{
    mb_statement *s = sqlite3_malloc64(sizeof *s);
    if (s == NULL) {
        mb_sqlite_fail(err, NULL, SQLITE_NOMEM, "prepare");
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->length = length;
    int result = compile(cache, s, sql);
    if (result == SQLITE_OK)
        return s;
    // Before the handle goes: finalizing it would replace the error's text.
    mb_sqlite_fail(err, cache->db, result, "prepare");
    statement_free(s);
    return NULL;
}

static void keep(mb_statement_cache *cache, mb_statement *s, unsigned hash)
{
    while (cache->count >= MB_STATEMENT_LIMIT)
        evict_oldest(cache);
    s->hash = hash;
    s->chain = *bucket_of(cache, hash);
    *bucket_of(cache, hash) = s;
    link_newest(cache, s);
    cache->count++;
}

mb_statement *mb_statement_get(mb_statement_cache *cache, const char *sql, size_t length,
                               mb_error *err)
{
    unsigned hash = text_hash(sql, length);
    mb_statement *s = find(cache, sql, length, hash);
    if (s != NULL) {
        if (s != cache->newest) {
            unlink_age(cache, s);
            link_newest(cache, s);
        }
        return s;
    }
    s = statement_new(cache, sql, length, err);
    if (s != NULL)
        keep(cache, s, hash);
    return s;
}

int mb_statement_done(mb_statement *statement)
{
    int result = sqlite3_reset(statement->handle);
    if (statement->copies)
        sqlite3_clear_bindings(statement->handle);
    return result;
}

void mb_statement_cache_clear(mb_statement_cache *cache)
{
    while (cache->oldest != NULL)
        evict_oldest(cache);
}
