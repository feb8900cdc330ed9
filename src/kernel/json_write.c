#include "kernel/json_write.h"

#include <string.h>

#include "kernel/json_plain.h"
#include "kernel/number.h"
#include "kernel/utf8.h"

enum { LONGEST_ESCAPE = 6 };

// Writes the escape of a byte that needs one and returns the end of it.
static char *write_escape(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef", letters[] = "btn?fr";
    *out++ = '\\';
    if (byte == '"' || byte == '\\') {
        *out++ = (char)byte;
    } else if (byte >= '\b' && byte <= '\r' && byte != '\v') {
        *out++ = letters[byte - '\b'];
    } else {
        memcpy(out, "u00", 3);
        out[3] = hex[byte >> 4];
        out[4] = hex[byte & 15];
        out += 5;
    }
    return out;
}

// Writes the character at `p`, which is not a plain byte. Gives the byte after it, or NULL when
// it is not valid UTF-8.
static const char *write_special(char **out, const char *p, const char *end)
{
    if ((unsigned char)*p < 0x80) {
        *out = write_escape(*out, (unsigned char)*p);
        return p + 1;
    }
    size_t sequence = mb_utf8_sequence(p, end);
    if (sequence == 0) {
        return NULL;
    }
    memcpy(*out, p, sequence);
    *out += sequence;
    return p + sequence;
}

// Writes a string from its first special character at `p` on, to the end of the buffer. False
// when it is not valid UTF-8. Every turn has room for one escape, the rest unescaped and the
// quote.
static bool write_rest(mb_buffer *buffer, const char *p, const char *end)
{
    while (p < end) {
        size_t room = LONGEST_ESCAPE + (size_t)(end - p) + MB_JSON_BLOCK + 1;
        if (!mb_buffer_reserve(buffer, room)) {
            return true;
        }
        char *out = buffer->data + buffer->length;
        p = write_special(&out, p, end);
        if (p == NULL) {
            return false;
        }
        p = mb_json_copy_plain(&out, p, end);
        buffer->length = (size_t)(out - buffer->data);
    }
    return true;
}

bool mb_json_write_string(mb_buffer *out, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    size_t before = out->length;
    if (!mb_buffer_reserve(out, length + MB_JSON_BLOCK + 2)) {
        return true;
    }
    char *cursor = out->data + before;
    *cursor++ = '"';
    const char *rest = mb_json_copy_plain(&cursor, bytes, end);
    out->length = (size_t)(cursor - out->data);
    if (rest < end && !write_rest(out, rest, end)) {
        out->length = before;
        return false;
    }
    mb_buffer_append_byte(out, '"');
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
