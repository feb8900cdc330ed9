// The frame of the bare program: bare FILE FOLDER. A request is a line of words, the work, a
// count and arguments; the answer is a line with the microseconds of each operation.
#include "bench/bare.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void bare_check(bare *b, int ok, const char *doing)
{
    if (ok)
        return;
    printf("error %s: %s\n", doing, sqlite3_errmsg(b->db));
    exit(1);
}

sqlite3_stmt *bare_prepare(bare *b, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int result = sqlite3_prepare_v3(b->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
    bare_check(b, result == SQLITE_OK, sql);
    return s;
}

void bare_step(bare *b, sqlite3_stmt *s)
{
    bare_check(b, sqlite3_step(s) == SQLITE_DONE, sqlite3_sql(s));
    sqlite3_reset(s);
}

void bare_row(bare *b, sqlite3_stmt *s)
{
    bare_check(b, sqlite3_step(s) == SQLITE_ROW, sqlite3_sql(s));
}

void bare_text(sqlite3_stmt *s, int index, const char *text)
{
    sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int64_t bare_now(void)
{
    return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000);
}

void bare_start(bare *b)
{
    b->started = clock_ns(CLOCK_MONOTONIC);
}

void bare_stop(bare *b)
{
    uint64_t ended = clock_ns(CLOCK_MONOTONIC);
    printf(" %.3f", (double)(ended - b->started) / 1000);
}

static char *read_file(bare *b, const char *name)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", b->folder, name);
    FILE *file = fopen(path, "rb");
    bare_check(b, file != NULL, path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(size + 1);
    bare_check(b, text != NULL && fread(text, 1, size, file) == size, path);
    fclose(file);
    text[size] = '\0';
    return text;
}

int bare_lines(bare *b, const char *name, char ***lines)
{
    int count = 0;
    char *text = read_file(b, name);
    *lines = NULL;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        *lines = realloc(*lines, sizeof **lines * (size_t)(count + 1));
        bare_check(b, *lines != NULL, name);
        (*lines)[count++] = line;
    }
    return count;
}

void bare_open(bare *b, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    bare_check(b, sqlite3_open_v2(path, &b->db, flags, NULL) == SQLITE_OK, path);
    sqlite3_busy_timeout(b->db, 5000);
    const char *pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                          "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
                          "PRAGMA cache_size=-32768; PRAGMA cell_size_check=ON;";
    bare_check(b, sqlite3_exec(b->db, pragmas, NULL, NULL, NULL) == SQLITE_OK, pragmas);
}

// sync COUNT: writes 4 KB behind the end of a file and waits until they are on the disk, the
// least that a durable commit can take.
static void sync_block(bare *b, int count, char **arguments)
{
    static char block[4096];
    char path[1000];
    (void)arguments;
    snprintf(path, sizeof path, "%s/sync", b->folder);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        ssize_t written = write(file, block, sizeof block);
        bare_check(b, written == (ssize_t)sizeof block && fdatasync(file) == 0, "sync");
        bare_stop(b);
    }
    close(file);
}

static const bare_work common[] = { { "sync", sync_block }, { NULL, NULL } };

static const bare_work *find_work(const char *name)
{
    static const bare_work *const tables[] = { common,      bare_blobs,   bare_checkpoints,
                                               bare_events, bare_graph,   bare_sessions,
                                               bare_texts,  bare_threads, bare_vectors };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const bare_work *work = tables[i]; work->name != NULL; work++)
            if (strcmp(work->name, name) == 0)
                return work;
    return NULL;
}

static void answer(bare *b, char *line)
{
    char *words[16] = { NULL };
    int count = 0;
    for (char *word = strtok(line, " \n"); word && count < 15; word = strtok(NULL, " \n"))
        words[count++] = word;
    const bare_work *work = count >= 2 ? find_work(words[0]) : NULL;
    bare_check(b, work != NULL, "unknown work");
    printf("ok");
    work->run(b, atoi(words[1]), words + 2);
    printf("\n");
    fflush(stdout);
}

int main(int count, char **arguments)
{
    bare b = { 0 };
    char line[1000];
    if (count != 3)
        return 2;
    b.folder = arguments[2];
    bare_open(&b, arguments[1]);
    printf("ready SQLite %s\n", sqlite3_libversion());
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL)
        answer(&b, line);
    sqlite3_close_v2(b.db);
    return 0;
}
