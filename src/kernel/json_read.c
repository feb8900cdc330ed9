#include "kernel/json_read.h"

#include <string.h>

#include "kernel/decimal.h"
#include "kernel/json_plain.h"
#include "kernel/number.h"
#include "kernel/utf8.h"

void mb_json_read(mb_json_reader *reader, const char *text, size_t length, mb_buffer *unescaped)
{
    reader->cursor = reader->start = text;
    reader->end = text + length;
    reader->text = NULL;
    reader->length = 0;
    reader->key = NULL;
    reader->key_length = 0;
    reader->problem = NULL;
    reader->unescaped = unescaped;
    reader->state = MB_JSON_WANT_VALUE;
    reader->depth = 0;
    reader->in_object = false;
}

MB_COLD static mb_json_event fail(mb_json_reader *r, const char *at, const char *problem)
{
    r->cursor = at;
    r->problem = problem;
    return MB_JSON_ERROR;
}

static MB_ALWAYS_INLINE const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

// What a byte that cannot begin a value, or continue one, is.
MB_COLD static mb_json_event fail_unexpected(mb_json_reader *r, const char *at,
                                             const char *wanted)
{
    return fail(r, at, at == r->end ? "the text ends early" : wanted);
}

// ---- containers ----

static MB_ALWAYS_INLINE mb_json_event open_container(mb_json_reader *r, bool object)
{
    if (r->depth == MB_JSON_MAX_DEPTH) {
        return fail(r, r->cursor, "nested too deeply");
    }
    r->objects[r->depth++] = object;
    r->in_object = object;
    r->cursor++;
    r->state = object ? MB_JSON_WANT_KEY : MB_JSON_WANT_ITEM;
    return object ? MB_JSON_OBJECT : MB_JSON_ARRAY;
}

static mb_json_event close_container(mb_json_reader *r, const char *p)
{
    r->cursor = p + 1;
    r->depth--;
    r->in_object = r->depth > 0 && r->objects[r->depth - 1];
    r->state = r->depth > 0 ? MB_JSON_WANT_MORE : MB_JSON_WANT_END;
    return MB_JSON_CLOSE;
}

// ---- strings ----

// Why a string cannot go on at `p`.
MB_COLD static mb_json_event fail_string(mb_json_reader *r, const char *p)
{
    bool ends = p == r->end;
    return fail(r, p, ends ? "a string is not closed" : "a control character in a string");
}

