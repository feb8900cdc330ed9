#include "kernel/json_integers.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/json_read.h"
#include "kernel/text_words.h"

static const int64_t MAX_EXACT = INT64_C(9007199254740992);

// An integer of the old document.
typedef struct place {
    uint64_t path;      // stands for the keys and numbers that lead to it
    const char *digits; // in the old document
    size_t length;      // of digits
} place;

typedef struct walk {
    mb_json_reader reader;                 // of the document
    uint64_t paths[MB_JSON_MAX_DEPTH + 1]; // of the open containers, behind the document's own
    uint64_t items[MB_JSON_MAX_DEPTH + 1]; // met so far in each that is an array
} walk;

static void begin(walk *w, const char *text, size_t length, mb_buffer *unescaped)
{
    mb_json_read(&w->reader, text, length, unescaped);
    w->paths[0] = w->items[0] = 0;
}

static uint64_t mix(uint64_t path, uint64_t step)
{
    uint64_t mixed = (path ^ step) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ (mixed >> 29);
}

// The next value and the path to it.
static mb_json_event next_value(walk *w, uint64_t *path)
{
    mb_json_event event = mb_json_next(&w->reader);
    while (event == MB_JSON_CLOSE)
        event = mb_json_next(&w->reader);
    if (event == MB_JSON_ERROR || event == MB_JSON_END)
        return event;
    bool opens = event == MB_JSON_ARRAY || event == MB_JSON_OBJECT;
    unsigned parent = w->reader.depth - (opens ? 1 : 0);
    const char *key = w->reader.key;
    *path = mix(w->paths[parent],
                key != NULL ? mb_text_hash(key, w->reader.key_length) : w->items[parent]++);
    if (opens) {
        w->paths[parent + 1] = *path;
        w->items[parent + 1] = 0;
    }
    return event;
}

static int by_path(const void *a, const void *b)
{
    const place *one = a, *other = b;
    return (one->path > other->path) - (one->path < other->path);
}

// The integers of the old document by their paths. None where it cannot be read.
static void collect(walk *w, mb_buffer *places)
{
    mb_json_event event;
    uint64_t path = 0;
    while ((event = next_value(w, &path)) != MB_JSON_END && event != MB_JSON_ERROR) {
        int64_t value = event == MB_JSON_INT ? w->reader.integer : 0;
        place found = { path, w->reader.text, w->reader.length };
        if (value > MAX_EXACT || value < -MAX_EXACT)
            mb_buffer_append(places, &found, sizeof found);
    }
    if (event == MB_JSON_ERROR)
        places->length = 0;
    if (places->length > 0)
        qsort(places->data, places->length / sizeof(place), sizeof(place), by_path);
}

// Whether the present string is such an integer. Digits have no escapes, so that they stand in
// the document itself, right before the quote.
static bool is_kept(const walk *w, uint64_t path, const mb_buffer *places)
{
    const mb_json_reader *r = &w->reader;
    place wanted = { path, r->text, r->length };
    const place *found =
        bsearch(&wanted, places->data, places->length / sizeof(place), sizeof(place), by_path);
    return found != NULL && found->length == r->length &&
           memcmp(found->digits, r->text, r->length) == 0 &&
           r->text + r->length + 1 == r->cursor;
}

static void write_kept(walk *w, const mb_buffer *places, mb_buffer *out)
{
    const char *rest = w->reader.start, *end = w->reader.end;
    mb_json_event event;
    uint64_t path = 0;
    while ((event = next_value(w, &path)) != MB_JSON_END && event != MB_JSON_ERROR) {
        if (event != MB_JSON_STRING || !is_kept(w, path, places))
            continue;
        mb_buffer_append(out, rest, (size_t)(w->reader.text - 1 - rest));
        mb_buffer_append(out, w->reader.text, w->reader.length);
        rest = w->reader.cursor;
    }
    mb_buffer_append(out, rest, (size_t)(end - rest));
}

void mb_json_keep_integers(mb_buffer *out, const char *text, size_t length, const char *old,
                           size_t old_length)
{
    walk w;
    mb_buffer unescaped, places;
    mb_buffer_init(&unescaped, out->allocator);
    mb_buffer_init(&places, out->allocator);
    begin(&w, old, old_length, &unescaped);
    collect(&w, &places);
    if (places.length > 0) {
        begin(&w, text, length, &unescaped);
        write_kept(&w, &places, out);
    } else {
        mb_buffer_append(out, text, length);
    }
    out->failed = out->failed || places.failed || unescaped.failed;
    mb_buffer_free(&unescaped);
    mb_buffer_free(&places);
}
