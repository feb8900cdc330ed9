#include "kernel/json_write.h"

#include <string.h>

#include "kernel/json_plain.h"
#include "kernel/number.h"
#include "kernel/utf8.h"

enum { LONGEST_ESCAPE = 6 };

// The letters of the escapes of special bytes. A table, because they come in no order that a
// processor could foresee.
static const char letters[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\n'] = 'n', ['\t'] = 't',
    ['\r'] = 'r', ['\b'] = 'b',  ['\f'] = 'f',
};

// Writes the escape of a special byte and returns the end of it.
static MB_ALWAYS_INLINE char *write_escape(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = letters[byte];
    if (MB_LIKELY(out[1] != '\0')) {
        return out + 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return out + LONGEST_ESCAPE;
}

// Writes the bytes from `p` on with their escapes. Every turn has room for the rest as it is,
// an escape, the quote and what the caller puts after it.
static void write_escaped(mb_buffer *buffer, const char *p, const char *end, unsigned *high)
{
    while (p < end) {
        size_t room = (size_t)(end - p) + MB_JSON_BLOCK + LONGEST_ESCAPE + 2;
        if (!mb_buffer_reserve(buffer, room)) {
            return;
        }
        char *out = buffer->data + buffer->length;
        p = mb_json_copy_plain(&out, p, end, high);
        if (p < end) {
            out = write_escape(out, (unsigned char)*p++);
        }
        buffer->length = (size_t)(out - buffer->data);
    }
}

// Copies a string of at least a block up to its first special byte, whose index it returns. The
// last block overlaps the one before it.
static size_t copy_long(char *out, const char *p, size_t length, unsigned *high)
{
    size_t done = 0;
    while (done < length) {
        size_t next = length - done >= MB_JSON_BLOCK ? done : length - MB_JSON_BLOCK;
        mb_json_block found = mb_json_examine(p + next);
        memcpy(out + next, p + next, MB_JSON_BLOCK);
        *high |= found.high;
        if (found.special != 0) {
            return next + mb_json_lowest(found.special);
        }
        done = next + MB_JSON_BLOCK;
    }
    return length;
}

// The same for a string of any length. Of a short one all is copied or, when it is not plain,
// none.
static MB_ALWAYS_INLINE size_t copy_prefix(char *out, const char *p, size_t length,
                                           unsigned *high)
{
    if (length > MB_WORDS_LONGEST || length == 0) {
        return length == 0 ? 0 : copy_long(out, p, length, high);
    }
    mb_words words = mb_words_read(p, length);
    if (!mb_json_words_plain(words)) {
        return 0;
    }
    mb_words_write(out, length, words);
    return length;
}

// Writes a string with its quotes, and leaves room for one byte more.
static MB_ALWAYS_INLINE bool write_quoted(mb_buffer *out, const char *bytes, size_t length)
{
    unsigned high = 0;
    size_t before = out->length;
    if (!mb_buffer_reserve(out, length + 3)) {
        return true;
    }
    char *text = out->data + before;
    text[0] = '"';
    size_t plain = copy_prefix(text + 1, bytes, length, &high);
    out->length = before + 1 + plain;
    if (MB_UNLIKELY(plain < length)) {
        write_escaped(out, bytes + plain, bytes + length, &high);
    }
    if (MB_UNLIKELY(high != 0 && !mb_utf8_valid(bytes, length))) {
        out->length = before;
        return false;
    }
    mb_buffer_append_byte(out, '"');
    return true;
}

bool mb_json_write_string(mb_buffer *out, const char *bytes, size_t length)
{
    return write_quoted(out, bytes, length);
}

bool mb_json_write_key(mb_buffer *out, bool first, const char *bytes, size_t length)
{
    size_t before = out->length;
    if (!first) {
        mb_buffer_append_byte(out, ',');
    }
    if (!write_quoted(out, bytes, length)) {
        out->length = before;
        return false;
    }
    mb_buffer_append_byte(out, ':');
    return true;
}

void mb_json_write_integer(mb_buffer *out, int64_t value)
{
    if (mb_buffer_reserve(out, MB_NUMBER_SIZE)) {
        out->length += mb_format_integer(value, out->data + out->length);
    }
}

void mb_json_write_double(mb_buffer *out, double value)
{
    if (mb_buffer_reserve(out, MB_NUMBER_SIZE)) {
        out->length += mb_format_double(value, out->data + out->length);
    }
}