// Gives the string that was found at `text`, if it is valid, and goes on after its quote at
// `p`. Escapes stand for whole characters, so what is valid without them was valid with them.
static mb_json_event give_string(mb_json_reader *r, const char *text, size_t length,
                                 unsigned high, const char *p)
{
    if (high != 0 && !mb_utf8_valid(text, length)) {
        return fail(r, p, "invalid UTF-8 in the string that ends");
    }
    r->text = text;
    r->length = length;
    r->cursor = p + 1;
    return MB_JSON_STRING;
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

// What an escape of one letter stands for, or 0. A table, because the letters come in no order
// that a processor could foresee.
static const char escapes[256] = {
    ['n'] = '\n', ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',
    ['t'] = '\t', ['r'] = '\r', ['b'] = '\b',  ['f'] = '\f',
};

// Reads the escape whose backslash is at `p`. Gives the byte after it, or NULL after a failure.
static MB_ALWAYS_INLINE const char *read_escape(mb_json_reader *r, const char *p, char **out)
{
    char byte = r->end - p >= 2 ? escapes[(unsigned char)p[1]] : '\0';
    if (MB_LIKELY(byte != '\0')) {
        *(*out)++ = byte;
        return p + 2;
    }
    const char *next = NULL;
    if (r->end - p >= 2 && p[1] == 'u') {
        next = read_unicode(p + 2, r->end, out);
    }
    if (next == NULL) {
        fail(r, p, "an invalid escape");
    }
    return next;
}

// Reads a string from its first escape at `p` on; its bytes from `start` to there are as they
// are. What comes out is never longer than what goes in, so the rest of the text is room
// enough, also for a value when its key stands in the buffer already.
static mb_json_event read_escaped(mb_json_reader *r, const char *start, const char *p,
                                  unsigned high)
{
    mb_buffer *buffer = r->unescaped;
    if (!mb_buffer_reserve(buffer, (size_t)(r->end - start) + MB_JSON_BLOCK)) {
        return fail(r, p, "not enough memory");
    }
    char *text = buffer->data + buffer->length, *out = text + (p - start);
    memcpy(text, start, (size_t)(p - start));
    while (p < r->end && *p == '\\') {
        p = read_escape(r, p, &out);
        if (p == NULL) {
            return MB_JSON_ERROR;
        }
        p = mb_json_copy_plain(&out, p, r->end, &high);
    }
    if (p == r->end || *p != '"') {
        return fail_string(r, p);
    }
    size_t length = (size_t)(out - text);
    buffer->length += length;
    return give_string(r, text, length, high, p);
}

// Reads a string of any kind whose first byte, after the quote, is at `start`.
static mb_json_event read_any_string(mb_json_reader *r, const char *start)
{
    unsigned high = 0;
    const char *p = mb_json_find_special(start, r->end, &high);
    if (MB_UNLIKELY(p == r->end || (unsigned char)*p < 0x20)) {
        return fail_string(r, p);
    }
    if (*p == '\\') {
        return read_escaped(r, start, p, high);
    }
    return give_string(r, start, (size_t)(p - start), high, p);
}

// The same. Most strings of most documents are short ASCII without an escape: they end in the
// first block.
static MB_ALWAYS_INLINE mb_json_event read_string(mb_json_reader *r, const char *start)
{
    if (MB_LIKELY(r->end - start >= MB_JSON_BLOCK)) {
        mb_json_block found = mb_json_examine(start);
        unsigned first = found.special & (0u - found.special);
        unsigned length = found.special == 0 ? 0 : mb_json_lowest(found.special);
        if (MB_LIKELY(start[length] == '"' && (found.high & (first - 1)) == 0)) {
            r->text = start;
            r->length = length;
            r->cursor = start + length + 1;
            return MB_JSON_STRING;
        }
    }
    return read_any_string(r, start);
}

// ---- numbers ----

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

// Reads the number from `start` on, of which the digits before `p` have been taken in and what
// follows makes it a double.
static mb_json_event read_double(mb_json_reader *r, const char *start, const char *p,
                                 mb_digits *digits)
{
    const char *end = r->end;
    if (p < end && *p == '.') {
        if (!is_digit(++p, end)) {
            return fail_unexpected(r, p, "a digit is missing after the point");
        }
        p = mb_take_digits(p, end, true, digits);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        const char *exponent = p++;
        p += p < end && (*p == '+' || *p == '-');
        if (!is_digit(p, end)) {
            return fail_unexpected(r, p, "a digit is missing in the exponent");
        }
        while (is_digit(p, end)) {
            p++;
        }
        digits->exponent += mb_decimal_exponent(exponent, p);
    }
    if (!mb_round_double(digits, start, (size_t)(p - start), &r->number)) {
        return fail(r, start, "a number out of range");
    }
    r->cursor = p;
    return MB_JSON_DOUBLE;
}

// Gives the integer literal from `start` to `p`.
static MB_ALWAYS_INLINE mb_json_event give_integer(mb_json_reader *r, const char *start,
                                                   const char *p, const mb_digits *digits)
{
    bool negative = *start == '-';
    r->text = start;
    r->length = (size_t)(p - start);
    r->cursor = p;
    if (digits->exponent > 0 || digits->value > (uint64_t)INT64_MAX + negative) {
        return MB_JSON_BIG;
    }
    r->integer = (int64_t)(negative ? 0 - digits->value : digits->value);
    return MB_JSON_INT;
}

static MB_ALWAYS_INLINE mb_json_event read_number(mb_json_reader *r, const char *start)
{
    const char *first = start + (*start == '-');
    mb_digits digits = { 0 };
    const char *p = mb_take_digits(first, r->end, false, &digits);
    if (p == first) {
        return fail_unexpected(r, p, "a digit is missing after the minus");
    }
    if (*first == '0' && p - first > 1) {
        return fail(r, first, "a number begins with a zero");
    }
    // An integer has no minus zero.
    bool minus_zero = digits.value == 0 && first != start;
    if (minus_zero || (p < r->end && (*p == '.' || *p == 'e' || *p == 'E'))) {
        return read_double(r, start, p, &digits);
    }
    return give_integer(r, start, p, &digits);
}

// ---- the grammar ----

static MB_ALWAYS_INLINE mb_json_event read_word(mb_json_reader *r, const char *p,
                                                const char *word, size_t length,
                                                mb_json_event event)
{
    if ((size_t)(r->end - p) < length || memcmp(p, word, length) != 0) {
        return fail(r, p, "not a JSON value");
    }
    r->cursor = p + length;
    return event;
}

// Reads the value at `p`, where there is no white space.
static MB_ALWAYS_INLINE mb_json_event read_value(mb_json_reader *r, const char *p)
{
    r->cursor = p;
    r->state = r->depth == 0 ? MB_JSON_WANT_END : MB_JSON_WANT_MORE;
    switch (p < r->end ? *p : '\0') {
    case '"':
        return read_string(r, p + 1);
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

// Reads the key at `p`, the colon after it and the beginning of its value.
static MB_ALWAYS_INLINE mb_json_event read_pair(mb_json_reader *r, const char *p)
{
    if (p == r->end || *p != '"') {
        return fail_unexpected(r, p, "a key is missing");
    }
    if (read_string(r, p + 1) == MB_JSON_ERROR) {
        return MB_JSON_ERROR;
    }
    r->key = r->text;
    r->key_length = r->length;
    p = skip_space(r->cursor, r->end);
    if (p == r->end || *p != ':') {
        return fail_unexpected(r, p, "a colon is missing after a key");
    }
    return read_value(r, skip_space(p + 1, r->end));
}

// Reads what follows a value inside a container.
static MB_ALWAYS_INLINE mb_json_event read_more(mb_json_reader *r, const char *p)
{
    if (p < r->end && *p == ',') {
        p = skip_space(p + 1, r->end);
        return r->in_object ? read_pair(r, p) : read_value(r, p);
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
    r->unescaped->length = 0;
    r->key = NULL;
    switch (r->state) {
    case MB_JSON_WANT_ITEM:
        return p < r->end && *p == ']' ? close_container(r, p) : read_value(r, p);
    case MB_JSON_WANT_KEY:
        return p < r->end && *p == '}' ? close_container(r, p) : read_pair(r, p);
    case MB_JSON_WANT_MORE:
        return read_more(r, p);
    case MB_JSON_WANT_END:
        return p == r->end ? MB_JSON_END : fail(r, p, "something follows the value");
    default:
        return read_value(r, p);
    }
}
