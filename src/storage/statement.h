// Prepared statements of one database handle, kept by their text.
//
// The SQL says the types itself. A parameter is written $name, $name(json) or
// $name(blob); a result column is named by AS "name", "name(json)",
// "name(boolean)" or "table.field". See the comment of mb_value_kind.
#ifndef MB_STORAGE_STATEMENT_H
#define MB_STORAGE_STATEMENT_H

#include <sqlite3.h>
#include <stddef.h>

#include "kernel/codes.h"
#include "kernel/common.h"

MB_HIDDEN_BEGIN

// How a parameter or a column is read, beyond SQLite's own types.
typedef enum mb_value_kind {
    MB_PLAIN,  // as SQLite types it
    MB_JSON,   // any value, stored as JSON text
    MB_BLOB,   // a string that is bytes, not text
    MB_BOOLEAN // 0 or 1, seen as false or true
} mb_value_kind;

// The parsed name of one parameter or column.
typedef struct mb_name {
    const char *text;   // the name proper; not terminated
    size_t length;      // its length
    mb_value_kind kind; // from the suffix in parentheses
    int parent;         // column "a.b": the index of column a; else -1
    int children;       // column "a": how many columns are called "a.b"
} mb_name;

typedef struct mb_statement {
    sqlite3_stmt *handle;       // the compiled statement
    char *sql;                  // its text, the key of the cache
    size_t length;              // length of the text
    unsigned hash;              // of the text
    int parameter_count;        // how many values it takes
    int column_count;           // how many columns a row has
    bool returning;             // changes rows and gives some back
    bool copies;                // a binding owns a copy worth freeing early
    mb_name *parameters;        // by index, from 0
    mb_name *columns;           // by index, from 0
    char *names;                // the text that the names point into
    struct mb_statement *chain; // next in the same bucket
    struct mb_statement *newer; // towards the most recently used
    struct mb_statement *older; // towards the least recently used
} mb_statement;

enum { MB_STATEMENT_BUCKETS = 256, MB_STATEMENT_LIMIT = 200 };

// A bounded cache; all zero is an empty one.
typedef struct mb_statement_cache {
    sqlite3 *db;                                 // whose statements these are
    mb_statement *buckets[MB_STATEMENT_BUCKETS]; // by hash
    mb_statement *newest;                        // used last
    mb_statement *oldest;                        // the next to go
    int count;                                   // how many are kept
} mb_statement_cache;

// The statement for a text, prepared now or before, reset and ready to bind;
// NULL with 'err' filled when it cannot be compiled. It belongs to the cache
// and stays valid until the cache has seen MB_STATEMENT_LIMIT other texts.
mb_statement *mb_statement_get(mb_statement_cache *cache, const char *sql, size_t length,
                               mb_error *err);

// Ends the use of a statement: resets it, which gives an SQLite result code, and
// frees what its bindings copied.
int mb_statement_done(mb_statement *statement);

// Finalizes every statement of the cache.
void mb_statement_cache_clear(mb_statement_cache *cache);

MB_HIDDEN_END

#endif
