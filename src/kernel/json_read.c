#include "kernel/json_read.h"

#include <string.h>

#include "kernel/json_plain.h"
#include "kernel/number.h"
#include "kernel/utf8.h"

void mb_json_read(mb_json_reader *reader, const char *text, size_t length, mb_buffer *unescaped)
{
    reader->cursor = reader->start = text;
    reader->end = text + length;
    reader->text = NULL;
    reader->length = 0;
    reader->problem = NULL;
    reader->unescaped = unescaped;
    reader->state = MB_JSON_WANT_VALUE;
    reader->depth = 0;
    reader->in_object = false;
}

static mb_json_event fail(mb_json_reader *r, const char *at, const char *problem)
{
    r->cursor = at;
    r->problem = problem;
    return MB_JSON_ERROR;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

// What a byte that cannot begin a value, or continue one, is.
static mb_json_event fail_unexpected(mb_json_reader *r, const char *at, const char *wanted)
{
    return fail(r, at, at == r->end ? "the text ends early" : wanted);
}

// ---- containers ----

static mb_json_event open_container(mb_json_reader *r, bool object)
{
    if (r->depth == MB_JSON_MAX_DEPTH) {
        return fail(r, r->cursor, "nested too deeply");
    }
    uint64_t bit = UINT64_C(1) << (r->depth % 64);
    uint64_t *word = &r->objects[r->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    r->depth++;
    r->in_object = object;
    r->cursor++;
    r->state = object ? MB_JSON_WANT_KEY : MB_JSON_WANT_ITEM;
    return object ? MB_JSON_OBJECT : MB_JSON_ARRAY;
}

static mb_json_event close_container(mb_json_reader *r, const char *p)
{
    r->cursor = p + 1;
    if (--r->depth == 0) {
        r->state = MB_JSON_WANT_END;
        r->in_object = false;
        return MB_JSON_CLOSE;
    }
    unsigned outer = r->depth - 1;
    r->in_object = (r->objects[outer / 64] >> (outer % 64) & 1) != 0;
    r->state = MB_JSON_WANT_MORE;
    return MB_JSON_CLOSE;
}

// ---- strings ----

// Why `p`, before the end of the text, cannot be part of a string.
static mb_json_event fail_string(mb_json_reader *r, const char *p)
{
    if (p == r->end) {
        return fail(r, p, "a string is not closed");
    }
    return fail(r, p,
                (unsigned char)*p < 0x20 ? "a control character in a string"
                                         : "invalid UTF-8 in a string");
}

// The value of four hexadecimal digits, or -1.
static int32_t read_hex(const char *p, const char *end)
{
    int32_t code = 0;
    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = p[i] | 0x20;
        if (p[i] >= '0' && p[i] <= '9') {
            code = code * 16 + (p[i] - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            code = code * 16 + (digit - 'a' + 10);
        } else {
            return -1;
        }
    }
    return code;
}

// The second half of a surrogate pair whose first is `high`, at `p`: the character, or -1.
static int32_t read_low_surrogate(int32_t high, const char *p, const char *end)
{
    bool escaped = end - p >= 6 && p[0] == '\\' && p[1] == 'u';
    int32_t low = escaped ? read_hex(p + 2, end) : -1;
    bool paired = low >= 0xDC00 && low < 0xE000;
    return paired ? 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) : -1;
}

// Reads what follows "\u" at `p`, a surrogate pair together, and moves `out` beyond it. Gives
// the byte after it, or NULL.
static const char *read_unicode(const char *p, const char *end, char **out)
{
    int32_t code = read_hex(p, end);
    size_t length = 4;
    if (code >= 0xD800 && code < 0xDC00) {
        code = read_low_surrogate(code, p + 4, end);
        length = 10;
    }
    if (code < 0 || (code >= 0xDC00 && code < 0xE000)) {
        return NULL;
    }
    *out += mb_utf8_write(*out, (uint32_t)code);
    return p + length;
}

// Reads the escape whose backslash is at `p`. Gives the byte after it, or NULL.
static const char *read_escape(const char *p, const char *end, char **out)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2) {
        return NULL;
    }
    if (p[1] == 'u') {
        return read_unicode(p + 2, end, out);
    }
    const char *found = memchr(letters, p[1], sizeof letters - 1);
    if (found == NULL) {
        return NULL;
    }
    *(*out)++ = bytes[found - letters];
    return p + 2;
}

