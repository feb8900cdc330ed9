#include "kernel/utf8.h"

#include <string.h>

// The first byte from `p` on that is not ASCII, or `end`; eight are looked at at a time.
static const char *skip_ascii(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        p += 8;
    }
    while (p < end && (unsigned char)*p < 0x80) {
        p++;
    }
    return p;
}

bool mb_utf8_valid(const char *bytes, size_t length)
{
    const char *end = bytes + length;
    for (const char *p = skip_ascii(bytes, end); p < end; p = skip_ascii(p, end)) {
        size_t sequence = mb_utf8_sequence(p, end);
        if (sequence == 0) {
            return false;
        }
        p += sequence;
    }
    return true;
}

size_t mb_utf8_write(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(code | (length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0));
    return length;
}
