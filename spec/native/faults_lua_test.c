// Every operation of every scenario (scenarios/NAME.lua) with every fault, at the first chance,
// the second, the third... until the scenario gets by without meeting it: Lua's allocator
// fails, SQLite's allocator fails, each kind of file operation fails. faults.lua says what must
// hold then.
//
//     faults_lua_test [scenario [fault [n]]]      the first two are parts of names
//
// MOONBASE_FAULTS says at how many places of a scenario each fault is tried, spread evenly when
// there are more: a number (20 unless told), "all", or "few" for one place of some faults.

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_memory.h"
#include "fault_vfs.h"
#include "lua_driver.h"

typedef enum fault_source { LUA_MEMORY, SQLITE_MEMORY, FILES } fault_source;

// One way to fail.
typedef struct fault_case {
    const char *name;    // as printed
    fault_source source; // what fails
    fault_kind kind;     // of file operation
    int error;           // what SQLite is told
    const char *code;    // the error code that a call may fail with
    long span;           // how often; 0: from then on always
} fault_case;

#define FILE_FAULT(name, kind, error, code)                                                    \
    { name, FILES, kind, error, code, 1 },                                                     \
    {                                                                                          \
        name " for good", FILES, kind, error, code, 0                                          \
    }

static const fault_case cases[] = {
    { "Lua memory", LUA_MEMORY, 0, 0, "internal", 1 },
    { "Lua memory twice", LUA_MEMORY, 0, 0, "internal", 2 }, // Lua collects and asks again
    { "Lua memory for good", LUA_MEMORY, 0, 0, "internal", 0 },
    { "SQLite memory", SQLITE_MEMORY, 0, 0, "internal", 1 },
    { "SQLite memory for good", SQLITE_MEMORY, 0, 0, "internal", 0 },
    FILE_FAULT("open", FAULT_OPEN, SQLITE_CANTOPEN, "io"),
    FILE_FAULT("read", FAULT_READ, SQLITE_IOERR_READ, "io"),
    FILE_FAULT("write", FAULT_WRITE, SQLITE_IOERR_WRITE, "io"),
    FILE_FAULT("torn write", FAULT_TORN_WRITE, SQLITE_IOERR_WRITE, "io"),
    FILE_FAULT("full disk", FAULT_WRITE, SQLITE_FULL, "full"),
    FILE_FAULT("sync", FAULT_SYNC, SQLITE_IOERR_FSYNC, "io"),
    FILE_FAULT("truncate", FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, "io"),
    FILE_FAULT("size", FAULT_SIZE, SQLITE_IOERR_FSTAT, "io"),
    FILE_FAULT("busy lock", FAULT_LOCK, SQLITE_BUSY, "busy"),
    FILE_FAULT("lock", FAULT_LOCK, SQLITE_IOERR_LOCK, "io"),
    FILE_FAULT("access", FAULT_ACCESS, SQLITE_IOERR_ACCESS, "io"),
    FILE_FAULT("delete", FAULT_DELETE, SQLITE_IOERR_DELETE, "io"),
    FILE_FAULT("map", FAULT_SHM_MAP, SQLITE_IOERR_SHMMAP, "io"),
    FILE_FAULT("busy shared lock", FAULT_SHM_LOCK, SQLITE_BUSY, "busy"),
    FILE_FAULT("shared lock", FAULT_SHM_LOCK, SQLITE_IOERR_SHMLOCK, "io"),
};

enum { CASES = sizeof cases / sizeof *cases };

// A compiled file.
typedef struct chunk {
    char *path, *bytes;
    size_t size;
    struct chunk *next;
} chunk;

// What an undisturbed run of the scenario found, for the others to compare with.
typedef struct note {
    char *key, *text;
    struct note *next;
} note;

typedef struct driver {
    memory_fault lua;              // of the Lua state
    memory_fault sqlite;           // of SQLite, for the whole process
    fault_vfs files;               // of SQLite, for the whole process
    const fault_case *fault;       // what is being tried
    const char *scenario;          // path of the scenario being tried
    char path[256];                // of the database file
    bool heavy;                    // the scenario does a lot of work
    sqlite3_int64 baseline;        // bytes that SQLite keeps when nothing is open
    chunk *chunks;                 // of all files that were loaded
    note *notes;                   // of the scenario
    char why[2000];                // what went wrong in the last trial
    long injected, survived, lost; // trials of the scenario: with a fault, with no call
                                   // refused, with something wrong
} driver;

// All are counted, one fails.
static void arm(driver *d, bool armed)
{
    d->lua.armed = d->sqlite.armed = d->files.armed = armed;
}

static void set_fault(driver *d, long at)
{
    const fault_case *f = d->fault;
    memory_fault_set(&d->lua, f->source == LUA_MEMORY ? at : 0, f->span);
    memory_fault_set(&d->sqlite, f->source == SQLITE_MEMORY ? at : 0, f->span);
    fault_vfs_set(&d->files, f->kind, f->error, f->source == FILES ? at : 0, f->span == 0);
}