// Copies what stands at `p`, a character of several bytes or an escape. Gives the byte after
// it, or NULL when the text is wrong there.
static const char *copy_special(const char *p, const char *end, char **out)
{
    if (*p == '\\') {
        return read_escape(p, end, out);
    }
    size_t sequence = (unsigned char)*p < 0x80 ? 0 : mb_utf8_sequence(p, end);
    if (sequence == 0) {
        return NULL;
    }
    memcpy(*out, p, sequence);
    *out += sequence;
    return p + sequence;
}

// Reads a string from its first escape at `p` on; its bytes from `start` to there are as they
// are. What comes out is never longer than what goes in, so the rest of the text is room
// enough.
static mb_json_event read_escaped(mb_json_reader *r, const char *start, const char *p,
                                  mb_json_event event)
{
    mb_buffer *buffer = r->unescaped;
    buffer->length = 0;
    if (!mb_buffer_reserve(buffer, (size_t)(r->end - start) + MB_JSON_BLOCK)) {
        return fail(r, p, "not enough memory");
    }
    char *out = buffer->data + (p - start);
    memcpy(buffer->data, start, (size_t)(p - start));
    while (p < r->end && *p != '"') {
        const char *next = copy_special(p, r->end, &out);
        if (next == NULL) {
            return *p == '\\' ? fail(r, p, "an invalid escape") : fail_string(r, p);
        }
        p = mb_json_copy_plain(&out, next, r->end);
    }
    if (p == r->end) {
        return fail_string(r, p);
    }
    r->text = buffer->data;
    r->length = (size_t)(out - buffer->data);
    r->cursor = p + 1;
    return event;
}

// Reads the string whose first byte, after the quote, is at `start`.
static mb_json_event read_string(mb_json_reader *r, const char *start, mb_json_event event)
{
    const char *end = r->end, *p = mb_json_skip_plain(start, end);
    while (p < end && (unsigned char)*p >= 0x80) {
        size_t sequence = mb_utf8_sequence(p, end);
        if (sequence == 0) {
            return fail_string(r, p);
        }
        p = mb_json_skip_plain(p + sequence, end);
    }
    if (p == end || (*p != '"' && *p != '\\')) {
        return fail_string(r, p);
    }
    if (*p == '\\') {
        return read_escaped(r, start, p, event);
    }
    r->text = start;
    r->length = (size_t)(p - start);
    r->cursor = p + 1;
    return event;
}

// ---- numbers ----

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    while (is_digit(p, end)) {
        p++;
    }
    return p;
}

static mb_json_event read_double(mb_json_reader *r, const char *start, const char *p)
{
    if (p < r->end && *p == '.') {
        if (!is_digit(++p, r->end)) {
            return fail_unexpected(r, p, "a digit is missing after the point");
        }
        p = skip_digits(p, r->end);
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        if (!is_digit(p, r->end)) {
            return fail_unexpected(r, p, "a digit is missing in the exponent");
        }
        p = skip_digits(p, r->end);
    }
    if (!mb_parse_double(start, (size_t)(p - start), &r->number)) {
        return fail(r, start, "a number out of range");
    }
    r->cursor = p;
    return MB_JSON_DOUBLE;
}

// An integer literal from `start` to `p`, of which `digits` is the size if it has less than
// twenty digits.
static mb_json_event read_integer(mb_json_reader *r, const char *start, const char *p,
                                  uint64_t digits)
{
    bool negative = *start == '-';
    if (negative && digits == 0 && p - start == 2) {
        return read_double(r, start, p); // an integer has no minus zero
    }
    r->text = start;
    r->length = (size_t)(p - start);
    r->cursor = p;
    if (p - start - negative > 19 || digits > (uint64_t)INT64_MAX + negative) {
        return MB_JSON_BIG;
    }
    r->integer = (int64_t)(negative ? 0 - digits : digits);
    return MB_JSON_INT;
}

