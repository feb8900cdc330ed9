// A pull parser for JSON as RFC 8259 has it, and nothing more lenient: each call gives the next
// event of the text; an event's bytes or number, and its key, stand in the reader. It allocates
// only for strings that hold escapes.
#ifndef MB_KERNEL_JSON_READ_H
#define MB_KERNEL_JSON_READ_H

#include "kernel/buffer.h"
#include "kernel/common.h"

// Arrays and objects may be nested this deep, in a text read and in a value written.
enum { MB_JSON_MAX_DEPTH = 1000 };

typedef enum mb_json_event {
    MB_JSON_ERROR,  // the text is not JSON, or memory ran out: see `problem`
    MB_JSON_END,    // the text has been read whole
    MB_JSON_NULL,   //
    MB_JSON_FALSE,  //
    MB_JSON_TRUE,   //
    MB_JSON_INT,    // `integer`; the literal is `text`
    MB_JSON_BIG,    // an integer beyond int64: the literal `text`
    MB_JSON_DOUBLE, // `number`
    MB_JSON_STRING, // `text`
    MB_JSON_ARRAY,  // the beginning of an array
    MB_JSON_OBJECT, // the beginning of an object
    MB_JSON_CLOSE   // the end of the innermost array or object
} mb_json_event;

typedef enum mb_json_state {
    MB_JSON_WANT_VALUE, // a value must follow
    MB_JSON_WANT_ITEM,  // the first item of an array, or its end
    MB_JSON_WANT_KEY,   // the first key of an object, or its end
    MB_JSON_WANT_MORE,  // a comma, or the end of the container
    MB_JSON_WANT_END    // nothing but white space
} mb_json_state;

typedef struct mb_json_reader {
    const char *cursor;   // the next byte
    const char *end;      // one past the last byte
    const char *start;    // the first byte
    const char *text;     // of the present event; not terminated, valid until the next call
    size_t length;        // of text
    const char *key;      // of a value inside an object; NULL for any other event. Like text
    size_t key_length;    // of key
    int64_t integer;      // of MB_JSON_INT
    double number;        // of MB_JSON_DOUBLE
    const char *problem;  // what is wrong, after MB_JSON_ERROR
    mb_buffer *unescaped; // where strings with escapes are put together
    mb_json_state state;  // what the grammar allows next
    unsigned depth;       // open containers
    bool in_object;       // the innermost one is an object
    bool objects[MB_JSON_MAX_DEPTH]; // which of the open containers are objects
} mb_json_reader;

MB_HIDDEN_BEGIN

// Begins to read `length` bytes. The buffer is the reader's own until the end; its memory is
// left for the next use.
void mb_json_read(mb_json_reader *reader, const char *text, size_t length,
                  mb_buffer *unescaped);

// The next event. After MB_JSON_ERROR, `problem` is set, `cursor` is where it was met, and the
// same is given again. After MB_JSON_END, MB_JSON_END.
mb_json_event mb_json_next(mb_json_reader *reader);

MB_HIDDEN_END

#endif