// How often the fault in hand had its chance.
static long seen(const driver *d)
{
    const fault_case *f = d->fault;
    return f->source == FILES ? d->files.seen[f->kind]
                              : (f->source == LUA_MEMORY ? d->lua.seen : d->sqlite.seen);
}

static long injected(const driver *d)
{
    return d->files.injected + d->lua.injected + d->sqlite.injected;
}

static driver *of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

// faults.attempt(fn, ...): pcall with the fault armed.
static int faults_attempt(lua_State *L)
{
    driver *d = of(L);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    arm(d, true);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    arm(d, false);
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

// faults.injected(): how many operations failed so far.
static int faults_injected(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)injected(of(L)));
    return 1;
}

// faults.fault(): its name; the code that calls may fail with; whether they may raise.
static int faults_fault(lua_State *L)
{
    const fault_case *f = of(L)->fault;
    lua_pushstring(L, f->name);
    lua_pushstring(L, f->code);
    lua_pushboolean(L, f->source == LUA_MEMORY);
    return 3;
}

// faults.note(key, text): keeps a text for the later runs of the scenario.
static int faults_note(lua_State *L)
{
    driver *d = of(L);
    note *n = malloc(sizeof *n);
    n->key = strdup(luaL_checkstring(L, 1));
    n->text = strdup(luaL_checkstring(L, 2));
    n->next = d->notes;
    d->notes = n;
    return 0;
}

// faults.noted(key): that text; nil when there is none.
static int faults_noted(lua_State *L)
{
    const char *key = luaL_checkstring(L, 1);
    const note *n = of(L)->notes;
    while (n != NULL && strcmp(n->key, key) != 0)
        n = n->next;
    lua_pushstring(L, n ? n->text : NULL);
    return 1;
}

static void forget_notes(driver *d)
{
    for (note *n = d->notes, *next; n != NULL; n = next) {
        next = n->next;
        free(n->key);
        free(n->text);
        free(n);
    }
    d->notes = NULL;
}

static int open_faults(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "attempt", faults_attempt },   { "note", faults_note },   { "noted", faults_noted },
        { "injected", faults_injected }, { "fault", faults_fault }, { NULL, NULL }
    };
    return lua_driver_module(L, functions);
}

static int write_chunk(lua_State *L, const void *bytes, size_t size, void *ud)
{
    (void)L;
    chunk *c = ud;
    c->bytes = realloc(c->bytes, c->size + size);
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
    return 0;
}

// Pushes the chunk of a file; compiled once in all Lua states, for there are thousands of them.
static int load_chunk(lua_State *L, driver *d, const char *path)
{
    chunk *c = d->chunks;
    while (c != NULL && strcmp(c->path, path) != 0)
        c = c->next;
    if (c != NULL)
        return luaL_loadbuffer(L, c->bytes, c->size, path);
    int status = luaL_loadfile(L, path);
    if (status != LUA_OK)
        return status;
    c = calloc(1, sizeof *c);
    c->path = strdup(path);
    c->next = d->chunks;
    d->chunks = c;
    lua_dump(L, write_chunk, c, 0);
    return LUA_OK;
}

// A searcher of modules that goes through load_chunk.
static int search_module(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchpath");
    lua_pushvalue(L, 1);
    lua_getfield(L, -3, "path");
    lua_call(L, 2, 1);
    const char *path = lua_tostring(L, -1);
    if (path == NULL || load_chunk(L, of(L), path) != LUA_OK)
        return 1;
    lua_pushstring(L, path);
    return 2;
}

static void forget_chunks(driver *d)
{
    for (chunk *c = d->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c->path);
        free(c->bytes);
        free(c);
    }
}

static lua_State *new_state(driver *d)
{
    lua_State *L = lua_newstate(memory_fault_lua, &d->lua);
    lua_driver_prepare(L, "faults", open_faults, d);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    lua_pushlightuserdata(L, d);
    lua_pushcclosure(L, search_module, 1);
    lua_rawseti(L, -2, 2); // in the place of the one that reads Lua files
    lua_settop(L, 0);
    return L;
}

static bool fail(driver *d, const char *format, long a, long b)
{
    snprintf(d->why, sizeof d->why, format, a, b);
    return false;
}

// The scenario in a Lua state of its own; 'survived': no call was refused.
static bool play(driver *d, bool *survived)
{
    lua_State *L = new_state(d);
    lua_pushcfunction(L, lua_driver_traceback);
    bool ok = load_chunk(L, d, "spec/native/faults.lua") == LUA_OK;
    lua_pushstring(L, d->scenario);
    lua_pushstring(L, d->path);
    ok = ok && lua_pcall(L, 2, 1, 1) == LUA_OK;
    *survived = ok && lua_toboolean(L, -1);
    if (!ok)
        snprintf(d->why, sizeof d->why, "%s", lua_tostring(L, -1));
    lua_close(L);
    return ok;
}

