// Declared by SQLite's header only when asked for, and not in every library.
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "storage/write_set.h"

#include <string.h>

#include "kernel/json_write.h"
#include "storage/sqlite_memory.h"

#if defined(__GNUC__)
#pragma weak sqlite3_preupdate_hook
#pragma weak sqlite3_preupdate_old
#pragma weak sqlite3_preupdate_new
#endif

// What happened to a thing in all. GONE was not there before and is not any more.
typedef enum change { UNTOUCHED, INSERTED, UPDATED, DELETED, GONE } change;

static const char *const change_names[] = { "", "insert", "update", "delete", "" };

// One that was written. Those of one bucket are chained, the newest first.
typedef struct item {
    size_t at;     // where the text that names it begins
    size_t length; // of that
    uint32_t hash; // of that
    size_t chain;  // index + 1 of the next in the same bucket; 0: none
    change change; // so far
} item;

// Undoing takes the last step back first.
typedef struct step {
    size_t item;   // which one changed
    change before; // what it was; UNTOUCHED: not recorded yet
} step;

enum { BUCKETS = 1024 };

// A table that is watched, and the texts that its names point to.
typedef struct watched {
    mb_watch rule;
    char *texts[2 + MB_WATCH_FIELDS];
} watched;

struct mb_write_set {
    watched *watches;        // what is watched
    size_t watch_count;      // how many
    mb_buffer text;          // the names, as members of JSON objects
    item *items;             // by first change
    size_t count;            // how many
    size_t room;             // how many fit
    step *steps;             // by time
    size_t step_count;       // how many
    size_t step_room;        // how many fit
    size_t buckets[BUCKETS]; // index + 1 of the newest item of each hash; 0: none
    bool cut;                // there was more than the limit
    bool failed;             // memory ran out: something is missing
};

mb_write_set *mb_write_set_new(void)
{
    mb_write_set *set = sqlite3_malloc64(sizeof *set);
    if (set == NULL)
        return NULL;
    memset(set, 0, sizeof *set);
    mb_buffer_init(&set->text, mb_sqlite_allocator());
    return set;
}

static void watch_free(watched *w)
{
    for (int i = 0; i < 2 + MB_WATCH_FIELDS; i++)
        sqlite3_free(w->texts[i]);
}

void mb_write_set_free(mb_write_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->watch_count; i++)
        watch_free(&set->watches[i]);
    sqlite3_free(set->watches);
    mb_buffer_free(&set->text);
    sqlite3_free(set->items);
    sqlite3_free(set->steps);
    sqlite3_free(set);
}

// Gives a name a copy of its own.
static bool copy(const char **name, char **text)
{
    if (*name == NULL)
        return true;
    *name = *text = sqlite3_mprintf("%s", *name);
    return *text != NULL;
}

bool mb_write_set_watch(mb_write_set *set, const mb_watch *watch)
{
    watched made = { .rule = *watch };
    watched *watches =
        sqlite3_realloc64(set->watches, (set->watch_count + 1) * sizeof *watches);
    if (watches == NULL)
        return false;
    set->watches = watches;
    bool copied =
        copy(&made.rule.table, &made.texts[0]) && copy(&made.rule.part, &made.texts[1]);
    for (int i = 0; i < MB_WATCH_FIELDS; i++)
        copied = copied && copy(&made.rule.fields[i], &made.texts[2 + i]);
    if (copied)
        watches[set->watch_count++] = made;
    else
        watch_free(&made);
    return copied;
}

// Makes room for one more of an array.
static void *roomy(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t wanted = *room ? *room * 2 : 64;
    void *made = sqlite3_realloc64(array, wanted * size);
    if (made != NULL)
        *room = wanted;
    return made;
}

static const mb_watch *find_watch(const mb_write_set *set, const char *table)
{
    for (size_t i = 0; i < set->watch_count; i++) {
        if (strcmp(set->watches[i].rule.table, table) == 0)
            return &set->watches[i].rule;
    }
    return NULL;
}

static sqlite3_value *column(sqlite3 *db, int op, int index)
{
    sqlite3_value *value = NULL;
    if (op == SQLITE_DELETE)
        sqlite3_preupdate_old(db, index, &value);
    else
        sqlite3_preupdate_new(db, index, &value);
    return value;
}

static void write_field(mb_buffer *out, const char *name, sqlite3_value *value, int shift)
{
    if (value == NULL || sqlite3_value_type(value) == SQLITE_NULL)
        return;
    mb_json_write_key(out, false, name, strlen(name));
    if (sqlite3_value_type(value) == SQLITE_INTEGER) {
        int64_t number = sqlite3_value_int64(value);
        mb_json_write_integer(out, shift == 0 ? number : number & ((INT64_C(1) << shift) - 1));
        return;
    }
    const char *text = (const char *)sqlite3_value_text(value);
    if (text == NULL || !mb_json_write_string(out, text, (size_t)sqlite3_value_bytes(value)))
        out->failed = true;
}

static void write_scope(mb_buffer *out, sqlite3_value *value, int shift)
{
    if (value == NULL)
        return;
    mb_json_write_key(out, false, "scope", 5);
    mb_json_write_integer(out, sqlite3_value_int64(value) >> shift);
}

