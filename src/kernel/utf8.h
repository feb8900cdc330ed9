// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#ifndef MB_KERNEL_UTF8_H
#define MB_KERNEL_UTF8_H

#include "kernel/common.h"

MB_HIDDEN_BEGIN

// Whether all `length` bytes are valid UTF-8.
bool mb_utf8_valid(const char *bytes, size_t length);

// Writes the character `code` (a scalar value up to 0x10FFFF) to `out`, which has room for 4
// bytes, and returns their number.
size_t mb_utf8_write(char *out, uint32_t code);

MB_HIDDEN_END

static inline bool mb_utf8_continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

// The length of the valid character of two or more bytes that begins at `p`, before `end`; 0
// when there is none.
static inline size_t mb_utf8_sequence(const char *p, const char *end)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    if (s[0] < 0xE0) {
        return s[0] >= 0xC2 && left >= 2 && mb_utf8_continues(s[1]) ? 2 : 0;
    }
    if (s[0] < 0xF0) {
        if (left < 3 || !mb_utf8_continues(s[1]) || !mb_utf8_continues(s[2])) {
            return 0;
        }
        bool overlong = s[0] == 0xE0 && s[1] < 0xA0;
        bool surrogate = s[0] == 0xED && s[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (s[0] > 0xF4 || left < 4 || !mb_utf8_continues(s[1]) || !mb_utf8_continues(s[2]) ||
        !mb_utf8_continues(s[3])) {
        return 0;
    }
    bool overlong = s[0] == 0xF0 && s[1] < 0x90;
    bool too_large = s[0] == 0xF4 && s[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

#endif
