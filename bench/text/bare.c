// What the text index does, by SQLite's own full-text index, FTS5, without a copy of the texts:
// the same texts, and the same words of the same questions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"

static char **texts, **questions;
static int text_count, question_count, next_text;
static sqlite3_stmt *begin, *commit, *insert, *delete, *search;

static void prepare(bare *b)
{
    if (texts != NULL)
        return;
    text_count = bare_lines(b, "texts", &texts);
    question_count = bare_lines(b, "questions", &questions);
    int made = sqlite3_exec(b->db,
                            "CREATE VIRTUAL TABLE IF NOT EXISTS bare_text USING fts5"
                            " (text, content = '', tokenize = 'porter unicode61')",
                            NULL, NULL, NULL);
    bare_check(b, made == SQLITE_OK, "create");
    begin = bare_prepare(b, "BEGIN IMMEDIATE");
    commit = bare_prepare(b, "COMMIT");
    insert = bare_prepare(b, "INSERT INTO bare_text (rowid, text) VALUES (?, ?)");
    delete = bare_prepare(b, "INSERT INTO bare_text (bare_text, rowid, text)"
                             " VALUES ('delete', ?, ?)");
    search = bare_prepare(b, "SELECT rowid FROM bare_text WHERE bare_text MATCH ?"
                             " ORDER BY rank LIMIT 10");
}

static void put(bare *b, int length)
{
    bare_step(b, begin);
    for (int i = 0; i < length; i++) {
        bare_check(b, next_text < text_count, "no more texts");
        sqlite3_bind_int(insert, 1, next_text + 1);
        bare_text(insert, 2, texts[next_text++]);
        bare_step(b, insert);
    }
    bare_step(b, commit);
}

// text_seed 1 SIZE: the texts that are there beforehand.
static void seed(bare *b, int count, char **arguments)
{
    int size = atoi(arguments[0]);
    (void)count;
    prepare(b);
    bare_start(b);
    while (next_text < size)
        put(b, size - next_text < 1000 ? size - next_text : 1000);
    bare_stop(b);
}

// text_put COUNT LENGTH: so many new texts in each transaction.
static void put_all(bare *b, int count, char **arguments)
{
    int length = atoi(arguments[0]);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        put(b, length);
        bare_stop(b);
    }
}

// text_remove COUNT LENGTH: so many texts in each transaction.
static void remove_all(bare *b, int count, char **arguments)
{
    int length = atoi(arguments[0]);
    for (int i = 0; i < count; i++) {
        bare_start(b);
        bare_step(b, begin);
        for (int j = 0; j < length; j++) {
            sqlite3_bind_int(delete, 1, next_text);
            bare_text(delete, 2, texts[--next_text]);
            bare_step(b, delete);
        }
        bare_step(b, commit);
        bare_stop(b);
    }
}

// The words of a question, any of which is looked for.
static void match(const char *question, char *out)
{
    for (const char *end; *question != '\0'; question = *end == ' ' ? end + 1 : end) {
        end = question + strcspn(question, " ");
        out += sprintf(out, "\"%.*s\"%s", (int)(end - question), question,
                       *end == ' ' ? " OR " : "");
    }
}

// Searches for a question; gives whether a text is among what was found.
static int ask(bare *b, int question, int text)
{
    char any[2000];
    int found = 0;
    match(questions[question % question_count], any);
    bare_text(search, 1, any);
    while (sqlite3_step(search) == SQLITE_ROW)
        found += sqlite3_column_int(search, 0) == text;
    bare_check(b, sqlite3_reset(search) == SQLITE_OK, "search");
    return found;
}

// text_search COUNT FIRST: so many questions.
static void search_all(bare *b, int count, char **arguments)
{
    int first = atoi(arguments[0]);
    for (int i = 1; i <= count; i++) {
        bare_start(b);
        ask(b, first + i, 0);
        bare_stop(b);
    }
}

// text_recall COUNT: which of the first questions give the text that they are about.
static void recall(bare *b, int count, char **arguments)
{
    char **answers;
    (void)arguments;
    int known = bare_lines(b, "answers", &answers);
    for (int i = 0; i < count && i < known; i++)
        printf(" %d", ask(b, i, atoi(answers[i])));
}

// text_size: bytes of the index.
static void size(bare *b, int count, char **arguments)
{
    (void)count;
    (void)arguments;
    sqlite3_stmt *sum = bare_prepare(b, "SELECT sum(pgsize) FROM dbstat"
                                        " WHERE name LIKE 'bare_text%' AND aggregate = TRUE");
    bare_row(b, sum);
    printf(" %lld", (long long)sqlite3_column_int64(sum, 0));
    sqlite3_finalize(sum);
}

const bare_work bare_texts[] = {
    { "text_seed", seed },   { "text_search", search_all }, { "text_recall", recall },
    { "text_put", put_all }, { "text_remove", remove_all }, { "text_size", size },
    { NULL, NULL },
};