static bool trial(driver *d, long at, bool *survived)
{
    set_fault(d, at);
    if (!play(d, survived))
        return false;
    if (d->lua.in_use != 0)
        return fail(d, "%ld bytes of Lua's allocator leaked", (long)d->lua.in_use, 0);
    if (d->files.open_files != 0)
        return fail(d, "%ld files left open", d->files.open_files, 0);
    if (sqlite3_memory_used() > d->baseline)
        return fail(d, "SQLite uses %ld bytes, %ld before", (long)sqlite3_memory_used(),
                    (long)d->baseline);
    return true;
}

static void tell_loss(driver *d, long at)
{
    if (d->lost++ < 5)
        printf("%s, %s, at %ld: %s\n", d->scenario, d->fault->name, at, d->why);
    d->lua.in_use = 0;
    d->files.open_files = 0;
    d->baseline = sqlite3_memory_used();
}

static bool one(driver *d, long at)
{
    bool survived;
    bool good = trial(d, at, &survived);
    if (injected(d) > 0) {
        d->injected++;
        d->survived += survived;
    }
    if (!good)
        tell_loss(d, at);
    return good;
}

static bool chosen(const char *word)
{
    const char *value = getenv("MOONBASE_FAULTS");
    return value != NULL && strcmp(value, word) == 0;
}

static long places(void)
{
    const char *value = getenv("MOONBASE_FAULTS");
    return value == NULL || chosen("few") ? 20 : chosen("all") ? 0 : atol(value);
}

// A scenario that does a lot of work is tried at fewer places: its run is long.
enum { A_LOT = 50000, FEWER = 3 }; // chances

// One fault at every place, of which an undisturbed run had so many. True when nothing was
// lost.
static bool sweep(driver *d, long chances)
{
    long lost = d->lost, limit = places(), step = 1;
    if (d->heavy)
        limit = (limit + FEWER - 1) / FEWER;
    if (chosen("few"))
        return chances == 0 || one(d, chances / 2 + 1);
    if (limit > 0 && chances > limit)
        step = (chances + limit - 1) / limit;
    for (long at = 1; at <= chances || (limit == 0 && injected(d) > 0); at += step)
        one(d, at);
    return d->lost == lost;
}

// Runs the scenario undisturbed, which the others are compared with; notes in 'chances' how
// often each fault would have had its chance.
static bool run_undisturbed(driver *d, long *chances)
{
    bool survived = false;
    d->fault = &cases[0];
    if (!trial(d, 0, &survived) || !survived) {
        tell_loss(d, 0);
        return false;
    }
    d->heavy = false;
    for (size_t i = 0; i < CASES; i++) {
        d->fault = &cases[i];
        chances[i] = seen(d);
        d->heavy = d->heavy || chances[i] > A_LOT;
    }
    return true;
}

static bool is_wanted(size_t i, int argc, char **argv)
{
    return (argc < 3 || strstr(cases[i].name, argv[2]) != NULL) &&
           (!chosen("few") || i % 7 == 1);
}

static bool scenario(driver *d, char *path, int argc, char **argv, long *passed)
{
    long chances[CASES];
    d->scenario = path;
    d->injected = d->survived = d->lost = 0;
    bool ran = run_undisturbed(d, chances);
    for (size_t i = 0; ran && i < CASES; i++) {
        d->fault = &cases[i];
        if (is_wanted(i, argc, argv))
            *passed += argc > 3 ? one(d, atol(argv[3])) : sweep(d, chances[i]);
    }
    forget_notes(d);
    printf("%-44s %6ld injected, %6ld survived, %3ld lost\n", path, d->injected, d->survived,
           d->lost);
    return d->lost == 0;
}

// A folder in memory where there is one: what is tested is not the disk.
static void choose_folder(driver *d)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(d->path, sizeof d->path, "%s/moonbase-faults-XXXXXX", base);
    if (mkdtemp(d->path) == NULL) {
        perror(d->path);
        exit(2);
    }
    strcat(d->path, "/test.db");
}

static void remove_folder(driver *d)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", ".template" };
    char path[300];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, sizeof path, "%s%s", d->path, suffixes[i]);
        unlink(path);
    }
    *strrchr(d->path, '/') = '\0';
    rmdir(d->path);
}

// What stays allocated once everything is closed; found by closing everything once.
static void find_baseline(driver *d, const char *path)
{
    bool survived;
    d->scenario = path;
    d->fault = &cases[0];
    set_fault(d, 0);
    play(d, &survived);
    forget_notes(d);
    d->lua.in_use = 0;
    d->baseline = sqlite3_memory_used();
}

int main(int argc, char **argv)
{
    static driver d;
    glob_t found;
    long passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!memory_fault_sqlite(&d.sqlite) || sqlite3_initialize() != SQLITE_OK ||
        glob("spec/native/scenarios/*.lua", 0, NULL, &found) != 0)
        return 2;
    choose_folder(&d);
    fault_vfs_install(&d.files);
    find_baseline(&d, found.gl_pathv[0]);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (argc < 2 || strstr(found.gl_pathv[i], argv[1]) != NULL)
            failed += !scenario(&d, found.gl_pathv[i], argc, argv, &passed);
    fault_vfs_remove(&d.files);
    remove_folder(&d);
    forget_chunks(&d);
    globfree(&found);
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed > 0;
}
