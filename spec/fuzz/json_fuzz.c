// Any bytes through the JSON reader. What it accepts is written again from its events, and that
// text must be read as the same events: so the reader and the writer agree on all there is.

#include "fuzz.h"
#include "kernel/json_read.h"
#include "kernel/json_write.h"
#include "kernel/utf8.h"

static void append(mb_buffer *out, const char *literal)
{
    mb_buffer_append(out, literal, strlen(literal));
}

// Writes what begins or is a value.
static void write_value(mb_buffer *out, const mb_json_reader *r, mb_json_event event)
{
    switch (event) {
    case MB_JSON_NULL:
        append(out, "null");
        break;
    case MB_JSON_TRUE:
        append(out, "true");
        break;
    case MB_JSON_FALSE:
        append(out, "false");
        break;
    case MB_JSON_INT:
        mb_json_write_integer(out, r->integer);
        break;
    case MB_JSON_BIG:
        mb_buffer_append(out, r->text, r->length);
        break;
    case MB_JSON_DOUBLE:
        mb_json_write_double(out, r->number);
        break;
    case MB_JSON_STRING:
        require(mb_utf8_valid(r->text, r->length));
        require(mb_json_write_string(out, r->text, r->length));
        break;
    default:
        mb_buffer_append_byte(out, event == MB_JSON_OBJECT ? '{' : '[');
    }
}

static void write_key(mb_buffer *out, const mb_json_reader *r, bool first)
{
    if (r->key != NULL) {
        require(mb_utf8_valid(r->key, r->key_length));
        require(mb_json_write_key(out, first, r->key, r->key_length));
    } else if (!first) {
        mb_buffer_append_byte(out, ',');
    }
}

// Reads a text and writes it again. False when it is refused.
static bool rewrite(const char *text, size_t size, mb_buffer *unescaped, mb_buffer *out)
{
    bool objects[MB_JSON_MAX_DEPTH + 1], first = true;
    mb_json_reader r;
    mb_json_read(&r, text, size, unescaped);
    for (;;) {
        mb_json_event event = mb_json_next(&r);
        require(r.depth <= MB_JSON_MAX_DEPTH);
        if (event == MB_JSON_ERROR || event == MB_JSON_END) {
            require(event == MB_JSON_END ? r.depth == 0 : r.problem != NULL);
            require(r.cursor >= text && r.cursor <= text + size);
            require(mb_json_next(&r) == event);
            return event == MB_JSON_END;
        }
        if (event == MB_JSON_CLOSE) {
            mb_buffer_append_byte(out, objects[r.depth + 1] ? '}' : ']');
            first = false;
            continue;
        }
        write_key(out, &r, first);
        write_value(out, &r, event);
        first = event == MB_JSON_OBJECT || event == MB_JSON_ARRAY;
        if (first) {
            objects[r.depth] = event == MB_JSON_OBJECT;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mb_allocator allocator = { allocate, NULL };
    mb_buffer unescaped, once, twice;
    mb_buffer_init(&unescaped, allocator);
    mb_buffer_init(&once, allocator);
    mb_buffer_init(&twice, allocator);
    char *text = copy_input(data, size);
    if (rewrite(text, size, &unescaped, &once)) {
        require(rewrite(once.data, once.length, &unescaped, &twice));
        require(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
    }
    free(text);
    mb_buffer_free(&unescaped);
    mb_buffer_free(&once);
    mb_buffer_free(&twice);
    return 0;
}