// The members of an object that name a row.
static void write_name(mb_buffer *out, sqlite3 *db, int op, const mb_watch *w)
{
    mb_json_write_key(out, true, "part", 4);
    mb_json_write_string(out, w->part, strlen(w->part));
    if (w->scope >= 0)
        write_scope(out, column(db, op, w->scope), w->shift);
    for (int i = 0; i < MB_WATCH_FIELDS && w->fields[i] != NULL; i++) {
        int shift = w->columns[i] == w->scope ? w->shift : 0;
        write_field(out, w->fields[i], column(db, op, w->columns[i]), shift);
    }
}

static uint32_t hash_of(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static item *find_item(const mb_write_set *set, const char *text, size_t length, uint32_t hash)
{
    for (size_t i = set->buckets[hash % BUCKETS]; i != 0; i = set->items[i - 1].chain) {
        item *it = &set->items[i - 1];
        if (it->hash == hash && it->length == length &&
            memcmp(set->text.data + it->at, text, length) == 0)
            return it;
    }
    return NULL;
}

// The item that the text from 'at' on names: an older one, or a new one.
static item *get_item(mb_write_set *set, size_t at)
{
    const char *text = set->text.data + at;
    size_t length = set->text.length - at;
    uint32_t hash = hash_of(text, length);
    item *it = find_item(set, text, length, hash);
    if (it != NULL || (set->cut = set->cut || set->count == MB_WRITE_SET_LIMIT)) {
        set->text.length = at;
        return it;
    }
    item *items = roomy(set->items, set->count, &set->room, sizeof *items);
    if (items == NULL) {
        set->failed = true;
        return NULL;
    }
    set->items = items;
    size_t *bucket = &set->buckets[hash % BUCKETS];
    items[set->count] = (item){ .at = at, .length = length, .hash = hash, .chain = *bucket };
    *bucket = ++set->count;
    return &items[set->count - 1];
}

static change next_change(change before, int op)
{
    bool was_there = before == UPDATED || before == DELETED;
    if (op == SQLITE_DELETE)
        return before == INSERTED ? GONE : DELETED;
    if (op == SQLITE_INSERT)
        return was_there ? UPDATED : INSERTED;
    return before == INSERTED ? INSERTED : UPDATED;
}

static void change_item(mb_write_set *set, item *it, int op)
{
    change after = next_change(it->change, op);
    if (after == it->change)
        return;
    step *steps = roomy(set->steps, set->step_count, &set->step_room, sizeof *steps);
    if (steps == NULL) {
        set->failed = true;
        return;
    }
    set->steps = steps;
    steps[set->step_count++] = (step){ (size_t)(it - set->items), it->change };
    it->change = after;
}

// SQLite's hook: a row is about to be written.
static void record(void *arg, sqlite3 *db, int op, const char *schema, const char *table,
                   sqlite3_int64 old_key, sqlite3_int64 new_key)
{
    mb_write_set *set = arg;
    const mb_watch *w = strcmp(schema, "main") == 0 ? find_watch(set, table) : NULL;
    (void)old_key;
    (void)new_key;
    if (w == NULL || set->failed)
        return;
    size_t at = set->text.length;
    write_name(&set->text, db, op, w);
    if (set->text.failed) {
        set->failed = true;
        return;
    }
    item *it = get_item(set, at);
    if (it != NULL)
        change_item(set, it, op);
}

static void forget(mb_write_set *set)
{
    mb_buffer_trim(&set->text, 64 * 1024);
    memset(set->buckets, 0, sizeof set->buckets);
    set->count = set->step_count = 0;
    set->cut = set->failed = false;
}

bool mb_write_set_start(mb_write_set *set, sqlite3 *db)
{
    forget(set);
    if (sqlite3_preupdate_hook == NULL)
        return false;
    sqlite3_preupdate_hook(db, record, set);
    return true;
}

void mb_write_set_stop(mb_write_set *set, sqlite3 *db)
{
    if (sqlite3_preupdate_hook != NULL)
        sqlite3_preupdate_hook(db, NULL, NULL);
    forget(set);
}

size_t mb_write_set_mark(const mb_write_set *set)
{
    return set->step_count;
}

// The item that was recorded last goes again.
static void drop_item(mb_write_set *set)
{
    item *it = &set->items[--set->count];
    set->buckets[it->hash % BUCKETS] = it->chain;
    set->text.length = it->at;
}

void mb_write_set_undo(mb_write_set *set, size_t mark)
{
    while (set->step_count > mark) {
        step *last = &set->steps[--set->step_count];
        set->items[last->item].change = last->before;
        if (last->before == UNTOUCHED)
            drop_item(set);
    }
}

bool mb_write_set_json(const mb_write_set *set, mb_buffer *out, bool *cut)
{
    bool first = true;
    mb_buffer_append_byte(out, '[');
    for (size_t i = 0; i < set->count; i++) {
        const item *it = &set->items[i];
        const char *name = change_names[it->change];
        if (name[0] == '\0')
            continue;
        mb_buffer_append(out, first ? "{" : ",{", first ? 1 : 2);
        mb_buffer_append(out, set->text.data + it->at, it->length);
        mb_json_write_key(out, false, "op", 2);
        mb_json_write_string(out, name, strlen(name));
        mb_buffer_append_byte(out, '}');
        first = false;
    }
    mb_buffer_append_byte(out, ']');
    *cut = set->cut;
    return !set->failed && !out->failed;
}