static mb_json_event read_number(mb_json_reader *r, const char *start)
{
    const char *p = start + (*start == '-'), *end = r->end, *first = p;
    uint64_t digits = 0;
    while (is_digit(p, end)) {
        digits = digits * 10 + (uint64_t)(*p++ - '0');
    }
    if (p == first) {
        return fail_unexpected(r, p, "a digit is missing after the minus");
    }
    if (*first == '0' && p - first > 1) {
        return fail(r, first, "a number begins with a zero");
    }
    if (p < end && (*p == '.' || *p == 'e' || *p == 'E')) {
        return read_double(r, start, p);
    }
    return read_integer(r, start, p, digits);
}

// ---- the grammar ----

static mb_json_event read_word(mb_json_reader *r, const char *p, const char *word,
                               size_t length, mb_json_event event)
{
    if ((size_t)(r->end - p) < length || memcmp(p, word, length) != 0) {
        return fail(r, p, "not a JSON value");
    }
    r->cursor = p + length;
    return event;
}

// Reads the value at `p`, where there is no white space.
static mb_json_event read_value(mb_json_reader *r, const char *p)
{
    r->cursor = p;
    r->state = r->depth == 0 ? MB_JSON_WANT_END : MB_JSON_WANT_MORE;
    switch (p < r->end ? *p : '\0') {
    case '"':
        return read_string(r, p + 1, MB_JSON_STRING);
    case '{':
        return open_container(r, true);
    case '[':
        return open_container(r, false);
    case 't':
        return read_word(r, p, "true", 4, MB_JSON_TRUE);
    case 'f':
        return read_word(r, p, "false", 5, MB_JSON_FALSE);
    case 'n':
        return read_word(r, p, "null", 4, MB_JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(r, p);
    default:
        return fail_unexpected(r, p, "not a JSON value");
    }
}

// Reads the key at `p` and the colon after it.
static mb_json_event read_key(mb_json_reader *r, const char *p)
{
    if (p == r->end || *p != '"') {
        return fail_unexpected(r, p, "a key is missing");
    }
    if (read_string(r, p + 1, MB_JSON_KEY) == MB_JSON_ERROR) {
        return MB_JSON_ERROR;
    }
    p = skip_space(r->cursor, r->end);
    if (p == r->end || *p != ':') {
        return fail_unexpected(r, p, "a colon is missing after a key");
    }
    r->cursor = p + 1;
    r->state = MB_JSON_WANT_VALUE;
    return MB_JSON_KEY;
}

// Reads what follows a value inside a container.
static mb_json_event read_more(mb_json_reader *r, const char *p)
{
    if (p < r->end && *p == ',') {
        p = skip_space(p + 1, r->end);
        return r->in_object ? read_key(r, p) : read_value(r, p);
    }
    if (p < r->end && *p == (r->in_object ? '}' : ']')) {
        return close_container(r, p);
    }
    return fail_unexpected(r, p,
                           r->in_object ? "a comma or a closing brace is missing"
                                        : "a comma or a closing bracket is missing");
}

mb_json_event mb_json_next(mb_json_reader *r)
{
    const char *p = skip_space(r->cursor, r->end);
    if (MB_UNLIKELY(r->problem != NULL)) {
        return MB_JSON_ERROR;
    }
    switch (r->state) {
    case MB_JSON_WANT_ITEM:
        return p < r->end && *p == ']' ? close_container(r, p) : read_value(r, p);
    case MB_JSON_WANT_KEY:
        return p < r->end && *p == '}' ? close_container(r, p) : read_key(r, p);
    case MB_JSON_WANT_MORE:
        return read_more(r, p);
    case MB_JSON_WANT_END:
        return p == r->end ? MB_JSON_END : fail(r, p, "something follows the value");
    default:
        return read_value(r, p);
    }
}
