// A program without moonbase and without Lua: prepared statements and nothing else, on files
// that moonbase made. It is what moonbase is measured against.
#ifndef MB_BENCH_BARE_H
#define MB_BENCH_BARE_H

#include <sqlite3.h>
#include <stdint.h>

// The file, and the documents to write.
typedef struct bare {
    sqlite3 *db;
    const char *folder; // where the documents are
    uint64_t started;   // when the operation that is being timed began, ns
} bare;

// One kind of work: does it 'count' times, timing each. 'arguments' are the words that follow.
typedef struct bare_work {
    const char *name;
    void (*run)(bare *b, int count, char **arguments);
} bare_work;

// The works of each table, ended by one without a name.
extern const bare_work bare_blobs[];
extern const bare_work bare_checkpoints[];
extern const bare_work bare_events[];
extern const bare_work bare_graph[];
extern const bare_work bare_sessions[];
extern const bare_work bare_texts[];
extern const bare_work bare_threads[];
extern const bare_work bare_vectors[];

// Ends the program with a message unless 'ok'.
void bare_check(bare *b, int ok, const char *doing);

// Opens a file and sets it up as moonbase does.
void bare_open(bare *b, const char *path);

// Compiles a statement for the rest of the program's life.
sqlite3_stmt *bare_prepare(bare *b, const char *sql);

// Steps and resets a statement that gives no row.
void bare_step(bare *b, sqlite3_stmt *s);

// Steps a statement that must give a row.
void bare_row(bare *b, sqlite3_stmt *s);

// Binds a text that stays where it is.
void bare_text(sqlite3_stmt *s, int index, const char *text);

// Begins and ends the timing of one operation; the end adds its time to the answer.
void bare_start(bare *b);
void bare_stop(bare *b);

// ms since 1970.
int64_t bare_now(void);

// The lines of a file of the folder, terminated; gives their number.
int bare_lines(bare *b, const char *name, char ***lines);

#endif
